/** Chains that somebody made to do harm, for `decrypt` and `verify --deep`: refused, nothing left, and nothing outside touched. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TarEntry } from '../support/chain-archive.js';
import { ChainFolder, type NightLies } from '../support/chain-folder.js';
import { plain, sha256 } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, type DepotOptions } from '../support/cli.js';
import {
  altered,
  at,
  outside,
  MEMORY_KIB,
  also,
  atFront,
  chainOf,
  content,
  decrypt,
  expectRefused,
  first,
  prepare,
  ranges,
  receiver,
  released,
  second,
  small,
  verifyDeep,
} from './hostile-chain.js';

prepare();

test('control: the same chain without lies comes out, and passes', async () => {
  const directory = released((await chainOf()).nights, true);
  const signed = ['--signer', receiver.signer.publicKey];
  const { code, said, out, stderr } = await decrypt(directory, signed);
  expect(code, stderr).toBe(0);
  expect(said).toMatchObject({ origin: 'proven' });
  expect(readFileSync(join(out, 'data/big')).equals(altered)).toBe(true);
  const verified = await verifyDeep(directory, signed);
  expect(verified.code, verified.stdout).toBe(0);
});

describe('suitcases that do not belong together', () => {
  test('an increment of another chain', async () => {
    const [one, other] = [await chainOf(), await chainOf()];
    await one.add(first(), { earlier: [other.links[0], one.links[1]] });
    await expectRefused(released([other.nights[0], one.nights[1], one.newest]));
  });

  test('an increment in place of the full deposit', async () => {
    const one = await chainOf();
    const other = new ChainFolder(receiver, ['big', 'crm'], small);
    await other.add(first());
    await other.add(second(), { earlier: [one.links[1]] });
    await expectRefused(
      released([...one.nights, other.newest]),
      ['--at', other.newest.link.depositId, '--no-signature'].slice(0, 2),
    );
  });

  test('an increment of another supplier is not taken for one of this', async () => {
    const chain = await chainOf();
    const theirs = new ChainFolder(await receiver.withAnotherSigner(), ['big', 'crm'], small);
    await theirs.add(first());
    await theirs.add(new Map([...second(), ['data/crm/planted', plain('planted')]]), { earlier: [chain.links[0]] });
    const directory = released([chain.nights[0], theirs.newest], true);
    const signed = ['--signer', receiver.signer.publicKey];
    const { code, said, left } = await decrypt(directory, signed);
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said.error!.message).toContain(theirs.newest.link.depositId);
    expect(said.error!.hint).toContain(`--at ${chain.nights[0].link.depositId}`);
    expect(left).toEqual([]);
    expect((await verifyDeep(directory, signed)).code).toBe(21);
    const instead = await decrypt(directory, [...signed, '--at', chain.nights[0].link.depositId]);
    expect(instead.code).toBe(0);
    expect(instead.said).toMatchObject({ origin: 'proven' });
  });

  test.each<[string, (chain: ChainFolder) => ChainFolder['links']]>([
    ['one twice', ({ links }) => [links[0], links[0]]],
    ['out of order', ({ links }) => [links[1], links[0]]],
    ['more often than there are nights', ({ links }) => Array.from({ length: 500 }, () => links[0])],
  ])('a chain that names suitcases %s', async (_, earlier) => {
    const chain = await chainOf();
    await chain.add(first(), { earlier: earlier(chain) });
    await expectRefused(released(chain.nights), ['--at', chain.newest.link.depositId]);
  });

  test('a suitcase that is there twice is used once', async () => {
    const chain = await chainOf();
    const directory = released(chain.nights);
    for (const { file } of chain.nights) copyFileSync(file, join(directory, `copy-of-${sha256(file)}`));
    const { code, said, stderr } = await decrypt(directory, ['--at', chain.newest.link.depositId]);
    expect(code, JSON.stringify(said) + stderr).toBe(0);
  });

  test('a suitcase that does not authenticate, though its digest is the right one', async () => {
    const chain = new ChainFolder(receiver, ['big', 'crm'], small);
    const full = await chain.add(first());
    const bytes = readFileSync(full.file);
    bytes[bytes.length - 300] ^= 1;
    writeFileSync(full.file, bytes);
    await chain.add(second(), { earlier: [{ ...full.link, sha256: sha256(bytes) }] });
    await expectRefused(released(chain.nights));
  });

  test.each<[string, NonNullable<NightLies['chainFile']>]>([
    ['with other sources', (chain) => ({ ...chain, sources: ['big', 'other'] })],
    ['with another number', (chain) => ({ ...chain, number: 7 })],
    ['with more than it can hold', (chain) => ({ ...chain, more: 'x'.repeat(1 << 20) })],
  ])('a chain.json %s', async (_, chainFile) => {
    const chain = await chainOf({ chainFile });
    await expectRefused(released(chain.nights), ['--at', chain.newest.link.depositId]);
  });

  test('an increment that hides its chain.json is not taken for a full deposit', async () => {
    const entries = (all: TarEntry[]): TarEntry[] => all.filter(({ path }) => path !== 'DEPOT/chain.json');
    const chain = await chainOf({ entries });
    await expectRefused(released(chain.nights), ['--at', chain.newest.link.depositId]);
  });

  test('a receipt that claims another chain than the suitcase holds', async () => {
    const lies = (change: Record<string, unknown>): NightLies => ({
      receipt: (receipt) => ({ ...receipt, chain: { ...(receipt.chain as object), ...change } }),
    });
    const signed = ['--signer', receiver.signer.publicKey];
    for (const change of [
      { previousSuitcaseSha256: '0'.repeat(64) },
      { number: 2 },
      { datasetSha256: '0'.repeat(64) },
      { entries: 3 },
    ]) {
      await expectRefused(released((await chainOf(lies(change))).nights, true), signed);
    }
  });
});

describe('manifests and ranges', () => {
  const f = `f 0644 0 3 ${sha256('new')}`;
  test.each([
    ['a name upwards', `data/crm/../../../planted ${f}`],
    ['a file through a link of the full deposit', `data/crm/link/planted ${f}`],
    ['a hard link to what is outside', 'data/crm/x h 0644 0 data/crm/link/victim'],
    ['the content of what is outside', `data/crm/x o 0644 0 10 ${sha256('not theirs')} 0 data/crm/link/victim`],
    ['the content of a directory', `data/crm/x o 0644 0 0 ${sha256('')} 0 data/crm`],
    ['a file of a later night', `data/crm/x o 0644 0 3 ${sha256('new')} 2 data/crm/new`],
    ['a file of depot’s own', `data/crm/x o 0644 0 14 ${sha256('what is where\n')} 0 DEPOT/README.md`],
    ['what points to itself', `data/crm/x o 0644 0 3 ${sha256('new')} 1 data/crm/x`],
  ])('%s', async (_, line) => {
    await expectRefused(released((await chainOf(also(line))).nights));
  });

  test('hard links in a circle', async () => {
    const lies = atFront('data/crm/_1 h 0644 0 data/crm/_2', 'data/crm/_2 h 0644 0 data/crm/_1');
    await expectRefused(released((await chainOf(lies)).nights));
  });

  test.each([
    ['behind the end of the object', /^0 10240 10240$/m, '0 10240 10241'],
    ['again and again over the same bytes', /^0 10240 10240$/m, '0 0 20480\n0 -20480 20480'],
    ['in numbers too large to add', /^0 10240 10240$/m, '0 9007199254740991 9007199254740991'],
    ['of a sidecar', /^@ 0 0 data\/big$/m, '@ 0 1 DEPOT/chain.json'],
    ['of a directory', /^@ 0 0 data\/big$/m, '@ 0 0 data/crm'],
    ['through a link', /^@ 0 0 data\/big$/m, '@ 0 0 data/crm/link/victim'],
    ['of the file that they make', /^@ 0 0 data\/big$/m, '@ 0 1 data/big'],
  ])('ranges %s', async (_, from, to) => {
    await expectRefused(released((await chainOf(ranges(from, to))).nights));
  });

  test.each<[string, () => TarEntry[]]>([
    [
      'a link, then a file through it',
      () => [
        { path: 'data/crm/l', type: 'symlink', mode: 0o777, mtimeNs: at, target: outside },
        { path: 'data/crm/l/planted', ...plain('x') },
      ],
    ],
    ['a path upwards', () => [{ path: '../../planted', ...plain('x') }]],
    ['an absolute path', () => [{ path: join(outside, 'planted'), ...plain('x') }]],
    ['data as a link', () => [{ path: 'data', type: 'symlink', mode: 0o777, mtimeNs: at, target: outside }]],
  ])('an archive with %s', async (_, more) => {
    // Behind what shows that it is an increment, and the directory of which they are.
    const lies: NightLies = {
      entries: (entries) => {
        const place = entries.findIndex(({ path }) => path === 'data/crm') + 1;
        return [...entries.slice(0, place), ...more(), ...entries.slice(place)];
      },
    };
    for (const { nights, newest } of [await chainOf(lies), await chainOf({}, lies)])
      await expectRefused(released(nights), ['--at', newest.link.depositId]);
  });
});

describe('a small suitcase that claims much', () => {
  /** In processes of their own, which say what they took. */
  async function expectBounded(directory: string, args: readonly string[] = []): Promise<string> {
    const file = join(tempDir('depot-memory'), 'peak');
    const { message } = await expectRefusedOrFull(directory, args, {
      node: ['--import', `${checkout}tests/support/peak-memory.mjs`],
      env: { PEAK_MEMORY_FILE: file },
    });
    expect(Number(readFileSync(file, 'latin1')), 'peak memory in KiB').toBeLessThan(MEMORY_KIB);
    return message;
  }
  async function expectRefusedOrFull(directory: string, args: readonly string[], options: DepotOptions) {
    const { code, said, left } = await decrypt(directory, args, options);
    expect([5, 21, 23], JSON.stringify(said)).toContain(code);
    expect(left, 'nothing is left').toEqual([]);
    return said.error!;
  }

  test('a petabyte of copies', async () => {
    const copies = Array.from(
      { length: 50 },
      (_, i) => `data/crm/x${String(i).padStart(2, '0')} o 0644 0 20000000000000 ${sha256(content)} 0 data/big`,
    );
    const directory = released((await chainOf(also(...copies))).nights, true);
    expect(await expectBounded(directory, ['--max-size', '1GiB'])).toMatch(/larger than/);
    expect(await expectBounded(directory, ['--signer', receiver.signer.publicKey])).toMatch(/larger than/);
    await expectBounded(directory);
    expect([5, 21, 23]).toContain((await verifyDeep(directory)).code);
  });

  test('a file of a terabyte, of the same bytes again and again', async () => {
    const many = Array.from({ length: 20_000 }, () => '0 -20480 20480\n').join('');
    const lies: NightLies = {
      ranges: () => [`> 1\n@ 0 0 data/big\n0 0 20480\n${many}`],
      lines: (lines) => lines.map((line) => line.replace(/^(data\/big r \d+ [\d.]+) \d+/, '$1 1000000000000')),
    };
    const directory = released((await chainOf(lies)).nights, true);
    expect(await expectBounded(directory, ['--signer', receiver.signer.publicKey])).toMatch(/larger than/);
  });

  test('a million ranges of a byte', async () => {
    const many = '0 0 1\n0 -1 1\n'.repeat(500_000);
    const lies: NightLies = { ranges: () => [`> 1\n@ 0 0 data/big\n${many}`] };
    await expectBounded(released((await chainOf(lies)).nights));
  });

  test('hundreds of thousands of objects with long names', async () => {
    const many = Array.from({ length: 200_000 }, (_, i) => `@ ${i} 0 data/${String(i).padStart(200, 'x')}\n`).join('');
    await expectBounded(released((await chainOf({ ranges: () => [`> 1\n${many}`] })).nights));
  });
});
