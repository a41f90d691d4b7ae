import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ManifestCheck } from '../../src/dataset/compare.js';
import { sha256 } from '../../src/primitives.js';
import type { SourceSpec } from '../../src/source.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { directorySource, fileSource, manifestEntries, member, members, pack, type Packed } from './packing.js';

const LARGE = 3_000_000;

/** A directory with `large`, which takes several chunks, and then other things: time to change both while it is read. */
function exportDirectory(): string {
  const directory = tempDir('export');
  writeFileSync(join(directory, 'large'), pattern(LARGE));
  writeFileSync(join(directory, 'small'), 'small\n');
  mkdirSync(join(directory, 'sub'));
  writeFileSync(join(directory, 'sub', 'inner'), 'inner\n');
  return directory;
}

/** Packs, and calls `change` while `large` is half read. */
async function packWhile(source: SourceSpec, change: () => void, warnings: string[] = []): Promise<Packed> {
  return pack([source], { onChunk: (n) => n === 1 && change() }, warnings);
}

function agreesWithItsManifest(tar: Buffer): void {
  const check = new ManifestCheck({ hash: sha256 });
  const reader = new TarReader(check);
  reader.write(tar);
  reader.end();
  expect(check.finish().problems).toEqual([]);
}

describe.each<[what: string, change: (path: string) => void, how: RegExp]>([
  ['grows', (path) => appendFileSync(path, 'more'), /changed while it was read \(from 3000000 to 3000004 bytes\)$/],
  ['gets shorter than what was read', (path) => truncateSync(path, 10), /got shorter while it was read$/],
  ['gets a little shorter', (path) => truncateSync(path, LARGE - 1), /got shorter while it was read$/],
  [
    'is overwritten in place',
    (path) => writeFileSync(path, pattern(LARGE, 2), { flag: 'r+' }),
    /changed while it was read$/,
  ],
  [
    'is overwritten in place, and its time set back',
    (path) => {
      writeFileSync(path, pattern(LARGE, 2), { flag: 'r+' });
      utimesSync(path, 1_700_000_000, 1_700_000_000);
    },
    /changed while it was read$/,
  ],
  [
    'is replaced by another of that name',
    (path) => {
      writeFileSync(`${path}.new`, pattern(LARGE, 2));
      renameSync(`${path}.new`, path);
    },
    /changed while it was read$/,
  ],
])('a file that %s while it is read', (_, change, how) => {
  test('is an error', async () => {
    const path = join(exportDirectory(), 'large');
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    await expect(packWhile(fileSource(path), () => change(path))).rejects.toMatchObject({
      code: 'source-changed',
      message: expect.stringMatching(how),
    });
  });

  test('with onChange: warn, is stored with the size in its header, marked as changed, and a warning names it', async () => {
    const path = join(exportDirectory(), 'large');
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    const { tar, summary, warnings } = await packWhile(fileSource(path, { onChange: 'warn' }), () => change(path));
    agreesWithItsManifest(tar);
    expect(summary).toMatchObject({ complete: false, entries: 1, bytes: LARGE });
    expect(warnings).toEqual([expect.stringMatching(how)]);
    expect(manifestEntries(tar).get('data/file')).toMatchObject({ changed: true, size: LARGE });
  });
});

test('with onChange: warn, a file that gets shorter is filled up with zeros', async () => {
  const path = join(exportDirectory(), 'large');
  const { tar } = await packWhile(fileSource(path, { onChange: 'warn' }), () => truncateSync(path, 2_000_000));
  expect(
    member(tar, 'data/file').content.equals(
      Buffer.concat([pattern(LARGE).subarray(0, 2_000_000), Buffer.alloc(1_000_000)]),
    ),
  ).toBe(true);
});

test('files that do not change cause no warning', async () => {
  const { tar, summary, warnings } = await pack([directorySource(exportDirectory())]);
  expect(summary.complete).toBe(true);
  expect(warnings).toEqual([]);
  expect([...manifestEntries(tar).values()].filter(({ changed }) => changed)).toEqual([]);
});

/** What happens to an entry after its directory was listed and before it is read. */
const swaps: [what: string, swap: (directory: string) => void, message: RegExp][] = [
  ['a file vanishes', (d) => rmSync(join(d, 'small')), /small vanished while it was read/],
  ['a directory vanishes', (d) => rmSync(join(d, 'sub'), { recursive: true }), /sub vanished while it was read/],
  [
    'a file becomes a symlink',
    (d) => {
      rmSync(join(d, 'small'));
      symlinkSync('/etc/hostname', join(d, 'small'));
    },
    /small is no longer a file/,
  ],
  [
    'a file becomes a fifo, whose open would wait for ever',
    (d) => {
      rmSync(join(d, 'small'));
      execFileSync('mkfifo', [join(d, 'small')]);
    },
    /small is no longer a file/,
  ],
  [
    'a file becomes a directory',
    (d) => {
      rmSync(join(d, 'small'));
      mkdirSync(join(d, 'small'));
    },
    /small is no longer a file/,
  ],
  [
    'a directory becomes a symlink',
    (d) => {
      rmSync(join(d, 'sub'), { recursive: true });
      symlinkSync('/etc', join(d, 'sub'));
    },
    /sub is no longer a directory/,
  ],
];

