/// <reference lib="dom" />
/** The opener where several files of one kind are given, some are missing, and saving is stopped. */
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import { openerFile, openOpener, withFolders, type GivenFiles } from './page.js';

type Deposited = Record<keyof GivenFiles, string> & { id: string };

const needed = peers('chromium', 'sshd', 'ssh-keygen');

let browser: Browser;
let server: Sshd;
let scratch: string;
let first: Deposited;
let second: Deposited;
let third: Deposited;

/** By a supplier of its own, and large enough to stop its saving half way. */
async function makeDeposit(profile: 'compat' | 'modern'): Promise<Deposited> {
  const supplier = await Supplier.create(server, { profile, arrangement: { compression: 'none' } });
  for (let i = 0; i < 12; i++) writeFileSync(join(supplier.data, `${i}.bin`), Buffer.alloc(2 << 20, `file ${i}`));
  const { suitcase, receiptFile, depositId } = await supplier.deposit();
  return {
    id: depositId,
    suitcase: join(server.incoming, suitcase),
    receipt: receiptFile,
    signature: `${receiptFile}.asc`,
    signers: supplier.signerPublic,
    key: supplier.recipientKey,
  };
}

describe.skipIf(!needed)('the offline opener', () => {
  beforeAll(async () => {
    [browser, server] = await Promise.all([startBrowser(), startSshd()]);
    scratch = tempDir('depot-opener');
    [first, second, third] = [await makeDeposit('compat'), await makeDeposit('modern'), await makeDeposit('compat')];
  });

  test("picks the suitcase's own receipt and signature among several, in whatever order they are given", async () => {
    const opener = await openOpener(browser);
    const { suitcase, key, receipt } = first;
    const renamed = join(scratch, 'released by the agent.pgp');
    copyFileSync(suitcase, renamed);
    const edited = join(scratch, 'edited.receipt.json');
    writeFileSync(edited, readFileSync(receipt, 'utf8').replace('Acme SaaS', 'Evil SaaS'));
    const all = [first, third, second];
    const signers = all.map((one) => one.signers);
    for (const [deposits, file] of [
      [all, suitcase],
      [[...all].reverse(), renamed],
    ] as const) {
      for (const receipts of [
        [...deposits.map((one) => one.receipt), edited],
        [edited, ...deposits.map((one) => one.receipt)],
      ]) {
        await opener.give({
          suitcase: file,
          key,
          receipt: receipts,
          signature: deposits.map((one) => one.signature),
          signers,
        });
        const found = await opener.check();
        expect(found, JSON.stringify(found)).toMatchObject({
          verdict: 'passed',
          inside: true,
          checks: { 'receipt-signature': 'passed' },
        });
        expect(await opener.page.textContent('#warnings')).toContain('Not used: ');
      }
    }
    // Without a suitcase, the agent's digest decides.
    await opener.give({
      key,
      receipt: [third.receipt, receipt, second.receipt],
      signature: all.map((one) => one.signature),
      signers,
    });
    await opener.page.fill('#agent', createHash('sha256').update(readFileSync(suitcase)).digest('hex'));
    expect(await opener.check()).toMatchObject({
      verdict: 'passed',
      checks: { 'agent-sha256': 'passed', 'key-proof': 'passed' },
    });
    // No receipt belongs to the suitcase.
    await opener.page.fill('#agent', '');
    await opener.give({ suitcase, key, receipt: [third.receipt, second.receipt], signature: [], signers });
    expect(await opener.check()).toMatchObject({
      verdict: 'failed',
      inside: false,
      checks: { 'key-packets': 'failed' },
    });
    // Two private keys: the user must choose.
    await opener.page.evaluate(() => {
      const dropped = new DataTransfer();
      for (const name of ['one.key', 'two.key']) dropped.items.add(new File([new Uint8Array([0xc5, 0])], name));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, cancelable: true }));
    });
    await opener.page.waitForSelector('#several:not(:empty)');
    expect(await opener.page.textContent('#several')).toContain('This page takes one');
    await opener.page.context().close();
  });

  test("passes only if the private key was tried, and does not accept the holder's own key as the signer", async () => {
    const opener = await openOpener(browser);
    const { suitcase, receipt, signature, signers, key } = first;
    for (const given of [
      { receipt, signature, signers },
      { suitcase, receipt, signature, signers },
    ]) {
      await opener.give(given);
      expect(await opener.check()).toMatchObject({
        verdict: 'incomplete',
        inside: false,
        checks: { 'receipt-signature': 'passed', 'key-proof': 'not possible' },
      });
      expect(await opener.page.textContent('#verdict')).toContain('without your private key');
    }
    const own = key.replace('.secret.asc', '.public.asc');
    for (const given of [
      { receipt, signature, signers: own, key },
      { receipt, signature, signers: own },
    ]) {
      await opener.give(given);
      expect(await opener.check()).toMatchObject({
        verdict: 'incomplete',
        checks: { 'receipt-signature': 'not possible' },
      });
      expect(await opener.page.textContent('#warnings')).toContain('your own public key');
    }
    await opener.give({ receipt, signature, signers: [own, signers], key });
    expect(await opener.check()).toMatchObject({ verdict: 'passed', checks: { 'receipt-signature': 'passed' } });
    await opener.page.context().close();
  });

  test('lets the same file be chosen again: the field is empty while the dialogue is open', async () => {
    const opener = await openOpener(browser);
    await opener.give({ receipt: first.receipt });
    const [chooser] = await Promise.all([
      opener.page.waitForEvent('filechooser'),
      opener.page.click('#row-receipt .choose'),
    ]);
    expect(
      await opener.page.evaluate(() => (document.getElementById('receipt') as HTMLInputElement).files!.length),
    ).toBe(0);
    expect(await opener.page.textContent('#has-receipt')).toContain('.receipt.json');
    await chooser.setFiles(first.receipt);
    expect((await opener.check()).checks['receipt']).toBe('passed');
    await opener.page.context().close();
  });

  test('removes a half-saved folder when it is stopped, or says that it could not', async () => {
    const { page, opener } = await withFolders(browser);
    const { id, ...files } = first;
    await opener.give(files);
    expect(await opener.check()).toMatchObject({ inside: true });
    const stopped = (hold: boolean) =>
      page.evaluate(
        async ([folder, held]) => {
          const root = await navigator.storage.getDirectory();
          document.getElementById('folder')!.click();
          const begun = async (): Promise<FileSystemFileHandle> => {
            try {
              return await (await root.getDirectoryHandle(folder)).getFileHandle('NOT-FINISHED.txt');
            } catch {
              await new Promise((resolve) => void requestAnimationFrame(resolve));
              return begun();
            }
          };
          const marker = await begun();
          // A browser does not remove a folder in which a file is open.
          while (held) {
            try {
              Object.assign(globalThis, { open: await marker.createWritable() });
              break;
            } catch {
              await new Promise((resolve) => void requestAnimationFrame(resolve));
            }
          }
          window.scrollTo(0, document.body.scrollHeight);
          const { top, bottom } = document.getElementById('stop')!.getBoundingClientRect();
          document.getElementById('stop')!.click();
          return top >= 0 && bottom <= window.innerHeight;
        },
        [id, hold] as const,
      );
    const left = () =>
      page.evaluate(async () => {
        const names: string[] = [];
        for await (const name of (
          (await navigator.storage.getDirectory()) as unknown as { keys(): AsyncIterable<string> }
        ).keys())
          names.push(name);
        return names;
      });
    expect(await stopped(false), 'Stop is in sight wherever the page is scrolled to').toBe(true);
    await page.waitForSelector('#failure:not([hidden])', { timeout: 60_000 });
    expect(await page.textContent('#failure')).toContain('Stopped.What was partly saved was removed.');
    expect(await left()).toEqual([]);
    // The contents can still be saved.
    expect(await page.isVisible('#inside')).toBe(true);
    await stopped(true);
    await page.waitForSelector('#failure:not([hidden])', { timeout: 60_000 });
    expect(await page.textContent('#failure-kept')).toContain(
      `“${id}” could not be removed. It may hold decrypted files`,
    );
    expect(await left()).toEqual([id]);
    await page.context().close();
  });

  test('contains the licences of everything in it', () => {
    const page = readFileSync(openerFile, 'utf8');
    for (const text of [
      'GNU LESSER GENERAL PUBLIC LICENSE',
      'GNU GENERAL PUBLIC LICENSE',
      'openpgp 6',
      '@noble/ciphers 2',
      'hash-wasm 4',
      'fzstd 0',
      'Permission is hereby granted',
    ])
      expect(page).toContain(text);
  });
});
