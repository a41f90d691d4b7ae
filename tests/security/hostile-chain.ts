/** Chains that lie, for the tests of what `decrypt` and `verify --deep` make of them. */
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, beforeEach, expect } from 'vitest';
import { pattern } from '../support/awkward.js';
import { ChainFolder, type NightLies, type SealedNight } from '../support/chain-folder.js';
import { type FileNode, plain, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { depotInside, json, type DepotOptions } from '../support/cli.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { readTree } from '../support/tree.js';

/** Small, so that ranges and parts come up. */
export const small = { large: 2048, partBytes: 9000 };
/** As in bombs.test.ts: what depot takes with nothing to do, and as much again. */
export const MEMORY_KIB = 450 * 1024;

export const at = 1_700_000_000_000_000_000n;
export const folder: FileNode = { type: 'directory', mode: 0o755, mtimeNs: at };
export const content = pattern(20_480);
export const altered = Buffer.concat([content.subarray(10_240), pattern(512, 9), content.subarray(0, 10_240)]);

export let receiver: Receiver;
export let outside: string;
let unharmed: unknown;

/** For every test of the file that calls it. */
export function prepare(): void {
  beforeAll(async () => {
    receiver = await Receiver.create();
  });
  beforeEach(async () => {
    outside = tempDir('outside');
    writeFileSync(join(outside, 'victim'), 'not theirs', { mode: 0o600 });
    unharmed = await readTree(outside);
  });
}

export const first = (): Tree =>
  new Map([
    ['data/big', plain(content)],
    ['data/crm', folder],
    ['data/crm/a', plain('a')],
    ['data/crm/link', { type: 'symlink', mode: 0o777, mtimeNs: at, target: outside }],
  ]);
export const second = (): Tree =>
  new Map([...first(), ['data/big', plain(altered)], ['data/crm/a', plain('changed')], ['data/crm/new', plain('new')]]);

export async function chainOf(lies: NightLies = {}, fullLies: NightLies = {}, by = receiver): Promise<ChainFolder> {
  const chain = new ChainFolder(by, ['big', 'crm'], small);
  await chain.add(first(), fullLies);
  await chain.add(second(), lies);
  return chain;
}

/** What the agent releases. */
export function released(nights: readonly SealedNight[], withReceipts = false): string {
  const directory = tempDir('released');
  for (const { file, receiptFile } of nights)
    for (const one of [file, ...(withReceipts ? [receiptFile, `${receiptFile}.asc`] : [])])
      copyFileSync(one, join(directory, basename(one)));
  return directory;
}

export async function decrypt(directory: string, args: readonly string[] = [], options: DepotOptions = {}) {
  const out = receiver.out();
  const given = ['decrypt', directory, '--key', receiver.key.secretKey, '--out', out, '--json', ...args];
  const result = await depotInside(given, options);
  return { ...result, said: json(result), out, left: readdirSync(dirname(out)) };
}

export async function verifyDeep(directory: string, args: readonly string[] = [], options: DepotOptions = {}) {
  const scratch = tempDir('scratch');
  const given = ['verify', directory, '--key', receiver.key.secretKey, '--deep', '--scratch', scratch, '--json'];
  const result = await depotInside(
    [...given, ...(args.includes('--signer') ? [] : ['--no-signature']), ...args],
    options,
  );
  expect(readdirSync(scratch), 'nothing is left in the scratch directory').toEqual([]);
  return result;
}

/** By both commands, with exit 21 or 23. */
export async function expectRefused(directory: string, args: readonly string[] = [], options: DepotOptions = {}) {
  const { code, said, stderr, left } = await decrypt(directory, args, options);
  expect([21, 23], `${JSON.stringify(said)} ${stderr}`).toContain(code);
  expect(left, 'nothing is left').toEqual([]);
  const verified = await verifyDeep(directory, args, options);
  expect([21, 23], verified.stdout + verified.stderr).toContain(verified.code);
  expect(await readTree(outside)).toEqual(unharmed);
  return said.error!;
}

/** Lines put in before the last. */
export const also = (...more: string[]): NightLies => ({
  lines: (lines) => [...lines.slice(0, -1), ...more.map((l) => `${l}\n`), lines.at(-1)!],
});
/** A line put in where the order of the walk wants it: right behind `data/big`. */
export const atFront = (...more: string[]): NightLies => ({
  lines: (lines) => {
    const place = lines.findIndex((line) => line.startsWith('data/crm d')) + 1;
    expect(place).toBeGreaterThan(0);
    return [...lines.slice(0, place), ...more.map((l) => `${l}\n`), ...lines.slice(place)];
  },
});
export const ranges = (from: RegExp, to: string): NightLies => ({
  ranges: (lines) => {
    const changed = lines.join('').replace(from, to);
    expect(changed).not.toBe(lines.join(''));
    return [changed];
  },
});
