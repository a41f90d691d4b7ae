/** Chains that somebody made to do harm, and `DEPOT/restore.sh`: it says STOP, leaves nothing, and touches nothing outside. */
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import type { TarEntry } from '../support/chain-archive.js';
import { ChainFolder, type NightLies } from '../support/chain-folder.js';
import { escaped, type FileNode, plain, sha256, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import type { Finished } from '../support/process.js';
import { Beneficiary, SHELLS, shells } from '../support/restoring.js';
import { readTree } from '../support/tree.js';

/** Small, so that ranges and parts come up. */
const small = { large: 2048, partBytes: 9000, inParts: (path: string) => path === 'data/big' };

describe.skipIf(shells === undefined)('restore.sh and', () => {
  let beneficiary: Beneficiary;
  beforeAll(async () => {
    beneficiary = await Beneficiary.create();
  });

  const SHORT = ['big', 'crm'];
  const at = 1_700_000_000_000_000_000n;
  const node = (content: string | Buffer): FileNode => plain(content);
  const folder: FileNode = { type: 'directory', mode: 0o755, mtimeNs: at };
  const content = pattern(20_480);
  const altered = Buffer.concat([content.subarray(10_240), pattern(512, 9), content.subarray(0, 10_240)]);
  let outside: string;
  let turn = 0;

  beforeEach(() => {
    outside = tempDir('outside');
    writeFileSync(join(outside, 'victim'), 'not theirs', { mode: 0o600 });
  });

  const first = (): Tree =>
    new Map([
      ['data/big', node(content)],
      ['data/crm', folder],
      ['data/crm/a', node('a')],
      ['data/crm/link', { type: 'symlink', mode: 0o777, mtimeNs: at, target: outside }],
    ]);
  const second = (): Tree =>
    new Map([...first(), ['data/big', node(altered)], ['data/crm/a', node('changed')], ['data/crm/new', node('new')]]);

  async function chainOf(lies: NightLies = {}, fullLies: NightLies = {}): Promise<ChainFolder> {
    const chain = new ChainFolder(beneficiary.receiver, SHORT, small);
    await chain.add(first(), fullLies);
    await chain.add(second(), lies);
    return chain;
  }

  /** Every run in the next of the shells. */
  async function expectRefused(suitcase: string, says: RegExp, signer?: string): Promise<Finished> {
    const shell = SHELLS[turn++ % 3];
    const parent = tempDir('restored');
    const before = await readTree(outside);
    const result = await beneficiary.restore(
      shell,
      suitcase,
      join(parent, 'out'),
      signer === undefined ? {} : { signer },
    );
    expect(result.code, `${shell}: ${result.stderr}`).not.toBe(0);
    expect(result.stderr, shell).toMatch(/^STOP: /m);
    expect(result.stderr, shell).toMatch(says);
    expect(readdirSync(parent), shell).toEqual([]);
    expect(await readTree(outside), shell).toEqual(before);
    return result;
  }

  /** Lines put in before the last, and lines changed. */
  const also = (...more: string[]): NightLies => ({
    lines: (lines) => [...lines.slice(0, -1), ...more.map((l) => `${l}\n`), lines.at(-1)!],
  });
  const instead = (from: RegExp | string, to: string): NightLies => ({
    lines: (lines) => {
      const changed = lines.map((line) => line.replace(from, to));
      expect(changed).not.toEqual(lines);
      return changed;
    },
  });
  const ranges = (from: RegExp | string, to: string): NightLies => ({
    ranges: (lines) => {
      const changed = lines.join('').replace(from, to);
      expect(changed).not.toBe(lines.join(''));
      return [changed];
    },
  });
  const f = `f 0644 0 3 ${sha256('new')}`;

  test('control: the same chain without lies comes out', async () => {
    const chain = await chainOf();
    for (const shell of SHELLS) {
      const out = join(tempDir('restored'), 'out');
      expect(await beneficiary.restore(shell, chain.newest.file, out)).toMatchObject({ code: 0 });
      expect(readFileSync(join(out, 'data/big')).equals(altered), shell).toBe(true);
      expect(readFileSync(join(out, 'data/crm/a'), 'utf8')).toBe('changed');
      expect(readlinkSync(join(out, 'data/crm/link'))).toBe(outside);
    }
  });

  test.each([
    ['upwards', `data/crm/../../../planted ${f}`, /a bad name: data\/crm\/\.\./],
    ['upwards, escaped', `data/crm/\\0056\\0056/\\0056\\0056/\\0056./planted ${f}`, /a bad name/],
    ['upwards at the end', 'data/crm/.. -', /a bad name/],
    ['absolute', `/tmp/planted ${f}`, /a bad name/],
    ['under no source', `etc/planted ${f}`, /a bad name/],
    ['the directory of all', 'data -', /a bad name/],
    ['spelled in two ways', `data/./crm/new ${f}`, /a bad name/],
    ['not escaped', `data/crm/*;$(id) ${f}`, /not escaped/],
    ['cut off in the middle', `data/crm/x\\c/../.. ${f}`, /a bad name/],
    ['of a type that does not exist', 'data/crm/x b 0644 0', /a bad line/],
    ['with options for a mode', `data/crm/x d --reference=/etc 0`, /a bad line/],
  ])('a name %s', async (_, line, says) => {
    await expectRefused((await chainOf(also(line))).newest.file, says);
  });

  test.each([
    [
      'a file through a link of the full deposit',
      [`data/crm/link/planted ${f}`],
      /has no file data\/crm\/link\/planted/,
    ],
    ['a copy through it', [`data/crm/link/planted o 0644 0 1 ${sha256('a')} 0 data/crm/a`], /no directory for/],
    ['a directory through it', ['data/crm/link/planted d 0755 0'], /no directory for/],
    ['a link through it', ['data/crm/link/planted l 0777 0 x'], /no directory for/],
    ['a hard link through it', ['data/crm/link/planted h 0644 0 data/crm/a'], /no directory for/],
    ['a hard link to what is outside', ['data/crm/x h 0644 0 data/crm/link/victim'], /has no file/],
    ['a hard link to the link', ['data/crm/x h 0644 0 data/crm/link'], /has no file/],
    ['a hard link upwards', ['data/crm/x h 0644 0 data/../../victim'], /a bad name/],
    [
      'the content of what is outside',
      [`data/crm/x o 0644 0 10 ${sha256('not theirs')} 0 data/crm/link/victim`],
      /has no file/,
    ],
    ['a file of a later night', [`data/crm/x o 0644 0 3 ${sha256('new')} 2 data/crm/new`], /a bad line/],
    ['a file that lies in no night', [`data/crm/link ${f}`], /has no file|did not come out/],
  ])('%s', async (_, lines, says) => {
    await expectRefused((await chainOf(also(...lines))).newest.file, says);
  });

  test('two links with one name, of which the second would be made through the first', async () => {
    const lies = also(`data/crm/x l 0777 0 ${escaped(outside)}`, 'data/crm/\\0170 l 0777 0 planted');
    await expectRefused((await chainOf(lies)).newest.file, /unexpected file: /);
  });

  test('what is removed is never removed through a link', async () => {
    const chain = await chainOf(also('data/crm/link/victim -'));
    for (const shell of SHELLS)
      expect(await beneficiary.restore(shell, chain.newest.file, join(tempDir('restored'), 'out'))).toMatchObject({
        code: 0,
      });
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('not theirs');
  });

  test.each([
    [
      'a link, then a file through it',
      (): TarEntry[] => [
        { path: 'data/crm/l', type: 'symlink', mode: 0o777, mtimeNs: at, target: outside },
        { path: 'data/crm/l/planted', ...node('x') },
      ],
    ],
    ['a path upwards', (): TarEntry[] => [{ path: '../../planted', ...node('x') }]],
    ['an absolute path', (): TarEntry[] => [{ path: join(outside, 'planted'), ...node('x') }]],
    [
      'a hard link to what is outside',
      (): TarEntry[] => [
        { path: 'data/crm/x', type: 'hardlink', mode: 0o644, mtimeNs: at, target: join(outside, 'victim') },
      ],
    ],
    ['something beside the data', (): TarEntry[] => [{ path: 'planted', ...node('x') }]],
    [
      'data as a link',
      (): TarEntry[] => [{ path: 'data', type: 'symlink', mode: 0o777, mtimeNs: at, target: outside }],
    ],
  ])('an archive with %s', async (_, more) => {
    const lies: NightLies = { entries: (entries) => [...more(), ...entries] };
    await expectRefused((await chainOf(lies)).newest.file, /STOP/);
    await expectRefused((await chainOf({}, lies)).newest.file, /STOP/);
  });

  test.each([
    ['behind the end of the object', /^0 10240 10240$/m, '0 10240 10241'],
    ['before its beginning', /^0 10240 10240$/m, '0 -1 10240'],
    ['of no bytes', /^0 10240 10240$/m, '0 10240 0'],
    ['beyond the size of the file', /^0 10240 10240$/m, '0 0 20480\n0 -20480 20480'],
    ['in numbers too large to add', /^0 10240 10240$/m, '0 99999999999999999999 10240'],
    ['in no numbers', /^0 10240 10240$/m, '0 a[$(touch${IFS}planted)] 10240'],
    ['of an object that was not named', /^0 10240 10240$/m, '7 0 10240'],
    ['of an object that is no file', /^@ 0 0 data\/big$/m, '@ 0 0 data/crm'],
    ['of an object through a link', /^@ 0 0 data\/big$/m, '@ 0 0 data/crm/link/victim'],
    ['of a later night', /^@ 0 0 data\/big$/m, '@ 0 2 data/big'],
    ['of the wrong bytes', /^0 10240 10240$/m, '0 10239 10240'],
    ['of too few bytes', /^0 10240 10240$/m, '0 10240 10239'],
    ['for no file', /^> 1$/m, '> 2'],
  ])('ranges %s', async (_, from, to) => {
    await expectRefused(
      (await chainOf(ranges(from, to))).newest.file,
      /bad ranges|a bad number|has no file|did not come out/,
    );
    expect(existsSync('planted')).toBe(false);
  });

  test('a small suitcase that claims a petabyte', async () => {
    const copies = Array.from(
      { length: 50 },
      (_, i) => `data/crm/x${i} o 0644 0 20000000000000 ${sha256(content)} 0 data/big`,
    );
    await expectRefused((await chainOf(also(...copies))).newest.file, /too large|do not fit/);
  });

  test('a file that is not what its line says', async () => {
    await expectRefused(
      (await chainOf(instead(/ [0-9a-f]{64}$/m, ` ${'0'.repeat(64)}`))).newest.file,
      /did not come out/,
    );
    await expectRefused((await chainOf(instead(sha256('new'), 'nothing'))).newest.file, /a bad SHA-256/);
    await expectRefused((await chainOf({ pieces: (pieces) => pieces.fill(7) })).newest.file, /did not come out/);
  });

  test.each([
    ['is missing', (file: string) => rmSync(file)],
    ['was changed', (file: string) => flip(file)],
    ['is of another deposit', (file: string) => writeFileSync(file, readFileSync(file).subarray(1))],
  ])('a suitcase %s: it is named, and nothing is unpacked', async (_, harm) => {
    const chain = await chainOf();
    harm(chain.nights[0].file);
    const { depositId, bytes, sha256: digest } = chain.nights[0].link;
    const { stderr } = await expectRefused(chain.newest.file, /ask the agent/);
    expect(stderr).toContain(`missing or damaged: suitcase ${depositId}, ${bytes} bytes, SHA-256 ${digest}`);
  });

  test('a suitcase under another name is found by its digest', async () => {
    const chain = await chainOf();
    renameSync(
      chain.nights[0].file,
      join(beneficiary.receiver.directory, `from the agent ${chain.nights[0].link.sha256}.pgp`),
    );
    expect(await beneficiary.restore('dash', chain.newest.file, join(tempDir('restored'), 'out'))).toMatchObject({
      code: 0,
    });
  });

  test('a suitcase that does not authenticate, though its digest is the right one', async () => {
    const chain = new ChainFolder(beneficiary.receiver, SHORT, small);
    const full = await chain.add(first());
    flip(full.file);
    const earlier = [{ ...full.link, sha256: sha256(readFileSync(full.file)) }];
    await chain.add(second(), { earlier });
    await expectRefused(chain.newest.file, /gpg did not open/);
    flip(chain.newest.file);
    await expectRefused(chain.newest.file, /gpg did not open/, '-');
  });

  test('a suitcase of another chain in place of one of this', async () => {
    const [one, other] = [await chainOf(), await chainOf()];
    const earlier = [other.links[0], one.links[1]];
    await one.add(first(), { earlier });
    await expectRefused(one.newest.file, /night 1 belongs to another chain/);
    const increments = new ChainFolder(beneficiary.receiver, SHORT, small);
    await increments.add(first());
    await increments.add(second(), { earlier: [one.links[1]] });
    await expectRefused(increments.newest.file, /unexpected file: .*chain\.json/);
  });

  test.each([
    ['with other sources', (chain: Record<string, unknown>) => ({ ...chain, sources: ['big', 'other'] })],
    ['with another number', (chain: Record<string, unknown>) => ({ ...chain, number: 7 })],
    ['of another version', (chain: Record<string, unknown>) => ({ ...chain, schema: 'depot.chain/2' })],
    ['that is none', () => 'nothing\n'],
  ])('a chain.json %s', async (_, chainFile) => {
    const chain = await chainOf({ chainFile });
    // Other sources show in the next night at the latest.
    if (_ === 'with other sources') await chain.add(first());
    await expectRefused(chain.newest.file, /chain/);
  });

  test('an increment that hides its chain.json is not taken for a full deposit', async () => {
    const entries = (all: TarEntry[]): TarEntry[] => all.filter(({ path }) => path !== 'DEPOT/chain.json');
    await expectRefused((await chainOf({ entries })).newest.file, /unexpected file: /);
  });

  test('a receipt that is not the signer’s, or not of this suitcase', async () => {
    const chain = await chainOf();
    await expectRefused(chain.newest.file, /is signed, but not by/, beneficiary.receiver.key.fingerprint);
    await expectRefused(chain.newest.file, /FINGERPRINT/, beneficiary.receiver.signer.fingerprint.toLowerCase());
    writeFileSync(chain.newest.receiptFile, readFileSync(chain.nights[0].receiptFile));
    await expectRefused(chain.newest.file, /no good signature/);
    writeFileSync(`${chain.newest.receiptFile}.asc`, readFileSync(`${chain.nights[0].receiptFile}.asc`));
    await expectRefused(chain.newest.file, /is not the file of/);
    rmSync(chain.newest.receiptFile);
    await expectRefused(chain.newest.file, /no good signature/);
  });

  test('what is there already stays as it is', async () => {
    const chain = await chainOf();
    for (const shell of SHELLS) {
      expect(await beneficiary.restore(shell, chain.newest.file, outside)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('exists already: choose another name') as string,
      });
      expect(readdirSync(outside)).toEqual(['victim']);
    }
  });
});

function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 300] ^= 1;
  writeFileSync(file, bytes);
}
