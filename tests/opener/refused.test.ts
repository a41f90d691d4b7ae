/// <reference lib="dom" />
/** The offline opener with files that do not belong together, were changed, or unfold to too much. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { fileOf, zstdBomb } from '../support/bombs.js';
import { startBrowser } from '../support/browser.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey } from '../support/supplier.js';
import { type Deposited, makeDeposit, makeShop } from './deposits.js';
import { openOpener, type GivenFiles } from './page.js';

const needed = peers('chromium', 'sshd', 'ssh-keygen');

let browser: Browser;
let server: Sshd;
let scratch: string;
let made: Record<'compat' | 'modern', Deposited>;

describe.skipIf(!needed)('the offline opener', () => {
  beforeAll(async () => {
    [browser, server] = await Promise.all([startBrowser(), startSshd()]);
    scratch = tempDir('depot-opener');
    made = { compat: await makeDeposit(server, 'compat'), modern: await makeDeposit(server, 'modern') };
  });

  test('stops a bomb at a limit, which the page names in both languages and the user can raise', async () => {
    const receiver = await Receiver.create();
    const { file } = await receiver.seal(zstdBomb(fileOf(1200 << 20), 1200 << 20), { compression: 'zstd' });
    const opener = await openOpener(browser);
    await opener.give({ suitcase: file, key: receiver.key.secretKey });
    expect(await opener.check()).toMatchObject({
      verdict: 'failed',
      inside: false,
      details: { contents: `the content is larger than ${2 ** 30} bytes` },
    });
    expect(await opener.page.textContent('#warnings')).toContain('More than 1 GiB comes out of this suitcase');
    await opener.page.click('#dutch');
    expect(await opener.page.textContent('#warnings')).toContain('komt meer dan 1 GiB');
    expect(await opener.page.textContent('#most')).toBe('Automatisch1 GiB10 GiB100 GiB1 TiB10 TiB');
    await opener.page.selectOption('#most', '10 GiB');
    expect((await opener.check()).details['contents'], 'it read on to the end').toContain('cut off');
    await opener.page.context().close();
  });

  test('refers the user to no command line, whatever goes wrong', async () => {
    const { suitcase, receipt, signature, signers, key } = made.compat;
    const locked = await makeKey(join(scratch, 'locked'), 'Locked', 'compat', 'correct horse');
    const opener = await openOpener(browser);
    const other = await makeKey(join(scratch, 'elsewhere'), 'Another', 'compat');
    const given: GivenFiles[] = [
      { receipt },
      { receipt, signature, signers: other.publicKey },
      { suitcase },
      { suitcase, key: other.secretKey },
      { receipt, key: other.secretKey },
      { suitcase, key: signers },
      { suitcase, key: receipt },
      { suitcase: receipt, key },
      { receipt: suitcase },
      { suitcase, key: locked.secretKey },
    ];
    for (const files of given) {
      await opener.give(files);
      const found = await opener.check();
      const shown = [found.failure, found.failureDetail, await opener.page.textContent('#result')].join(' ');
      expect(shown, JSON.stringify(files)).not.toMatch(/ --[a-z]|depot [a-z]+ [A-Z]|prompt|variable/);
      expect(shown.trim()).not.toBe('');
    }
  });

  test('says that a receipt is of another deposit, and lets the user leave it out', async () => {
    const { suitcase, key } = made.compat;
    const opener = await openOpener(browser);
    await opener.give({ ...(await makeShop(server, scratch)), suitcase, key });
    expect(await opener.check()).toMatchObject({
      verdict: 'failed',
      inside: false,
      checks: { 'key-packets': 'failed' },
    });
    expect(await opener.page.textContent('#warnings')).toContain('do not belong together');
    await opener.page.getByRole('button', { name: 'Leave out: Receipt', exact: true }).click();
    expect(await opener.check()).toMatchObject({
      verdict: 'incomplete',
      inside: true,
      checks: { receipt: 'not possible' },
    });
    // The same file can be chosen again.
    await opener.give({ ...made.compat });
    expect(await opener.check()).toMatchObject({ verdict: 'passed' });
    expect(await opener.page.textContent('#warnings')).toBe('');
  });

  test('finds a wrong key, another signer and every kind of tampering, and then lets nothing be saved', async () => {
    const other = await makeKey(join(scratch, 'other'), 'Somebody Else', 'compat');
    for (const profile of ['compat', 'modern'] as const) {
      const files = made[profile];
      const opener = await openOpener(browser);
      const refused = async (changes: GivenFiles, checks: Record<string, string>): Promise<void> => {
        await opener.give({ ...files, ...changes });
        const found = await opener.check();
        expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'failed', inside: false, checks });
      };
      await refused({ key: other.secretKey }, { 'key-proof': 'failed' });
      expect(await opener.page.textContent('#verdict')).toContain('Choose another of your keys');
      await refused({ signers: other.publicKey }, { 'receipt-signature': 'failed' });
      const whole = readFileSync(files.suitcase);
      const changed = (name: string, bytes: Uint8Array): string => {
        const file = join(scratch, `${profile}-${name}.pgp`);
        writeFileSync(file, bytes);
        return file;
      };
      const flipped = (at: number): Buffer => {
        const copy = Buffer.from(whole);
        copy[at] ^= 1;
        return copy;
      };
      await refused(
        { suitcase: changed('middle', flipped(whole.length >> 1)) },
        { contents: 'failed', 'suitcase-sha256': 'failed', 'suitcase-structure': 'passed', 'key-proof': 'passed' },
      );
      // The passed checks beside it claim only the form and the key, and nothing casts doubt on the key that fits.
      for (const button of ['#dutch', '#english']) {
        await opener.page.click(button);
        expect(await opener.page.textContent('#checks'), button).not.toMatch(
          /byte is (?:authentic|echt)|not its key|opens this very|opent precies/,
        );
        expect(await opener.page.textContent('li[data-check="suitcase-structure"]'), button).toMatch(
          /In form|Naar de vorm/,
        );
      }
      await refused(
        { suitcase: changed('end', flipped(whole.length - 1)) },
        { contents: 'failed', 'suitcase-sha256': 'failed' },
      );
      await refused(
        { suitcase: changed('cut', whole.subarray(0, -100)) },
        { contents: 'failed', 'suitcase-size': 'failed' },
      );
      await refused(
        { suitcase: changed('longer', Buffer.concat([whole, Buffer.from([0xcb, 0])])) },
        { 'suitcase-sha256': 'failed' },
      );
      const receipt = join(scratch, `${profile}-receipt.json`);
      writeFileSync(receipt, readFileSync(files.receipt, 'utf8').replace('Acme SaaS', 'Evil SaaS'));
      await refused({ receipt }, { 'receipt-signature': 'failed' });
      await opener.page.context().close();
    }
  });

  test('hides its findings once other files are chosen, even while the check is still running', async () => {
    const opener = await openOpener(browser);
    await opener.give(made.modern);
    await opener.page.evaluate(() => {
      document.getElementById('check')!.click();
      const receipt = document.getElementById('receipt') as HTMLInputElement;
      const files = new DataTransfer();
      files.items.add(new File(['{}'], 'another.receipt.json'));
      receipt.files = files.files;
      receipt.dispatchEvent(new Event('change'));
    });
    await opener.page.waitForSelector('#working', { state: 'hidden' });
    expect(await opener.page.isVisible('#result')).toBe(false);
    expect(await opener.check()).toMatchObject({ verdict: 'failed', inside: false, checks: { receipt: 'failed' } });
    await opener.give(made.modern);
    expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
    // The agent's digest is part of what was given, too.
    await opener.page.fill('#agent', '0'.repeat(64));
    expect(await opener.page.isVisible('#result')).toBe(false);
    await opener.page.context().close();
  });
});
