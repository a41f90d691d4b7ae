import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ManifestCheck } from '../../src/dataset/compare.js';
import { sha256 } from '../../src/primitives.js';
import { parseManifestLine } from '../../src/dataset/manifest.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import {
  commandSource,
  directorySource,
  fileSource,
  manifestBytes,
  manifestEntries,
  member,
  members,
  pack,
  stdinSource,
} from './packing.js';
import { onWindows } from '../support/platform.js';

const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function exportDirectory(): string {
  const directory = tempDir();
  mkdirSync(join(directory, 'b'));
  writeFileSync(join(directory, 'a.txt'), 'alpha\n');
  writeFileSync(join(directory, 'b', 'c.txt'), 'gamma\n');
  symlinkSync('../a.txt', join(directory, 'b', 'link'));
  linkSync(join(directory, 'a.txt'), join(directory, 'z.txt'));
  return directory;
}

describe('the archive', () => {
  test.skipIf(onWindows)(
    'holds README, specification, the sources in configured order, and the manifest last',
    async () => {
      const directory = exportDirectory();
      const specification = join(directory, 'a.txt');
      const { tar } = await pack(
        [
          fileSource(join(directory, 'b', 'c.txt'), { name: 'schema.sql' }),
          directorySource(directory, { name: 'crm' }),
          commandSource([process.execPath, '-p', '"dump"'], { name: 'crm.dump' }),
        ],
        { specification },
      );
      expect(members(tar).map(({ path, type }) => `${type} ${path}`)).toEqual([
        'file DEPOT/README.md',
        'file DEPOT/specification.md',
        'file data/schema.sql',
        'directory data/crm',
        'file data/crm/a.txt',
        'directory data/crm/b',
        'file data/crm/b/c.txt',
        'symlink data/crm/b/link',
        'hardlink data/crm/z.txt',
        'file data/crm.dump.part-000001',
        'file DEPOT/manifest.ndjson.part-000001',
      ]);
      expect(member(tar, 'DEPOT/specification.md').content.toString()).toBe('alpha\n');
      expect(member(tar, 'data/crm/z.txt').linkTarget).toBe('data/crm/a.txt');
      expect(member(tar, 'data/crm/b/link').linkTarget).toBe('../a.txt');
      expect(tar.length % 512).toBe(0);
    },
  );

  test.runIf(process.platform === 'linux')('fails if the specification cannot be read, with its name', async () => {
    await expect(pack([directorySource(exportDirectory())], { specification: '/proc/self/mem' })).rejects.toMatchObject(
      {
        code: 'source-failed',
        message: expect.stringMatching(/^cannot read .*mem: input\/output error$/) as string,
      },
    );
  });

  test.skipIf(onWindows)('agrees with its manifest and with the summary', async () => {
    const { tar, summary } = await pack([directorySource(exportDirectory()), stdinSource()], {
      stdin: stream(pattern(40_000_000)),
    });
    const check = new ManifestCheck({ hash: sha256 });
    const reader = new TarReader(check);
    reader.write(tar);
    reader.end();
    const result = check.finish();
    expect(result.problems).toEqual([]);
    expect(summary).toEqual({
      chain: null,
      entries: 7,
      files: 4,
      bytes: 12 + 40_000_000,
      skipped: {},
      excluded: { files: 0, directories: 0, bytes: 0 },
      sources: [
        { name: 'tree', entries: 6, bytes: 12 },
        { name: 'input', entries: 1, bytes: 40_000_000 },
      ],
      complete: true,
      manifestSha256: result.manifestSha256,
    });
    expect(summary.manifestSha256).toBe(hex(manifestBytes(tar)));
  });

  test('has fresh random bytes in its manifest, so that the digest cannot confirm a guess of the contents', async () => {
    const directory = exportDirectory();
    const first = await pack([directorySource(directory)]);
    const second = await pack([directorySource(directory)]);
    expect(first.summary.manifestSha256).not.toBe(second.summary.manifestSha256);
    const line = parseManifestLine(manifestBytes(first.tar).toString().split('\n')[0]);
    expect(line).toMatchObject({ kind: 'start', random: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test('comes in chunks of 1 MiB, whatever the file sizes, with a progress report for each chunk', async () => {
    const directory = tempDir();
    for (let i = 0; i < 300; i++) writeFileSync(join(directory, `${i}`), pattern(i * 37, i));
    writeFileSync(join(directory, 'large'), pattern(3_500_001));
    const { tar, chunks, progress, summary } = await pack([directorySource(directory)]);
    expect(chunks.slice(0, -1).every((length) => length === 1 << 20)).toBe(true);
    expect(progress).toHaveLength(chunks.length);
    expect(progress.at(-1)).toEqual({ entries: summary.entries, bytes: summary.bytes });
    const steps = progress.map(({ bytes }, i) => bytes - (progress[i - 1]?.bytes ?? 0));
    expect(Math.max(...steps), 'a large file shows while it is read').toBeLessThanOrEqual(1 << 20);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    const entries = manifestEntries(tar);
    for (const { path, content, type } of members(tar))
      if (type === 'file' && path.startsWith('data/')) expect(entries.get(path)?.sha256).toBe(hex(content));
    expect(member(tar, 'data/tree/large').content.equals(pattern(3_500_001))).toBe(true);
  });

  test('is correct if the consumer reuses the memory of the chunks', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'large'), pattern(2_500_000));
    const { tar } = await pack([directorySource(directory)], { reuse: true });
    expect(member(tar, 'data/tree/large').content.equals(pattern(2_500_000))).toBe(true);
  });
});

describe('sources of unknown length', () => {
  test('are stored in parts of 16 MiB, and listed as one file', async () => {
    const content = pattern((16 << 20) * 2 + 5);
    const { tar, summary } = await pack([stdinSource({ name: 'extra.ndjson' })], { stdin: stream(content) });
    const parts = members(tar).filter(({ path }) => path.startsWith('data/'));
    expect(parts.map(({ path, size }) => [path, size])).toEqual([
      ['data/extra.ndjson.part-000001', 16 << 20],
      ['data/extra.ndjson.part-000002', 16 << 20],
      ['data/extra.ndjson.part-000003', 5],
    ]);
    expect(Buffer.concat(parts.map((part) => part.content)).equals(content)).toBe(true);
    expect(manifestEntries(tar).get('data/extra.ndjson')).toMatchObject({
      type: 'file',
      size: content.length,
      sha256: hex(content),
      parts: 3,
    });
    expect(manifestEntries(tar).has('data/extra.ndjson.part-000001')).toBe(false);
    expect(summary).toMatchObject({ entries: 1, bytes: content.length });
  });

  test.each([1, (16 << 20) - 1, 16 << 20])('of %i bytes are stored in one part', async (length) => {
    const { tar } = await pack([stdinSource()], { stdin: stream(pattern(length)) });
    expect(members(tar).filter(({ path }) => path.startsWith('data/'))).toMatchObject([{ size: length }]);
  });

  test('with allowEmpty, are stored as one empty part if they are empty', async () => {
    const { tar, summary } = await pack([stdinSource({ allowEmpty: true })], { stdin: stream(Buffer.alloc(0)) });
    expect(member(tar, 'data/input.part-000001').size).toBe(0);
    expect(manifestEntries(tar).get('data/input')).toMatchObject({ size: 0, parts: 1 });
    expect(summary).toMatchObject({ entries: 1, bytes: 0 });
  });

  test('without allowEmpty, fail if they are empty', async () => {
    await expect(pack([stdinSource()], { stdin: stream(Buffer.alloc(0)) })).rejects.toMatchObject({
      code: 'source-empty',
    });
    await expect(pack([commandSource([process.execPath, '-e', ''])])).rejects.toMatchObject({
      code: 'source-empty',
      message: 'source output: the command printed nothing',
    });
  });
});

describe('standard input', () => {
  test('that is missing fails the source', async () => {
    await expect(pack([stdinSource()])).rejects.toMatchObject({ code: 'source-failed' });
  });

  test('that breaks off fails the source', async () => {
    async function* broken() {
      yield pattern(10);
      throw new Error('EIO');
    }
    await expect(pack([stdinSource()], { stdin: broken() })).rejects.toMatchObject({ code: 'source-failed' });
  });

  test('that never ends is given up after the timeout', async () => {
    await expect(pack([stdinSource({ timeoutMs: 50 })], { stdin: endless() })).rejects.toMatchObject({
      code: 'source-timed-out',
    });
  });

  test('that never ends is given up on abort, with the reason of the abort', async () => {
    const abort = new AbortController();
    const stdin = endless(() => abort.abort(new Error('interrupted')));
    await expect(pack([stdinSource()], { stdin, signal: abort.signal })).rejects.toThrow('interrupted');
  });
});

describe('files', () => {
  test.skipIf(onWindows)('a symlink is followed only if it is the path of the source itself', async () => {
    const directory = exportDirectory();
    const elsewhere = tempDir();
    symlinkSync(directory, join(elsewhere, 'latest'));
    linkSync(join(directory, 'b', 'c.txt'), join(elsewhere, 'second'));
    symlinkSync(join(elsewhere, 'second'), join(elsewhere, 'latest.txt'));
    const { tar } = await pack([directorySource(join(elsewhere, 'latest')), fileSource(join(elsewhere, 'latest.txt'))]);
    expect(members(tar).map(({ path, type }) => `${type} ${path}`)).toContain('directory data/tree');
    expect(member(tar, 'data/tree/b/link').type).toBe('symlink');
    // One inode with data/tree/b/c.txt: no content of its own, and not empty for that.
    expect(member(tar, 'data/file')).toMatchObject({ type: 'hardlink', linkTarget: 'data/tree/b/c.txt' });
  });

  test('hard links that two sources share become links within each source', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'a'), 'one inode');
    linkSync(join(directory, 'a'), join(directory, 'b'));
    const { tar } = await pack([directorySource(directory, { name: 'x' }), directorySource(directory, { name: 'y' })]);
    expect(
      members(tar)
        .filter(({ type }) => type === 'hardlink')
        .map(({ path, linkTarget }) => [path, linkTarget]),
    ).toEqual([
      ['data/x/b', 'data/x/a'],
      ['data/y/b', 'data/y/a'],
    ]);
  });

  test('owners are stored as 0/0, without names', async () => {
    const { tar } = await pack([directorySource(exportDirectory())]);
    const headers = Array.from({ length: tar.length / 512 }, (_, i) => tar.subarray(i * 512, i * 512 + 512)).filter(
      (block) => block.toString('latin1', 257, 262) === 'ustar',
    );
    expect(headers.length).toBeGreaterThanOrEqual(members(tar).length);
    for (const header of headers) {
      expect(header.toString('latin1', 108, 124)).toBe('0000000\0'.repeat(2));
      expect(header.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
    }
  });

  test.each([
    ['a directory source', (path: string) => directorySource(path)],
    ['a file source', (path: string) => fileSource(path)],
  ])('%s that does not exist fails', async (_, source) => {
    const path = join(tempDir(), 'missing');
    await expect(pack([source(path)])).rejects.toMatchObject({
      code: 'source-failed',
      message: `cannot read ${path}: no such file or directory`,
    });
  });

  test('a directory source that is a file fails, and so does the reverse', async () => {
    const directory = exportDirectory();
    await expect(pack([directorySource(join(directory, 'a.txt'))])).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringContaining('is a file'),
    });
    await expect(pack([fileSource(directory)])).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringContaining('is a directory'),
    });
    await expect(pack([fileSource('/dev/null')])).rejects.toMatchObject({ code: 'source-failed' });
  });

  test('an empty file and a directory without files fail, except with allowEmpty', async () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'inner', 'deeper'), { recursive: true });
    const empty = join(tempDir(), 'empty');
    writeFileSync(empty, '');
    await expect(pack([directorySource(directory)])).rejects.toMatchObject({
      code: 'source-empty',
      message: 'source tree: the directory holds no files',
    });
    await expect(pack([fileSource(empty)])).rejects.toMatchObject({
      code: 'source-empty',
      message: 'source file: the file is empty',
    });
    const { summary } = await pack([
      directorySource(directory, { allowEmpty: true }),
      fileSource(empty, { allowEmpty: true }),
    ]);
    expect(summary).toMatchObject({ entries: 4, bytes: 0 });
  });

  test('a directory whose files are all excluded counts as empty', async () => {
    await expect(
      pack([directorySource(exportDirectory(), { exclude: ['**/*.txt', '**/link'] })]),
    ).rejects.toMatchObject({ code: 'source-empty' });
  });

  test('a dataset smaller than minSize fails', async () => {
    const directory = exportDirectory();
    await expect(pack([directorySource(directory)], { minBytes: 13 })).rejects.toMatchObject({
      code: 'source-too-small',
      message: 'the dataset holds 12 bytes, less than the 13 of minSize',
    });
    await pack([directorySource(directory)], { minBytes: 12 });
  });
});

test('an abort ends packing at the next chunk, with the reason of the abort', async () => {
  const directory = tempDir();
  writeFileSync(join(directory, 'large'), pattern(5_000_000));
  const abort = new AbortController();
  const chunks: number[] = [];
  const packing = pack([directorySource(directory)], {
    signal: abort.signal,
    onChunk: (n) => {
      chunks.push(n);
      if (n === 2) abort.abort(new Error('interrupted'));
    },
  });
  await expect(packing).rejects.toThrow('interrupted');
  expect(chunks).toEqual([1, 2]);
});

async function* stream(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100_003) yield content.subarray(at, at + 100_003);
}

async function* endless(onWait?: () => void): AsyncGenerator<Uint8Array> {
  yield pattern(10);
  queueMicrotask(() => onWait?.());
  await new Promise(() => undefined);
}
