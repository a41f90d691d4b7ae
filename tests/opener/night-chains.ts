/** Chains of deposits for the offline page, and what it saves of them. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { pattern } from '../support/awkward.js';
import { ChainFolder } from '../support/chain-folder.js';
import { type FileNode, plain, sha256, type Tree } from '../support/chain-tree.js';
import type { Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import { type GivenFiles } from './page.js';

export const needed = peers('chromium');
export const server = peers('sshd', 'ssh-keygen');
export const directory: FileNode = { type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n };

/** Small, so that ranges, objects and parts of many nights come up. */
export const small = { large: 2048, partBytes: 9000, inParts: (path: string) => path === 'data/dump.sql' };

/** A dump that changes within, a file that goes, and one that is renamed. */
export async function threeNights(receiver: Receiver): Promise<{ chain: ChainFolder; trees: Tree[] }> {
  const chain = new ChainFolder(receiver, ['dump.sql', 'crm'], small);
  const dump = pattern(60_000);
  const trees: Tree[] = [
    new Map<string, FileNode>([
      ['data/dump.sql', plain(dump)],
      ['data/crm', directory],
      ['data/crm/gone', plain('removed in the second night')],
      ['data/crm/kept', plain('kept')],
      ['data/crm/old-name', plain('the same under another name')],
    ]),
    new Map<string, FileNode>([
      ['data/dump.sql', plain(Buffer.concat([dump.subarray(0, 20_000), pattern(3000, 7), dump.subarray(20_000)]))],
      ['data/crm', directory],
      ['data/crm/kept', plain('kept')],
      ['data/crm/new-name', plain('the same under another name')],
    ]),
  ];
  trees.push(new Map([...trees[1], ['data/dump.sql', plain(Buffer.concat([pattern(2048, 9), dump]))]]));
  for (const tree of trees) await chain.add(tree);
  return { chain, trees };
}

export type Several = 'suitcase' | 'receipt' | 'signature';

/** What a beneficiary has. */
export function filesOf(chain: ChainFolder): Omit<GivenFiles, Several> & Record<Several, string[]> {
  return {
    suitcase: chain.nights.map(({ file }) => file),
    receipt: chain.nights.map(({ receiptFile }) => receiptFile),
    signature: chain.nights.map(({ receiptFile }) => `${receiptFile}.asc`),
    signers: chain.receiver.signer.publicKey,
    key: chain.receiver.key.secretKey,
  };
}

export interface Suitcases {
  words: string;
  states: string[];
  whole: string;
}

export function suitcasesOn(page: Page): Promise<Suitcases> {
  return page.evaluate(() => ({
    words: document.getElementById('needed-words')!.textContent,
    states: [...document.querySelectorAll<HTMLElement>('#needed-suitcases li')].map((li) => li.dataset['state']!),
    whole: document.getElementById('needed-whole')!.textContent,
  }));
}

/** Saves everything, and returns the digests of the files below the new folder. */
export async function saveAll(page: Page): Promise<Record<string, string>> {
  await page.click('#folder');
  await page.waitForSelector('body:has(#working[hidden]):has(#saved:not(:empty), #failure:not([hidden]))', {
    timeout: 120_000,
  });
  expect(await page.textContent('#failure'), 'nothing failed').toBe('');
  return filesIn(page);
}

export function filesIn(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const found: Record<string, string> = {};
    const visit = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      const entries = folder as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> };
      for await (const [name, handle] of entries.entries()) {
        const below = path === '' ? name : `${path}/${name}`;
        if (handle.kind === 'directory') {
          found[`${below}/`] = '';
          await visit(handle as FileSystemDirectoryHandle, below);
        } else {
          const bytes = await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer();
          const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
          found[below] = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
        }
      }
    };
    await visit(await navigator.storage.getDirectory(), '');
    return found;
  });
}

/** What should be there of a night, but for links and what has a name that a browser does not take. */
export function expectedFiles(id: string, tree: Tree): Record<string, string> {
  const expected: Record<string, string> = {};
  for (const [path, { type, content, target }] of tree) {
    const place = `${id}/${path}`;
    if (type === 'directory') expected[`${place}/`] = '';
    else if (type === 'file') expected[place] = sha256(content!);
    else if (type === 'hardlink') expected[place] = sha256(tree.get(target!)!.content!);
  }
  return expected;
}

export function dataOf(found: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter(([path]) => /^[^/]+\/data\/./.test(path)));
}

export async function clearFolder(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const names: string[] = [];
    for await (const name of (root as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    for (const name of names) await root.removeEntry(name, { recursive: true });
  });
}
