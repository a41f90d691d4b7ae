import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isOutbound, markSuitcaseBlock, type SuitcaseBlock } from '../../src/outbound.js';
import type { SealResult, Sealing } from '../../src/seal/sealing.js';
import { openSpool, SpoolFault, writeSpool } from '../../src/seal/spool.js';
import { tempDir } from '../support/cleanup.js';
import { privateDirectory, privateFile } from '../support/platform.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A sealing that yields these bytes in pieces, and fails after them when told to. */
function sealingOf(bytes: Buffer, failure?: Error): Sealing & { released: number } {
  const sealing = {
    released: 0,
    blocks: (async function* () {
      for (let at = 0; at < bytes.length; at += 700_000)
        yield markSuitcaseBlock(new Uint8Array(bytes.subarray(at, at + 700_000)));
      if (failure !== undefined) throw failure;
    })(),
    release: () => {
      sealing.released++;
    },
    result: Promise.resolve({ bytes: bytes.length, sha256: sha256(bytes) } as SealResult),
    stop: () => Promise.resolve(),
  };
  return sealing;
}

async function read(file: string, bytes: Buffer, from: number): Promise<{ bytes: Buffer; blocks: SuitcaseBlock[] }> {
  const spool = await openSpool(file, { bytes: bytes.length, sha256: sha256(bytes) }, from);
  const blocks: SuitcaseBlock[] = [];
  const copies: Buffer[] = [];
  try {
    for await (const block of spool.blocks()) {
      blocks.push(block);
      copies.push(Buffer.from(block));
      spool.release(block);
    }
  } finally {
    await spool.close();
  }
  return { bytes: Buffer.concat(copies), blocks };
}

describe('a spool', () => {
  test.each([0, 1, 1_048_575, 1_048_576, 3_000_001])(
    'of %i bytes is read back from any offset, in blocks that may be uploaded',
    async (length) => {
      const file = join(tempDir(), 'spool/x.pgp');
      const bytes = randomBytes(length);
      const sealing = sealingOf(bytes);
      expect(await writeSpool(file, sealing, () => undefined)).toMatchObject({ bytes: length, sha256: sha256(bytes) });
      expect(sealing.released).toBe(Math.ceil(length / 700_000));
      expect(statSync(file).mode & 0o777).toBe(privateFile);
      expect(statSync(join(file, '..')).mode & 0o777).toBe(privateDirectory);
      for (const from of new Set([0, Math.min(1, length), length >>> 1, length])) {
        const { bytes: rest, blocks } = await read(file, bytes, from);
        expect(rest.equals(bytes.subarray(from))).toBe(true);
        expect(blocks.every(isOutbound)).toBe(true);
      }
    },
  );

  test('is removed if the sealing fails', async () => {
    const file = join(tempDir(), 'spool/x.pgp');
    await expect(
      writeSpool(file, sealingOf(randomBytes(2_000_000), new Error('a source failed')), () => undefined),
    ).rejects.toThrow('a source failed');
    expect(existsSync(file)).toBe(false);
  });

  test.each<[string, (file: string, bytes: Buffer) => void]>([
    [
      'with one bit changed',
      (file, bytes) => {
        bytes[1_500_000] ^= 1;
        writeFileSync(file, bytes);
      },
    ],
    ['that is cut short', (file, bytes) => writeFileSync(file, bytes.subarray(1))],
    ['with more behind it', (file, bytes) => writeFileSync(file, Buffer.concat([bytes, Buffer.from('x')]))],
    ['that is gone', (file) => rmSync(file)],
  ])('%s gives out nothing', async (_, change) => {
    const file = join(tempDir(), 'spool/x.pgp');
    const bytes = randomBytes(2_000_000);
    await writeSpool(file, sealingOf(bytes), () => undefined);
    change(file, Buffer.from(bytes));
    for (const from of [0, 1_600_000]) {
      const error: unknown = await openSpool(file, { bytes: bytes.length, sha256: sha256(bytes) }, from).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ code: 'local-unreadable' });
      expect(error).toBeInstanceOf(SpoolFault);
    }
  });

  test('that changes while it is read ends with an error', async () => {
    const file = join(tempDir(), 'spool/x.pgp');
    const bytes = randomBytes(3_000_000);
    await writeSpool(file, sealingOf(bytes), () => undefined);
    const spool = await openSpool(file, { bytes: bytes.length, sha256: sha256(bytes) }, 1000);
    const changed = readFileSync(file);
    changed[2_900_000] ^= 1;
    writeFileSync(file, changed);
    await expect(
      (async () => {
        for await (const block of spool.blocks()) spool.release(block);
      })(),
    ).rejects.toMatchObject({ code: 'local-unreadable' });
    await spool.close();
  });
});
