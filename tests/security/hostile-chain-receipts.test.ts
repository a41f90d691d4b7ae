/** Receipts of chains that say something else than the suitcases, for `decrypt` and `verify --deep`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChainFolder, type NightLies } from '../support/chain-folder.js';
import { plain, type Tree } from '../support/chain-tree.js';
import { depotInside } from '../support/cli.js';
import {
  altered,
  chainOf,
  content,
  decrypt,
  expectRefused,
  first,
  prepare,
  receiver,
  released,
  second,
  small,
  verifyDeep,
} from './hostile-chain.js';

prepare();

describe('a receipt that says something else of the whole night than the suitcases', () => {
  type Said = Record<string, unknown>;
  const inReceipt = (chain: Said, dataset: Said = {}): NightLies => ({
    receipt: (receipt) => ({
      ...receipt,
      dataset: { ...(receipt.dataset as object), ...dataset },
      chain: { ...(receipt.chain as object), ...chain },
    }),
  });
  /** The last line of the manifest, of the suitcase that the receipt is about. */
  const notComplete: NightLies = {
    lines: (lines) => [...lines.slice(0, -1), lines.at(-1)!.replace('"complete":true', '"complete":false')],
  };
  const torn = (tree: Tree): Tree => new Map([...tree, ['data/crm/a', { ...plain('torn'), changed: true }]]);
  const wrong: [string, NightLies, (tree: Tree) => Tree][] = [
    ['more entries', inReceipt({ entries: 300 }), (tree) => tree],
    ['fewer bytes', inReceipt({ bytes: 5 }), (tree) => tree],
    ['that it is not complete', inReceipt({ complete: false }), (tree) => tree],
    ['nothing of a file that is marked as changed', inReceipt({ complete: true }), torn],
    [
      'nothing of a manifest that is not complete',
      { ...inReceipt({}, { complete: false }), ...notComplete },
      (tree) => tree,
    ],
  ];
  const signed = (): string[] => ['--signer', receiver.signer.publicKey];

  test.each(wrong)('%s: an increment', async (_, lies, change) => {
    const chain = new ChainFolder(receiver, ['big', 'crm'], small);
    await chain.add(first());
    await chain.add(change(second()), lies);
    const { code, message } = await expectRefused(released(chain.nights, true), signed());
    expect(code).toBe('verification-failed');
    expect(message).toMatch(/but (the receipt says|no manifest does)/);
  });

  test.each(wrong)('%s: a full deposit, alone and among others', async (_, lies, change) => {
    const chain = new ChainFolder(receiver, ['big', 'crm'], small);
    const full = await chain.add(change(first()), lies);
    await expectRefused(released([full], true), signed());
    await chain.add(second());
    const directory = released(chain.nights, true);
    const { code, message } = await expectRefused(directory, [...signed(), '--at', full.link.depositId]);
    expect(code).toBe('verification-failed');
    expect(message).toMatch(/but (the receipt says|no manifest does)/);
    // Named, as what one file is about.
    const named = [full.file, '--receipt', full.receiptFile, ...signed(), '--key', receiver.key.secretKey];
    expect((await depotInside(['verify', ...named, '--deep'])).code).toBe(21);
    expect((await depotInside(['decrypt', ...named, '--out', receiver.out()])).code).toBe(21);
    // A later night has a receipt of its own.
    expect((await decrypt(directory, signed())).code).toBe(0);
  });

  test('what only the receipt denies of a full deposit is saved with --salvage, as nobody’s', async () => {
    const chain = new ChainFolder(receiver, ['big', 'crm'], small);
    await chain.add(first(), inReceipt({ entries: 300 }));
    const directory = released(chain.nights, true);
    const { code, said, out } = await decrypt(directory, [...signed(), '--salvage']);
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({ origin: 'not proven' });
    expect(readFileSync(join(`${out}.incomplete`, 'data/big')).equals(content)).toBe(true);
  });

  test('and so is an increment that is all there', async () => {
    const chain = await chainOf(inReceipt({ entries: 300 }));
    const { code, said, out } = await decrypt(released(chain.nights, true), [...signed(), '--salvage']);
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({ origin: 'not proven', salvaged: { missing: [], entriesOfNight: null } });
    expect(readFileSync(join(`${out}.incomplete`, 'data/big')).equals(altered)).toBe(true);
  });

  test('an increment whose own suitcase shows it is not taken alone, either', async () => {
    const lies = { ...inReceipt({}, { complete: false }), ...notComplete };
    const { newest } = await chainOf(lies);
    const args = ['--receipt', newest.receiptFile, ...signed(), '--key', receiver.key.secretKey, '--deep'];
    expect((await depotInside(['verify', newest.file, ...args])).code).toBe(21);
  });

  test('control: what changed and is said passes, in both kinds of deposit and in what a later night keeps', async () => {
    const chain = new ChainFolder(receiver, ['big', 'crm'], small);
    const said = { ...inReceipt({ complete: false }, { complete: false }), ...notComplete };
    await chain.add(torn(first()), said);
    await chain.add(torn(second()), said);
    // Nothing changed in this one, but the night keeps what did.
    await chain.add(torn(first()));
    const directory = released(chain.nights, true);
    for (const { link } of chain.nights) {
      const { code, stderr } = await decrypt(directory, [...signed(), '--at', link.depositId]);
      expect(code, stderr).toBe(0);
      const verified = await verifyDeep(directory, [...signed(), '--at', link.depositId]);
      expect(verified.code, verified.stdout).toBe(0);
    }
  });

  test('a full deposit that a receipt calls an increment', async () => {
    const chain = await chainOf();
    const { chain: stated } = JSON.parse(readFileSync(chain.newest.receiptFile, 'utf8')) as { chain: object };
    const alone = new ChainFolder(receiver, ['big', 'crm'], small);
    const full = await alone.add(first(), inReceipt(stated as Said));
    const named = [full.file, '--receipt', full.receiptFile, ...signed(), '--key', receiver.key.secretKey];
    expect((await depotInside(['verify', ...named, '--deep'])).code).toBe(21);
    expect((await depotInside(['decrypt', ...named, '--out', receiver.out()])).code).toBe(21);
  });
});
