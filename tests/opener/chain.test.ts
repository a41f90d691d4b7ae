/// <reference lib="dom" />
/** The offline opener with nights that are put together of several suitcases, in a real Chromium. */
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { seriousFindings, startBrowser } from '../support/browser.js';
import { ChainFolder } from '../support/chain-folder.js';
import { type FileNode, plain, sha256, type Tree, treeOf } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import { RandomTree } from '../support/random-tree.js';
import { startSshd } from '../support/sshd.js';
import { type Deposit, Supplier } from '../support/supplier.js';
import { type GivenFiles, openOpener, type OpenerPage, withFolders } from './page.js';

const needed = peers('chromium');
const server = peers('sshd', 'ssh-keygen');
const directory: FileNode = { type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n };

let browser: Browser;
let receiver: Receiver;

/** Small, so that ranges, objects and parts of many nights come up. */
const small = { large: 2048, partBytes: 9000, inParts: (path: string) => path === 'data/dump.sql' };

/** A dump that changes within, a file that goes, and one that is renamed. */
async function threeNights(): Promise<{ chain: ChainFolder; trees: Tree[] }> {
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

type Several = 'suitcase' | 'receipt' | 'signature';

/** What a beneficiary has. */
function filesOf(chain: ChainFolder): Omit<GivenFiles, Several> & Record<Several, string[]> {
  return {
    suitcase: chain.nights.map(({ file }) => file),
    receipt: chain.nights.map(({ receiptFile }) => receiptFile),
    signature: chain.nights.map(({ receiptFile }) => `${receiptFile}.asc`),
    signers: receiver.signer.publicKey,
    key: receiver.key.secretKey,
  };
}

interface Suitcases {
  words: string;
  states: string[];
  whole: string;
}

function suitcasesOn(page: Page): Promise<Suitcases> {
  return page.evaluate(() => ({
    words: document.getElementById('needed-words')!.textContent,
    states: [...document.querySelectorAll<HTMLElement>('#needed-suitcases li')].map((li) => li.dataset['state']!),
    whole: document.getElementById('needed-whole')!.textContent,
  }));
}

/** Saves everything, and returns the digests of the files below the new folder. */
async function saveAll(page: Page): Promise<Record<string, string>> {
  await page.click('#folder');
  await page.waitForSelector('body:has(#working[hidden]):has(#saved:not(:empty), #failure:not([hidden]))', {
    timeout: 120_000,
  });
  expect(await page.textContent('#failure'), 'nothing failed').toBe('');
  return filesIn(page);
}

function filesIn(page: Page): Promise<Record<string, string>> {
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
function expectedFiles(id: string, tree: Tree): Record<string, string> {
  const expected: Record<string, string> = {};
  for (const [path, { type, content, target }] of tree) {
    const place = `${id}/${path}`;
    if (type === 'directory') expected[`${place}/`] = '';
    else if (type === 'file') expected[place] = sha256(content!);
    else if (type === 'hardlink') expected[place] = sha256(tree.get(target!)!.content!);
  }
  return expected;
}

function dataOf(found: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter(([path]) => /^[^/]+\/data\/./.test(path)));
}

async function clearFolder(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const names: string[] = [];
    for await (const name of (root as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    for (const name of names) await root.removeEntry(name, { recursive: true });
  });
}

describe.skipIf(!needed)('the offline opener with a chain', () => {
  beforeAll(async () => {
    [browser, receiver] = await Promise.all([startBrowser(), Receiver.create()]);
  });

  test('puts the newest night together in a folder, and nothing of what was removed', async () => {
    const { chain, trees } = await threeNights();
    const { page, opener } = await withFolders(browser);
    await opener.give(filesOf(chain));
    const found = await opener.check();
    expect(found, JSON.stringify(found)).toMatchObject({
      verdict: 'passed',
      inside: true,
      checks: {
        'receipt-signature': 'passed',
        chain: 'passed',
        'chain-key-proof': 'passed',
        'chain-contents': 'passed',
        dataset: 'passed',
      },
    });
    const { depositId } = chain.newest.link;
    expect(await suitcasesOn(page)).toMatchObject({
      words: expect.stringContaining(`${depositId} is not the whole dataset by itself: 3 suitcases are needed, 3`),
      states: ['given', 'given', 'given'],
    });
    expect(await page.isVisible('#archive')).toBe(false);
    const files = await saveAll(page);
    expect(dataOf(files)).toEqual(expectedFiles(depositId, trees[2]));
    expect(Object.keys(files).filter((path) => path.includes('NOT-FINISHED'))).toEqual([]);
    expect(files[`${depositId}/DEPOT/README.md`]).toBe(sha256('This is not the whole dataset.\n'));
    await page.context().close();
  });

  test.each([1, 2])(
    'random trees, seed %i: a night comes out as it was, with names that a browser takes',
    async (seed) => {
      const random = new RandomTree(tempDir('night'), seed);
      const chain = new ChainFolder(receiver, ['dump.sql', 'crm', 'files'], { ...small, compression: 'gzip' });
      const { page, opener } = await withFolders(browser);
      for (let night = 0; night < 7; night++) {
        if (night > 0) random.change();
        await chain.add(treeOf(random.directory));
        if (night !== 3 && night !== 6) continue;
        await opener.give(filesOf(chain));
        expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
        const files = dataOf(await saveAll(page));
        const expected = expectedFiles(chain.newest.link.depositId, treeOf(random.directory));
        // Under whatever names: as many of each content.
        expect(Object.values(files).sort()).toEqual(Object.values(expected).sort());
        const plainNames = (found: Record<string, string>) =>
          Object.fromEntries(Object.entries(found).filter(([path]) => /^[a-z0-9_./-]+$/i.test(path)));
        expect(plainNames(files)).toMatchObject(plainNames(expected));
        await clearFolder(page);
      }
      await page.context().close();
    },
  );

  test('without pickers, as in Firefox, checks the chain, saves single files, and says so in both languages', async () => {
    const { chain, trees } = await threeNights();
    const opener = await openOpener(browser);
    await opener.give(filesOf(chain));
    expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
    expect(await opener.names()).toEqual([...trees[2].keys()]);
    expect(await opener.page.isVisible('#folder')).toBe(false);
    expect(await opener.page.isVisible('#archive')).toBe(false);
    expect(await opener.page.textContent('#limit')).toContain('saves single files from the list');
    await opener.page.click('#dutch');
    expect(await opener.page.textContent('#limit')).toContain('losse bestanden uit de lijst');
    expect(await opener.page.textContent('#needed-words')).toContain('op zichzelf niet de hele dataset');
    await opener.page.click('#english');
    for (const path of ['data/dump.sql', 'data/crm/new-name', 'data/crm/kept']) {
      const [download] = await Promise.all([
        opener.page.waitForEvent('download'),
        opener.page.click(`button[aria-label="Save ${path}"]`),
      ]);
      expect(sha256(readFileSync(await download.path())), path).toBe(sha256(trees[2].get(path)!.content!));
      await opener.page.waitForSelector('#working[hidden]', { state: 'attached' });
    }
    expect(opener.complaints).toEqual([]);
    expect(opener.requests.filter((address) => !address.startsWith('blob:'))).toEqual([]);
    await opener.page.context().close();
  });

  test.skipIf(!server)('opens the nights that «depot push» makes, and is accessible', async () => {
    const agent = await startSshd();
    const supplier = await Supplier.create(agent, {
      dataset: [{ directory: 'data' }, { command: ['cat', 'data/dump.sql'], as: 'copy.sql' }],
      arrangement: { incremental: { agentKeeps: '90d' } },
    });
    const dump = pattern(6_000_000);
    const nights = [dump, Buffer.concat([dump.subarray(0, 3_000_000), pattern(5000, 3), dump.subarray(3_000_000)])];
    const deposits: Deposit[] = [];
    for (const [night, content] of nights.entries()) {
      writeFileSync(join(supplier.data, 'dump.sql'), content);
      writeFileSync(join(supplier.data, `only-in-night-${night}`), `${night}`);
      if (night > 0) rmSync(join(supplier.data, `only-in-night-${night - 1}`));
      deposits.push(await supplier.deposit());
    }
    const { page, opener } = await withFolders(browser);
    await opener.give({
      suitcase: deposits.map(({ suitcase }) => join(agent.incoming, suitcase)),
      receipt: deposits.map(({ receiptFile }) => receiptFile),
      signature: deposits.map(({ receiptFile }) => `${receiptFile}.asc`),
      signers: supplier.signerPublic,
      key: supplier.recipientKey,
    });
    const found = await opener.check();
    expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'passed', inside: true });
    expect(await seriousFindings(page)).toEqual([]);
    const id = deposits[1].depositId;
    expect(dataOf(await saveAll(page))).toEqual({
      [`${id}/data/data/`]: '',
      [`${id}/data/data/dump.sql`]: sha256(nights[1]),
      [`${id}/data/data/only-in-night-1`]: sha256('1'),
      [`${id}/data/copy.sql`]: sha256(nights[1]),
    });
    await page.context().close();
  });

  describe('says what is needed, given and missing, and saves nothing', () => {
    let chain: ChainFolder;
    let opener: OpenerPage;
    beforeAll(async () => {
      ({ chain } = await threeNights());
      opener = await openOpener(browser);
    });

    /** With these suitcases. */
    async function checkedWith(suitcase: string[], more: Partial<GivenFiles> = {}) {
      await opener.give({ ...filesOf(chain), suitcase, ...more });
      const found = await opener.check();
      return { ...found, ...(await suitcasesOn(opener.page)) };
    }

    test('when an increment is given alone', async () => {
      expect(await checkedWith([chain.newest.file])).toMatchObject({
        verdict: 'incomplete',
        inside: false,
        states: ['missing', 'missing', 'given'],
        words: expect.stringContaining('is not the whole dataset by itself: 3 suitcases are needed, 1 of them'),
        checks: { chain: 'not possible' },
        whole: '',
      });
      for (const { sha256: digest } of chain.links.slice(0, 2))
        expect(await opener.page.textContent('#needed-suitcases')).toContain(digest);
    });

    test('when one in the middle is missing, with the newest night that is whole', async () => {
      const [full, , third] = chain.nights;
      expect(await checkedWith([third.file, full.file])).toMatchObject({
        verdict: 'incomplete',
        inside: false,
        states: ['given', 'missing', 'given'],
        whole: expect.stringContaining(full.link.depositId),
      });
    });

    test.each([
      ['has a changed byte', (file: string) => writeFileSync(file, flipped(readFileSync(file)))],
      ['is cut off', (file: string) => truncateSync(file, 3000)],
    ])('when one %s: it counts as missing', async (_, damage) => {
      const [full, second, third] = chain.nights;
      const damaged = join(tempDir(), basename(second.file));
      copyFileSync(second.file, damaged);
      damage(damaged);
      expect(await checkedWith([full.file, damaged, third.file])).toMatchObject({
        verdict: 'failed',
        inside: false,
        states: ['given', 'damaged', 'given'],
        checks: { chain: 'failed' },
      });
    });

    test('when a suitcase of another chain has the name of one of this', async () => {
      const other = (await threeNights()).chain;
      const [full, second, third] = chain.nights;
      const foreign = join(tempDir(), basename(second.file));
      copyFileSync(other.nights[1].file, foreign);
      expect(await checkedWith([full.file, foreign, third.file])).toMatchObject({
        verdict: 'failed',
        inside: false,
        states: ['given', 'damaged', 'given'],
      });
    });

    test('and finds suitcases by their digests when they have other names', async () => {
      const folder = tempDir();
      const renamed = chain.nights.map(({ file }, i) => {
        const name = join(folder, `from-the-agent-${i}.pgp`);
        copyFileSync(file, name);
        return name;
      });
      expect(await checkedWith(renamed)).toMatchObject({
        verdict: 'passed',
        inside: true,
        states: ['given', 'given', 'given'],
      });
    });

    test('and takes a folder with all of them, whatever else lies in it', async () => {
      const folder = tempDir();
      const { suitcase, receipt, signature, signers, key } = filesOf(chain);
      for (const file of [...suitcase, ...receipt, ...signature]) copyFileSync(file, join(folder, basename(file)));
      copyFileSync(signers as string, join(folder, 'signer.public.asc'));
      copyFileSync(key!, join(folder, 'private.secret.asc'));
      writeFileSync(join(folder, 'letter.html'), '<p>');
      await opener.give({});
      await opener.page.setInputFiles('#all', folder);
      await opener.page.waitForSelector('#has-key:not(:empty)');
      expect(await opener.page.textContent('#unknown')).toBe('');
      const found = await opener.check();
      expect(found).toMatchObject({ verdict: 'passed', inside: true, checks: { dataset: 'passed' } });
    });

    test("when the key is somebody else's: a finding, as of one suitcase", async () => {
      const other = await Receiver.create();
      const { suitcase } = filesOf(chain);
      expect(await checkedWith(suitcase, { key: other.key.secretKey })).toMatchObject({
        verdict: 'failed',
        inside: false,
        failure: '',
        checks: { 'key-proof': 'failed' },
      });
    });

    test('from the receipts alone, whose key must open every deposit', async () => {
      const { receipt, signature } = filesOf(chain);
      expect(await checkedWith([])).toMatchObject({
        verdict: 'passed',
        checks: { chain: 'passed', 'chain-signatures': 'passed', 'chain-key-proof': 'passed' },
      });
      expect(await checkedWith([], { receipt: receipt.slice(1), signature })).toMatchObject({
        verdict: 'incomplete',
        checks: { chain: 'not possible', 'chain-key-proof': 'not possible' },
      });
    });
  });

  describe('refuses a chain', () => {
    /** A full deposit and an increment that lies. */
    async function checkedLie(lies: Parameters<ChainFolder['add']>[1], more: Partial<GivenFiles> = {}) {
      const chain = new ChainFolder(receiver, ['dump.sql', 'crm'], small);
      const dump = pattern(60_000);
      await chain.add(new Map([['data/dump.sql', plain(dump)]]));
      await chain.add(new Map([['data/dump.sql', plain(Buffer.concat([dump, pattern(3000, 7)]))]]), lies);
      const { page, opener } = await withFolders(browser);
      await opener.give({ ...filesOf(chain), ...more });
      const found = await opener.check();
      return { found, page, chain };
    }

    test('whose increment claims a petabyte, before anything is written', async () => {
      const { found, page } = await checkedLie(
        { lines: (lines) => lines.map((line) => line.replace(/ r (\d{4}) (\S+) \d+ /, ' r $1 $2 1125899906842624 ')) },
        { receipt: [], signature: [] },
      );
      expect(found).toMatchObject({ verdict: 'failed', inside: false, checks: { dataset: 'failed' } });
      expect(await page.textContent('#warnings')).toContain('More than');
      await page.context().close();
    });

    test.each([
      ['with a range beyond its object', (line: string) => line.replace(/^(0 0) \d+$/, '$1 61000'), /lies outside/],
      [
        'with a range that makes too much',
        (line: string) => line.replace(/^(1 0) \d+$/, '$1 60000'),
        /outside of|make more than/,
      ],
      [
        'with ranges of a page of depot',
        (line: string) => line.replace(/^@ 0 0 .*$/, '@ 0 0 DEPOT/README.md'),
        /there cannot be/,
      ],
      [
        'with ranges of what there is not',
        (line: string) => line.replace(/^@ 0 0 .*$/, '@ 0 0 data/dump.sql/x'),
        /there is no file/,
      ],
      [
        'with ranges that make other contents',
        (line: string) => line.replace(/^0 0 (\d+)$/, '0 1 $1'),
        /outside of|not what its manifest says/,
      ],
    ])('%s: what was saved is removed', async (_, change, words) => {
      const { found, page } = await checkedLie(
        { ranges: (lines) => lines.map((line) => `${change(line.trimEnd())}\n`) },
        { receipt: [], signature: [] },
      );
      expect(found).toMatchObject({ inside: true });
      await page.click('#folder');
      await page.waitForSelector('#failure:not([hidden])', { timeout: 60_000 });
      expect(await page.textContent('#failure-kept')).toContain('removed');
      expect(await page.textContent('#failure-detail')).toMatch(words);
      expect(await filesIn(page)).toEqual({});
      await page.context().close();
    });

    test('whose receipt tells of another dataset', async () => {
      const { found, page } = await checkedLie({
        receipt: (receipt) => ({
          ...receipt,
          chain: { ...(receipt['chain'] as object), datasetSha256: '0'.repeat(64) },
        }),
      });
      expect(found).toMatchObject({ verdict: 'failed', inside: false, checks: { dataset: 'failed' } });
      await page.context().close();
    });
  });
});

function flipped(bytes: Buffer): Buffer {
  bytes[bytes.length >> 1] ^= 1;
  return bytes;
}
