import type { Transform } from 'node:stream';

/**
 * zstd in `node:zlib`, which is there from Node 22.15 on. The types that depot is checked against are Node 20's, so that
 * nothing newer slips in unnoticed; what is used where the runtime has it is declared here.
 */
declare module 'node:zlib' {
  interface ZstdOptions {
    params?: Record<number, number>;
    chunkSize?: number;
  }
  /** Undefined before Node 22.15. */
  const zstdCompress: (
    buffer: Uint8Array,
    options: ZstdOptions,
    callback: (error: Error | null, result: Buffer<ArrayBuffer>) => void,
  ) => void;
  /** Undefined before Node 22.15. */
  const createZstdDecompress: ((options?: ZstdOptions) => Transform & { readonly bytesWritten: number }) | undefined;
  namespace constants {
    const ZSTD_c_compressionLevel: number;
    const ZSTD_d_windowLogMax: number;
  }
}