describe.each(swaps)('if %s while its directory is read,', (_, swap, message) => {
  test('packing fails', async () => {
    const directory = exportDirectory();
    await expect(packWhile(directorySource(directory), () => swap(directory))).rejects.toMatchObject({
      code: 'source-changed',
      message: expect.stringMatching(message),
    });
  });

  test('with onChange: warn, a warning names it, and the dataset counts as incomplete', async () => {
    const directory = exportDirectory();
    const { tar, summary, warnings } = await packWhile(directorySource(directory, { onChange: 'warn' }), () =>
      swap(directory),
    );
    agreesWithItsManifest(tar);
    expect(summary.complete).toBe(false);
    expect(warnings).toContainEqual(expect.stringMatching(message));
    expect(members(tar).filter(({ content }) => content.includes('root:'))).toEqual([]);
  });
});

test('with onChange: warn, a vanished file is counted', async () => {
  const directory = exportDirectory();
  const { summary } = await packWhile(directorySource(directory, { onChange: 'warn' }), () =>
    rmSync(join(directory, 'small')),
  );
  expect(summary.skipped).toEqual({ vanished: 1 });
});

describe('a directory whose entries change while it is walked', () => {
  test('is an error: an entry renamed from the unread to the read part would be missing', async () => {
    const directory = exportDirectory();
    const change = () => renameSync(join(directory, 'sub', 'inner'), join(directory, 'a-moved'));
    await expect(packWhile(directorySource(directory), change)).rejects.toMatchObject({
      code: 'source-changed',
      message: expect.stringMatching(/changed while it was read: entries came, went or were renamed$/),
    });
  });

  test('with onChange: warn, is a warning', async () => {
    const directory = exportDirectory();
    const { summary, warnings } = await packWhile(directorySource(directory, { onChange: 'warn' }), () =>
      writeFileSync(join(directory, 'new'), ''),
    );
    expect(summary.complete).toBe(false);
    expect(warnings).toEqual([`${directory} changed while it was read: entries came, went or were renamed`]);
  });
});

