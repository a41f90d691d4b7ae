/** Small inputs that unfold to much: limited by a verified receipt, --max-size or the free disk space; nothing is left, and memory stays bounded. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { fileOf, gzipBomb, zstdBomb } from '../support/bombs.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, json } from '../support/cli.js';
import { archive, raw } from '../support/hostile-tar.js';
import { compat, type HostileSuitcase, modern, Receiver } from '../support/hostile-suitcase.js';
import { asRoot, peer } from '../support/peers.js';
import { run, type Finished } from '../support/process.js';

const GIB = 2 ** 30;
/** depot with nothing to do takes some 150 MiB with its thread; the bombs hold many GiB. */
const MEMORY_KIB = 450 * 1024;

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.create('modern');
});

async function measured(
  work: (options: { node: string[]; env: NodeJS.ProcessEnv }) => Promise<Finished>,
): Promise<Finished> {
  const file = join(tempDir('depot-memory'), 'peak');
  const result = await work({
    node: ['--import', `${checkout}tests/support/peak-memory.mjs`],
    env: { PEAK_MEMORY_FILE: file },
  });
  expect(Number(readFileSync(file, 'latin1')), 'peak memory in KiB').toBeLessThan(MEMORY_KIB);
  return result;
}

/** Decrypts, and expects exit 23 and not a trace of output. */
async function refused(suitcase: HostileSuitcase, args: string[], says: RegExp): Promise<void> {
  const out = receiver.out();
  const result = await measured((options) => receiver.decrypt(suitcase, out, [...args, '--json'], options));
  expect(json(result).error, result.stderr).toMatchObject({ code: 'archive-refused', exit: 23 });
  expect(json(result).error!.message).toMatch(says);
  // A user who expects this much can type what the hint says.
  if (says === large) expect(json(result).error!.hint).toMatch(toType);
  expect(result.code).toBe(23);
  expect(readdirSync(dirname(out)), 'nothing is left').toEqual([]);
}

const large = /the content is larger than \d+ bytes/;
const toType = /--max-size \d+(?:Ki|Mi|Gi|Ti)B$/;
const bombs: [string, () => Buffer, 'none' | 'gzip' | 'zstd'][] = [
  ['zstd, 34 GiB from 1 MiB', () => zstdBomb(fileOf(34 * GIB), 34 * GIB), 'zstd'],
  ['gzip, 8 GiB from 8 MiB', () => gzipBomb(fileOf(8 * GIB), 8 * GIB), 'gzip'],
];

describe.each(bombs)('%s', (_, bomb, compression) => {
  test.each([
    ['compat', compat],
    ['modern', modern],
  ] as const)('stops at what a verified receipt says (%s)', async (_name, encryption) => {
    const suitcase = await receiver.seal(bomb(), { encryption, compression });
    await refused(suitcase, receiver.proof(suitcase), large);
  });

  test('stops at --max-size, whatever an unverified receipt says', async () => {
    const suitcase = await receiver.seal(bomb(), { compression, dataset: { entries: 1, bytes: 34 * GIB } });
    await refused(suitcase, ['--receipt', suitcase.receiptFile, '--max-size', '32MiB'], large);
    await refused(suitcase, ['--max-size', '32MiB'], large);
  });

  test('verify --deep stops at the same place, and at --max-size', async () => {
    const suitcase = await receiver.seal(bomb(), { compression });
    for (const args of [receiver.proof(suitcase), ['--max-size', '32MiB', '--no-signature']]) {
      const result = await measured((options) =>
        receiver.verify(suitcase, [...args, '--key', receiver.key.secretKey, '--deep', '--json'], options),
      );
      expect(json(result).checks).toContainEqual({
        name: 'contents',
        result: 'failed',
        detail: expect.stringMatching(new RegExp(`${large.source}.*${toType.source}`)) as string,
      });
      expect(result.code).toBe(23);
    }
  });

  test('--stdout emits nothing beyond the bound', async () => {
    const suitcase = await receiver.seal(bomb(), { compression });
    const { depot } = await import('../support/cli.js');
    const result = await measured((options) =>
      depot(['decrypt', suitcase.file, '--key', receiver.key.secretKey, '--stdout', '--max-size', '1MiB'], options),
    );
    expect(result.code).toBe(23);
    expect(result.bytes.length).toBe(0);
  });
});

