import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAwkward, pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { differences, readTree } from '../support/tree.js';
import { commandSource, directorySource, members, pack } from './packing.js';

// Other tools must unpack what depot packed: the person who opens a suitcase may have nothing else.

let source: string;
let archive: string;

beforeAll(async () => {
  source = tempDir('awkward');
  makeAwkward(source);
  const { tar } = await pack([directorySource(source), commandSource(['printf', 'dump'], { name: 'crm.dump' })]);
  archive = join(tempDir('archive'), 'dataset.tar');
  writeFileSync(archive, tar);
});

const tar = peer('tar');
const bsdtar = peer('bsdtar');
const python = peer('python3');

describe.skipIf(tar === undefined)('GNU tar', () => {
  test.each(['C', 'C.UTF-8'])('restores contents, modes, times and links in the locale %s', async (locale) => {
    const out = tempDir('gnu');
    const { stderr, status } = spawnSync(tar!, ['-xpf', archive, '-C', out], {
      env: { ...process.env, LC_ALL: locale },
    });
    // It knows no hdrcharset, says so, and takes the bytes as they are.
    const unexpected = stderr
      .toString('latin1')
      .split('\n')
      .filter((line) => line !== '' && !/unknown extended header keyword 'hdrcharset'|in the future$/.test(line));
    expect({ status, unexpected }).toEqual({ status: 0, unexpected: [] });
    expect(await differences(source, join(out, 'data', 'tree'))).toEqual([]);
  });

  test('lists every owner as 0/0', () => {
    const listing = execFileSync(tar!, ['-tvf', archive, '--numeric-owner'], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(listing.split('\n').filter((line) => /^[-dlh]/.test(line) && !line.includes(' 0/0 '))).toEqual([]);
  });
});

describe.skipIf(bsdtar === undefined)('bsdtar', () => {
  test.each(['C', 'C.UTF-8'])('restores contents, modes, times and links in the locale %s', async (locale) => {
    const out = tempDir('bsd');
    const { stderr, status } = spawnSync(bsdtar!, ['-xpf', archive, '-C', out], {
      env: { ...process.env, LC_ALL: locale },
    });
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    expect(await differences(source, join(out, 'data', 'tree'))).toEqual([]);
  });
});

describe.skipIf(python === undefined)("python's tarfile", () => {
  test('sees the same entries with the same contents', async () => {
    const script = `
import sys, tarfile, json, hashlib
found = {}
with tarfile.open(sys.argv[1]) as archive:
    for m in archive:
        name = m.name.encode('utf-8', 'surrogateescape').decode('latin-1')
        kind = 'file' if m.isreg() else 'directory' if m.isdir() else 'symlink' if m.issym() else 'hardlink'
        sha256 = hashlib.sha256(archive.extractfile(m).read()).hexdigest() if m.isreg() else None
        found[name] = [kind, sha256, m.mode, m.uid, m.uname, m.linkname.encode('utf-8', 'surrogateescape').decode('latin-1')]
print(json.dumps(found))`;
    const output = execFileSync(python!, ['-c', script, archive], {
      maxBuffer: 1 << 26,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    const found = new Map(
      Object.entries(
        JSON.parse(output.toString()) as Record<string, [string, string | null, number, number, string, string]>,
      ),
    );
    for (const [name, entry] of await readTree(source)) {
      const [kind, sha256, mode, uid, uname, linkname] = found.get(`data/tree/${name}`) ?? [];
      const isSecondLink = entry.linkedWith !== undefined && entry.linkedWith !== name;
      expect([name, kind, mode, uid, uname]).toEqual([name, isSecondLink ? 'hardlink' : entry.type, entry.mode, 0, '']);
      if (isSecondLink) expect(linkname).toBe(`data/tree/${entry.linkedWith}`);
      else if (entry.type === 'file') expect([name, sha256]).toEqual([name, entry.sha256]);
      else if (entry.type === 'symlink') expect([name, linkname]).toEqual([name, entry.linkTarget]);
    }
  });
});

test.skipIf(peer('sha256sum') === undefined)(
  "the commands in the archive's README join the parts and check the contents",
  async () => {
    const directory = tempDir('export');
    mkdirSync(join(directory, 'sub dir'));
    writeFileSync(join(directory, 'sub dir', 'plain.csv'), 'a;b\n');
    writeFileSync(join(directory, "it's odd"), 'x');
    writeFileSync(join(directory, 'new\nline'), 'y');
    const { tar: bytes } = await pack([
      directorySource(directory),
      commandSource(['head', '-c', '20000000', '/dev/zero'], { name: "crm's dump" }),
    ]);
    const out = tempDir('joined');
    writeFileSync(join(out, 'dataset.tar'), bytes);
    execFileSync('tar', ['-xf', 'dataset.tar'], { cwd: out });

    const readme = members(bytes)[0].content.toString();
    const blocks = readme.split('\n\n').filter((paragraph) => paragraph.startsWith('    '));
    expect(blocks).toHaveLength(6); // joined by depot, to be joined, and check, in English and in Dutch
    const [joined, byHand, check] = blocks;
    expect(blocks.slice(3)).toEqual([joined, byHand, check]);
    const sh = (script: string) => spawnSync('sh', ['-c', script], { cwd: out, encoding: 'utf8' });
    for (const block of [byHand, check]) expect(sh(block)).toMatchObject({ status: 0, stderr: '' });
    // As depot decrypt leaves it.
    sh('mv manifest.ndjson DEPOT/manifest.ndjson; rm DEPOT/*.part-* data/*.part-*');
    for (const block of [joined, check]) expect(sh(block)).toMatchObject({ status: 0, stderr: '' });

    writeFileSync(join(out, 'data', 'tree', 'sub dir', 'plain.csv'), 'a;c\n');
    expect(sh(check)).toMatchObject({ stdout: 'data/tree/sub dir/plain.csv: FAILED\n' });
    writeFileSync(join(out, 'data', 'tree', 'sub dir', 'plain.csv'), 'a;b\n');
    writeFileSync(join(out, 'data', "crm's dump"), pattern(20_000_000));
    expect(sh(check)).toMatchObject({ stdout: "data/crm's dump: FAILED\n" });
  },
);
