import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ChainSummary } from '../../../src/dataset/increment/chain-night.js';
import type { SourceSpec } from '../../../src/source.js';
import { tempDir } from '../../support/cleanup.js';
import { members, pack, type PackOptions } from '../packing.js';
import { restored } from './restored.js';

export interface PackedNight {
  tar: Buffer;
  /** Bytes of content that this night's archive holds: of files, and of pieces. */
  sent: number;
  /** Paths under `data/` with an entry. */
  entries: string[];
  chain: ChainSummary;
  warnings: string[];
  /** Bytes of the dataset that had been read, chunk by chunk. */
  read: number[];
}

/** Nights packed one upon the other, without sealing. */
export class PackedChain {
  readonly #root = tempDir('chain');
  readonly #archives: Buffer[] = [];
  readonly #deposits: { depositId: string; bytes: number; sha256: string }[] = [];

  constructor(readonly sources: SourceSpec[]) {}

  async night(options: PackOptions & { reread?: boolean } = {}): Promise<PackedNight> {
    const { reread = false, ...more } = options;
    const number = this.#archives.length;
    const depositId = `acme-crm_20261122T0030${String(number).padStart(2, '0')}Z_5f0c9a1e77b2d410`;
    const { tar, summary, warnings, progress } = await pack(this.sources, {
      depositId,
      chain: {
        index: join(this.#root, `${number}.index`),
        key: Buffer.alloc(32, 7),
        recipients: ['A'],
        reread,
        startedAt: `2026-11-22T00:30:${String(number).padStart(2, '0')}Z`,
        base: number === 0 ? null : { index: join(this.#root, `${number - 1}.index`), deposits: [...this.#deposits] },
      },
      ...more,
    });
    const chain = summary.chain!;
    expect(chain).toMatchObject({ number, whyFull: null });
    this.#archives.push(tar);
    this.#deposits.push({ depositId, bytes: tar.length, sha256: createHash('sha256').update(tar).digest('hex') });
    return {
      tar,
      sent: summary.bytes,
      entries: members(tar)
        .map(({ path }) => path)
        .filter((path) => path.startsWith('data/')),
      chain,
      warnings,
      read: progress.map(({ bytes }) => bytes),
    };
  }

  /** The last night, after all that the chain says. */
  restored(): ReturnType<typeof restored> {
    return restored(this.#archives);
  }

  /** The content of a path in the last night; null when it is not there. */
  content(path: string): Buffer | null {
    return this.restored().get(path)?.content ?? null;
  }

  /** The paths of the last night. */
  paths(): string[] {
    return [...this.restored().keys()].sort();
  }

  /** That the last night has this file as it is on disk. */
  expectSame(path: string, file: string): void {
    expect(this.content(path)?.equals(readFileSync(file)), path).toBe(true);
  }
}