test('verify --deep says which limit was reached, where the limit comes from, and how to raise it', async () => {
  const suitcase = await receiver.seal(zstdBomb(fileOf(80 << 20), 80 << 20), {
    compression: 'zstd',
    dataset: { entries: 1, bytes: 1000 },
  });
  const key = ['--key', receiver.key.secretKey, '--deep'];
  const bound = 1000 + 16_384 + (64 << 20);
  for (const [args, says] of [
    [
      ['--receipt', suitcase.receiptFile, '--no-signature'],
      `the content is larger than ${bound} bytes, the largest size possible for the dataset in the receipt (nobody verified its signature); add --signer FILE to know whose receipt it is; or, if you expect that much, allow more: --max-size 129MiB`,
    ],
    [
      receiver.proof(suitcase),
      `the content is larger than ${bound} bytes, the largest size possible for the dataset in the receipt; do not use it, and tell the supplier; to look at it anyway, allow more: --max-size 129MiB`,
    ],
  ] as const) {
    const result = await receiver.verify(suitcase, [...args, ...key]);
    expect([result.code, result.stdout]).toEqual([23, expect.stringContaining(says)]);
    expect(result.stderr).not.toContain('hint');
  }
  const more = await receiver.verify(suitcase, [...receiver.proof(suitcase), ...key, '--max-size', '129MiB', '--json']);
  expect(JSON.stringify(json(more).checks)).toContain('cut off');
});

/** A file of so many bytes with six hard links to it. */
function manyLinks(bytes: number): Buffer {
  return gzipSync(
    archive(
      raw({ name: 'file', body: Buffer.alloc(bytes) }),
      ...Array.from({ length: 6 }, (_, i) => raw({ name: `link${i}`, type: '1', link: 'file' })),
    ),
  );
}

const withoutLinks = { node: ['--import', `${checkout}tests/support/preload-no-links.mjs`] };

describe('other ways to fill a disk or memory', () => {
  test('a verified receipt sets the bound, however large the contents claim to be', async () => {
    const suitcase = await receiver.seal(zstdBomb(fileOf(GIB), GIB), {
      compression: 'zstd',
      dataset: { entries: 1, bytes: 1000 },
    });
    await refused(suitcase, [...receiver.proof(suitcase)], /larger than 6\d{7} bytes/);
  });

  test('nested compression is opened only once, and what is inside is then no tar', async () => {
    const inner = gzipBomb(fileOf(GIB), GIB);
    for (const [name, content] of [
      ['gzip', gzipSync(inner)],
      ['gzip', gzipSync(gzipSync(inner))],
      ['zstd', zstdBomb(inner.subarray(0, 100_000), 0)],
    ] as const) {
      await refused(
        await receiver.seal(content, { compression: name }),
        [],
        /not a tar archive, but compressed with (?:gzip|zstd) twice/,
      );
    }
  });

  test('a file of 8 TiB with no contents behind its header is refused', async () => {
    await refused(
      await receiver.seal(archive(raw({ name: 'a', size: Buffer.from([0x80, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0]) }))),
      [],
      /cut off/,
    );
  });

  test('more entries than the receipt has are refused: empty files are small in the suitcase, but not on a disk', async () => {
    const entries = Buffer.concat(
      Array.from({ length: 3000 }, (_, i) => raw({ name: `d${i}/`, type: '5', mode: 0o755 })),
    );
    const suitcase = await receiver.seal(gzipSync(archive(entries)), {
      compression: 'gzip',
      dataset: { entries: 5, bytes: 5 },
    });
    await refused(suitcase, receiver.proof(suitcase), /more than \d+ entries/);
  });

  test('hard links to one file count as copies where they become copies', async () => {
    const suitcase = await receiver.seal(manyLinks(1 << 20), { compression: 'gzip' });
    const out = receiver.out();
    const { error } = json(await receiver.decrypt(suitcase, out, ['--max-size', '4MiB', '--json'], withoutLinks));
    expect(error).toMatchObject({
      code: 'archive-refused',
      message: expect.stringMatching(large) as string,
      hint: expect.stringMatching(toType) as string,
    });
    expect(readdirSync(dirname(out)), 'nothing is left').toEqual([]);
  });

  test('a zstd window of 2 GiB, declared in twenty bytes, is refused', async () => {
    const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3]), Buffer.alloc(30)]);
    await refused(await receiver.seal(frame, { compression: 'zstd' }), [], /zstd data inside the suitcase/);
  });

  test.each([
    ['compat', compat],
    ['modern', modern],
  ] as const)(
    'contents in parts of one byte each, which OpenPGP allows, are read in bounded time (%s)',
    async (_, encryption) => {
      const { sealInTinyParts } = await import('../support/hostile-suitcase.js');
      const began = Date.now();
      const suitcase = await sealInTinyParts(receiver, Buffer.alloc(3 << 20, 1), encryption);
      const result = await measured((options) =>
        receiver.verify(suitcase, ['--key', receiver.key.secretKey, '--deep', '--no-signature'], options),
      );
      expect(result.code).toBe(23);
      expect(Date.now() - began).toBeLessThan(40_000);
    },
  );
});

