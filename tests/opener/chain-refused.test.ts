/** Chains that the offline page refuses, or of which something is missing. */
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { startBrowser } from '../support/browser.js';
import { ChainFolder } from '../support/chain-folder.js';
import { plain } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { type GivenFiles, openOpener, type OpenerPage, withFolders } from './page.js';
import { filesIn, filesOf, needed, small, suitcasesOn, threeNights } from './night-chains.js';

let browser: Browser;
let receiver: Receiver;

describe.skipIf(!needed)('the offline opener with a chain', () => {
  beforeAll(async () => {
    [browser, receiver] = await Promise.all([startBrowser(), Receiver.create()]);
  });

  describe('says what is needed, given and missing, and saves nothing', () => {
    let chain: ChainFolder;
    let opener: OpenerPage;
    beforeAll(async () => {
      ({ chain } = await threeNights(receiver));
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
        words: expect.stringContaining(
          'is not the whole dataset by itself: you need 3 suitcases, and 1 of them is here',
        ),
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
      const other = (await threeNights(receiver)).chain;
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

    test.each(['chosen', 'dropped'])(
      'and takes a folder with all of them, %s, whatever else lies in it',
      async (how) => {
        const folder = tempDir();
        const { suitcase, receipt, signature, signers, key } = filesOf(chain);
        for (const file of [...suitcase, ...receipt, ...signature]) copyFileSync(file, join(folder, basename(file)));
        copyFileSync(signers as string, join(folder, 'signer.public.asc'));
        copyFileSync(key!, join(folder, 'private.secret.asc'));
        writeFileSync(join(folder, 'letter.html'), '<p>');
        await opener.give({});
        mkdirSync(join(folder, 'folder'));
        writeFileSync(join(folder, 'folder/private.secret.asc'), 'of another');
        if (how === 'chosen') await opener.page.setInputFiles('#all', folder);
        else await dropped(opener.page, folder);
        await opener.page.waitForSelector('#has-key:not(:empty)');
        expect(await opener.page.textContent('#unknown')).toBe('');
        const found = await opener.check();
        expect(found).toMatchObject({ verdict: 'passed', inside: true, checks: { dataset: 'passed' } });
      },
    );

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
      ['with a range beyond its object', (line: string) => line.replace(/^(0 0) \d+$/, '$1 61000'), /lie outside of/],
      ['with a range that makes too much', (line: string) => line.replace(/^(1 0) \d+$/, '$1 60000'), /lie outside of/],
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

/** As a person does it: a page may make no folder of its own to drop. */
async function dropped(page: Page, ...files: string[]): Promise<void> {
  await page.locator('#drop').scrollIntoViewIfNeeded();
  const box = (await page.locator('#drop').boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: box.x + 20, y: box.y + 10, data });
}
