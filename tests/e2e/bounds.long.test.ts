/**
 * Memory does not grow with the names in one directory, nor with the depth of nested ones: the highest resident size of the
 * process, as the system counts it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { expect, test } from 'vitest';
import { Archive } from '../../src/dataset/archive.js';
import { fromText } from '../../src/dataset/bytestring.js';
import { checkout, type DepotOptions, json } from '../support/cli.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import type { Finished } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

/** docs/performance.md shows 150 to 197. */
const MOST_MIB = 200;
/** With the index of a chain beside it. */
const MOST_MIB_CHAIN = 250;
const FILES = 1_000_000;
/** A busy disk creates about 5,000 files a second. */
const TIMEOUT_MS = 1_800_000;

test.skipIf(!peers('sshd', 'ssh-keygen'))(
  'a push of 1,000,000 files in one directory stays within bounded memory',
  async () => {
    const supplier = await Supplier.create(await startSshd());
    const directory = join(supplier.data, 'one');
    mkdirSync(directory);
    try {
      for (let i = 0; i < 1_000_000; i++)
        writeFileSync(
          join(directory, `f${String(i).padStart(8, '0')}.json`),
          `{"id": ${i}, "note": "customer record of about one hundred bytes, which is all there is in this file"}\n`,
        );
      const pushed = await bounded((options) => supplier.depot(['push', supplier.arrangement, '--json'], options));
      expect(pushed.code, pushed.stderr).toBe(0);
      expect(json(pushed).results?.[0].deposit?.receipt.dataset.entries).toBeGreaterThan(1_000_000);
    } finally {
      // Within the test's own time limit: on a slow disk this takes minutes.
      rmSync(directory, { recursive: true });
    }
  },
  TIMEOUT_MS,
);

test.skipIf(!peers('sshd', 'ssh-keygen'))(
  'a full deposit of 1,000,000 files, and an increment in which 1,000 changed, stay within bounded memory',
  async () => {
    const supplier = await Supplier.create(await startSshd(), {
      arrangement: { incremental: { agentKeeps: '90d' } },
    });
    const file = (i: number): string => join(supplier.data, String(i >> 14), `f${i}.json`);
    try {
      for (let i = 0; i < FILES; i++) {
        if (i % (1 << 14) === 0) mkdirSync(dirname(file(i)));
        writeFileSync(file(i), `{"id": ${i}, "note": "customer record"}\n`);
      }
      const push = async (): Promise<Record<string, unknown>> => {
        const pushed = await bounded(
          (options) => supplier.depot(['push', supplier.arrangement, '--json'], options),
          MOST_MIB_CHAIN,
        );
        expect(pushed.code, pushed.stderr).toBe(0);
        return json(pushed).results?.[0].deposit?.receipt as unknown as Record<string, unknown>;
      };
      expect(await push()).toMatchObject({ chain: { number: 0 } });
      for (let i = 0; i < FILES; i += FILES / 1000) writeFileSync(file(i), `{"id": ${i}, "note": "changed"}\n`);
      expect(await push()).toMatchObject({
        chain: { number: 1, entries: FILES + Math.ceil(FILES / (1 << 14)) + 1 },
        dataset: { bytes: expect.any(Number) as number },
      });
    } finally {
      rmSync(supplier.data, { recursive: true });
    }
  },
  TIMEOUT_MS,
);

test(
  '16,300 nested directories pass verify --deep in bounded memory, and decrypt refuses them and leaves nothing',
  async () => {
    const receiver = await Receiver.create('modern');
    const suitcase = await receiver.seal(await nested(16_300), { compression: 'gzip' });
    const verified = await bounded((options) =>
      receiver.verify(suitcase, ['--key', receiver.key.secretKey, '--deep', '--no-signature', '--json'], options),
    );
    expect(json(verified).checks).toContainEqual(expect.objectContaining({ name: 'contents', result: 'passed' }));
    const out = receiver.out();
    const opened = await bounded((options) => receiver.decrypt(suitcase, out, ['--json'], options));
    expect(json(opened).error).toMatchObject({
      code: 'archive-refused',
      message: expect.stringContaining("cannot hold an entry's name") as string,
    });
    expect(readdirSync(dirname(out))).toEqual([]);
  },
  TIMEOUT_MS,
);

/** Runs depot, and expects that it stayed within bounds. */
async function bounded(work: (options: DepotOptions) => Promise<Finished>, most = MOST_MIB): Promise<Finished> {
  const file = join(tempDir('depot-memory'), 'peak');
  const result = await work({
    node: ['--import', `${checkout}tests/support/peak-memory.mjs`],
    env: { PEAK_MEMORY_FILE: file },
    timeoutMs: TIMEOUT_MS,
  });
  const mebibytes = Number(readFileSync(file, 'latin1')) / 1024;
  expect(mebibytes, 'peak memory in MiB').toBeLessThan(most);
  return result;
}

/** The gzip of an archive as depot makes it, by depot's own code: half a GiB of it. */
async function nested(levels: number): Promise<Uint8Array> {
  const gzip = createGzip({ level: 1 });
  const whole = buffer(gzip);
  const archive = new Archive(1);
  const write = async (chunks: Iterable<Uint8Array>): Promise<void> => {
    for (const chunk of chunks) if (!gzip.write(chunk)) await new Promise((drained) => gzip.once('drain', drained));
  };
  await write(archive.document('README.md', Buffer.from('what is where\n')));
  let path = 'data';
  for (let level = 0; level < levels; level++) {
    path += '/d';
    await write(
      archive.withoutContent({
        path: fromText(path),
        type: 'directory',
        size: 0,
        mode: 0o755,
        mtimeNs: archive.startedNs,
        linkTarget: null,
      }),
    );
  }
  await write(archive.finish({ entries: archive.entries, bytes: archive.bytes, skipped: {}, complete: true }));
  gzip.end();
  return whole;
}