/** A file system of its own; null where mounts are forbidden. */
async function smallDisk(options: string): Promise<string | null> {
  const disk = join(tempDir('depot-disk'), 'small');
  mkdirSync(disk);
  const mounted = await run(peer('mount')!, ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
  if (mounted.code !== 0) {
    if (process.env['DEPOT_TEST_PEERS'] === 'required') throw new Error(`mount: ${mounted.stderr}`);
    return null;
  }
  cleanup(() => run('umount', ['-l', disk]));
  return disk;
}

describe.skipIf(peer('mount') === undefined || !asRoot())('without receipt and --max-size', () => {
  test('the free disk space is the bound, with holes counted in full', async ({ skip }) => {
    const disk = (await smallDisk('size=24m')) ?? skip();
    writeFileSync(join(disk, 'of the user'), 'x');
    const out = join(disk, 'out');
    const suitcase = await receiver.seal(zstdBomb(fileOf(GIB), GIB), { compression: 'zstd' });
    const result = await measured((options) => receiver.decrypt(suitcase, out, ['--json'], options));
    expect(json(result).error).toMatchObject({
      code: 'local-disk-full',
      exit: 5,
      message: expect.stringMatching(
        /^not enough room for the contents: 2\d MiB free on the file system of .*small; nothing was kept$/,
      ) as string,
      hint: expect.stringMatching(/--out.*--max-size 4\dMiB$/) as string,
    });
    expect(existsSync(`${out}.partial`)).toBe(false);
    expect(readdirSync(disk)).toEqual(['of the user']);
  });

  test('copies of hard links count towards the bound', async ({ skip }) => {
    const disk = (await smallDisk('size=24m')) ?? skip();
    const suitcase = await receiver.seal(manyLinks(4 << 20), {
      compression: 'gzip',
      dataset: { entries: 7, bytes: 4 << 20 },
    });
    for (const proof of [[], receiver.proof(suitcase)]) {
      const { error } = json(await receiver.decrypt(suitcase, join(disk, 'out'), [...proof, '--json'], withoutLinks));
      expect(error).toMatchObject({
        code: 'local-disk-full',
        exit: 5,
        message: expect.stringMatching(/^not enough room for the contents: 2\d MiB free/) as string,
      });
      expect(readdirSync(disk)).toEqual([]);
    }
  });

  test.for<[string, Buffer[]]>([
    ['many files', Array.from({ length: 1000 }, (_, i) => raw({ name: `f${i}` }))],
    [
      'few files with many directories above them',
      Array.from({ length: 10 }, (_, i) => raw({ name: `${`d${i}/`.repeat(24)}f` })),
    ],
  ])('the number of files that the disk can still hold is a bound too: %s', async ([, entries], { skip }) => {
    const disk = (await smallDisk('size=24m,nr_inodes=200')) ?? skip();
    const out = join(disk, 'out');
    const suitcase = await receiver.seal(gzipSync(archive(...entries)), { compression: 'gzip' });
    const { error } = json(await receiver.decrypt(suitcase, out, ['--json']));
    expect(error).toMatchObject({
      code: 'local-disk-full',
      exit: 5,
      message: expect.stringMatching(/not enough room for the contents: 1\d\d files free/) as string,
    });
    expect(readdirSync(disk)).toEqual([]);
  });
});
