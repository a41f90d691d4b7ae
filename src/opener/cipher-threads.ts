/** AES in CFB for whole batches, in threads of their own: a browser does it no other way, and this is what takes the time. */
import { cfb } from '@noble/ciphers/aes.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** The name of these threads, by which the program knows what it is to be. */
export const CIPHER_THREAD = 'cipher';

interface Job {
  key: Uint8Array;
  /** The 16 bytes of ciphertext before `data`. */
  previous: Uint8Array;
  data: Bytes;
}

/** The thread's side: jobs in, plaintext out, in order. */
export function serveCipher(): void {
  const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
  scope.onmessage = ({ data: { key, previous, data } }: MessageEvent<Job>) => {
    const plain = cfb(key, previous).decrypt(data) as Bytes;
    scope.postMessage(plain, [plain.buffer]);
  };
}

interface DedicatedWorkerGlobalScope {
  onmessage: ((event: MessageEvent<Job>) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
}

/** As many threads as help; the order in which jobs come back is that of their promises. */
export class CipherThreads {
  readonly #threads: {
    worker: Worker;
    waiting: { resolve: (plain: Bytes) => void; reject: (error: Error) => void }[];
  }[] = [];

  /** `program`: the script of this page. A thread may start only what it made an address for itself. */
  constructor(program: Blob) {
    const address = URL.createObjectURL(program);
    // One for reading, hashing and unpacking; with two processors the second deciphers.
    const count = Math.min(4, Math.max(1, navigator.hardwareConcurrency - 1));
    for (let i = 0; i < count; i++) {
      const worker = new Worker(address, { name: CIPHER_THREAD });
      const thread = { worker, waiting: [] as { resolve: (plain: Bytes) => void; reject: (error: Error) => void }[] };
      worker.onmessage = ({ data }: MessageEvent<Bytes>) => thread.waiting.shift()?.resolve(data);
      worker.onerror = (event) => {
        for (const { reject } of thread.waiting.splice(0)) reject(new Error(event.message));
      };
      this.#threads.push(thread);
    }
  }

  /** `data` goes to the thread and is gone here. */
  decrypt(job: Job): Promise<Bytes> {
    const thread = this.#threads.reduce((least, other) =>
      other.waiting.length < least.waiting.length ? other : least,
    );
    return new Promise((resolve, reject) => {
      thread.waiting.push({ resolve, reject });
      thread.worker.postMessage(job, [job.data.buffer]);
    });
  }

  end(): void {
    for (const { worker } of this.#threads) worker.terminate();
  }
}
