/// <reference lib="dom" />
/** The offline opener with nights that are put together of several suitcases, in a real Chromium. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { seriousFindings, startBrowser } from '../support/browser.js';
import { ChainFolder } from '../support/chain-folder.js';
import { type FileNode, plain, sha256, type Tree, treeOf } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { RandomTree } from '../support/random-tree.js';
import { startSshd } from '../support/sshd.js';
import { type Deposit, Supplier } from '../support/supplier.js';
import { openOpener, withFolders } from './page.js';
import {
  clearFolder,
  dataOf,
  directory,
  expectedFiles,
  filesOf,
  needed,
  saveAll,
  server,
  small,
  suitcasesOn,
  threeNights,
} from './night-chains.js';

let browser: Browser;
let receiver: Receiver;

describe.skipIf(!needed)('the offline opener with a chain', () => {
  beforeAll(async () => {
    [browser, receiver] = await Promise.all([startBrowser(), Receiver.create()]);
  });

  test('puts the newest night together in a folder, and nothing of what was removed', async () => {
    const { chain, trees } = await threeNights(receiver);
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
      words: expect.stringContaining(`${depositId} is not the whole dataset by itself: you need 3 suitcases, and 3`),
      states: ['given', 'given', 'given'],
    });
    expect(await page.isVisible('#archive')).toBe(false);
    const files = await saveAll(page);
    expect(dataOf(files)).toEqual(expectedFiles(depositId, trees[2]));
    expect(Object.keys(files).filter((path) => path.includes('NOT-FINISHED'))).toEqual([]);
    expect(files[`${depositId}/DEPOT/README.md`]).toBe(sha256('This is not the whole dataset.\n'));
    await page.context().close();
  });

  test('a receipt that counts another night than the suitcases hold fails, for a full deposit and for an increment', async () => {
    const { opener } = await withFolders(browser);
    for (const said of [{ entries: 300 }, { bytes: 7 }, { complete: false }]) {
      const lies = {
        receipt: (r: Record<string, unknown>) => ({ ...r, chain: { ...(r['chain'] as object), ...said } }),
      };
      const chain = new ChainFolder(receiver, ['crm'], small);
      const tree: Tree = new Map<string, FileNode>([
        ['data/crm', directory],
        ['data/crm/a', plain('a')],
      ]);
      await chain.add(tree, lies);
      await opener.give(filesOf(chain));
      expect(await opener.check()).toMatchObject({ verdict: 'failed', inside: false, checks: { contents: 'failed' } });
      await chain.add(new Map([...tree, ['data/crm/b', plain('b')]]), lies);
      await opener.give(filesOf(chain));
      expect(await opener.check()).toMatchObject({ verdict: 'failed', inside: false, checks: { dataset: 'failed' } });
    }
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
    const { chain, trees } = await threeNights(receiver);
    const opener = await openOpener(browser);
    await opener.give(filesOf(chain));
    expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
    expect(await opener.names()).toEqual([...trees[2].keys()]);
    expect(await opener.page.isVisible('#folder')).toBe(false);
    expect(await opener.page.isVisible('#archive')).toBe(false);
    expect(await opener.page.textContent('#limit')).toContain('can save single files from the list');
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
});