describe('a fifo or socket', () => {
  test('is skipped with a warning and counted, and the dataset still counts as complete', async () => {
    const directory = exportDirectory();
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(directory, 'sock'), resolve));
    try {
      const { tar, summary, warnings } = await pack([directorySource(directory)]);
      expect(summary).toMatchObject({ skipped: { fifo: 1, socket: 1 }, complete: true });
      expect(warnings).toEqual([
        `skipped ${directory}/pipe: a fifo cannot be deposited`,
        `skipped ${directory}/sock: a socket cannot be deposited`,
      ]);
      expect(members(tar).some(({ path }) => /pipe|sock/.test(path))).toBe(false);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('causes at most 21 warnings, with control characters in names escaped', async () => {
    const directory = exportDirectory();
    const names = Array.from({ length: 30 }, (_, i) => join(directory, `\x1b[2Jpipe${i}`));
    execFileSync('mkfifo', names);
    const { summary, warnings } = await pack([directorySource(directory)]);
    expect(summary.skipped).toEqual({ fifo: 30 });
    expect(warnings).toHaveLength(21);
    expect(warnings[0]).toContain('\\x1b[2Jpipe0');
    expect(warnings.join('')).not.toContain('\x1b');
  });
});

describe('an unreadable source', () => {
  const isRoot = process.getuid?.() === 0;
  afterEach(() => {
    if (isRoot) process.seteuid?.(0);
  });
  /** Root may read everything, so root becomes someone else for a while. */
  const asNobody = () => {
    if (isRoot) process.seteuid?.(65_534);
  };

  test.each([
    ['a file', 'small', 'small'],
    ['a directory', 'sub', 'sub'],
  ])('%s without permission fails the source and is named, even with onChange: warn', async (_, denied, named) => {
    const directory = exportDirectory();
    if (isRoot) execFileSync('chown', ['-R', '65534', directory]);
    chmodSync(join(directory, denied), 0);
    asNobody();
    await expect(pack([directorySource(directory, { onChange: 'warn' })])).rejects.toMatchObject({
      code: 'source-failed',
      message: `cannot read ${directory}/${named}: permission denied`,
    });
    chmodSync(join(directory, denied), 0o700);
  });

  test('a path that is too long for the system fails the source', async () => {
    const directory = exportDirectory();
    const made = spawnSync(
      'sh',
      ['-c', 'i=0; while [ $i -lt 20 ]; do mkdir "$1" && cd "$1"; i=$((i + 1)); done', 'sh', 'd'.repeat(250)],
      { cwd: directory },
    );
    expect(made.status).toBe(0);
    try {
      await expect(pack([directorySource(directory)])).rejects.toMatchObject({
        code: 'source-failed',
        message: expect.stringMatching(/its path is too long for the system$/),
      });
    } finally {
      execFileSync('rm', ['-rf', directory]);
    }
  });

  // The kernel lets everybody open this file and then fails to read it, as a bad disk would.
  const failsToRead = '/sys/class/net/lo/speed';
  test.skipIf(!existsSync(failsToRead))(
    'an error while reading fails the source, even with onChange: warn',
    async () => {
      await expect(pack([fileSource(failsToRead, { onChange: 'warn' })])).rejects.toMatchObject({
        code: 'source-failed',
        message: `cannot read ${realpathSync(failsToRead)}: EINVAL`,
      });
    },
  );
});

test('a hard link that was replaced by another file meanwhile is stored as that file', async () => {
  const directory = exportDirectory();
  linkSync(join(directory, 'large'), join(directory, 'same'));
  const { tar } = await packWhile(directorySource(directory, { onChange: 'warn' }), () => {
    rmSync(join(directory, 'same'));
    writeFileSync(join(directory, 'same'), 'new\n');
  });
  expect(member(tar, 'data/tree/same')).toMatchObject({ type: 'file', size: 4 });
  agreesWithItsManifest(tar);
});

describe('a file whose size is misreported by the file system', () => {
  const fstat = fs.fstatSync;
  afterEach(() => {
    fs.fstatSync = fstat;
    syncBuiltinESMExports();
  });

  /** What some file systems say (FUSE, /proc): they do not know how long a file is before it is read. */
  function saidToHave(size: bigint): void {
    fs.fstatSync = ((...args: Parameters<typeof fstat>) => Object.assign(fstat(...args), { size })) as typeof fstat;
    syncBuiltinESMExports();
  }

  test.each([1, 511, 512, 70_000, 1_500_000])('as 0 is read completely (%i bytes)', async (length) => {
    const path = join(tempDir(), 'sizeless');
    writeFileSync(path, pattern(length));
    saidToHave(0n);
    const { tar, summary, warnings } = await pack([fileSource(path)]);
    expect(member(tar, 'data/file').content.equals(pattern(length))).toBe(true);
    expect([summary.complete, summary.bytes, warnings]).toEqual([true, length, []]);
    agreesWithItsManifest(tar);
  });

  test('as 0, but holds more than 16 MiB, fails the source and is named', async () => {
    const path = join(tempDir(), 'sizeless');
    writeFileSync(path, '');
    truncateSync(path, (16 << 20) + 1);
    saidToHave(0n);
    await expect(pack([fileSource(path)])).rejects.toMatchObject({
      code: 'source-failed',
      message: `${path} has no size according to its file system, and holds more than 16 MiB`,
    });
  });

  test('control: a file that is really empty is stored as empty', async () => {
    const path = join(tempDir(), 'empty');
    writeFileSync(path, '');
    expect(member((await pack([fileSource(path, { allowEmpty: true })])).tar, 'data/file').size).toBe(0);
  });

  test.each([
    [1, 2],
    [511, 513],
    [512, 513],
    [1024, 5000],
    [LARGE - 1, LARGE],
  ])('as %i of its %i bytes counts as changed', async (size, length) => {
    const path = join(tempDir(), 'longer');
    writeFileSync(path, pattern(length));
    saidToHave(BigInt(size));
    await expect(pack([fileSource(path)])).rejects.toMatchObject({
      code: 'source-changed',
      message: `${path} holds more than the ${size} bytes that the file system says it has`,
    });
    const { tar, summary, warnings } = await pack([fileSource(path, { onChange: 'warn' })]);
    expect([member(tar, 'data/file').size, summary.complete, warnings]).toEqual([
      size,
      false,
      [expect.stringContaining('holds more than')],
    ]);
    agreesWithItsManifest(tar);
  });

  test.skipIf(process.platform !== 'linux')('as 0 by /proc is read too', async () => {
    const { tar } = await pack([directorySource('/proc/sys/kernel/random')]);
    expect(member(tar, 'data/tree/uuid').size).toBe(37);
  });
});
