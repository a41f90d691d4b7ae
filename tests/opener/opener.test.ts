/// <reference lib="dom" />
/** The offline opener in a real Chromium, from its `file:` address, with deposits made by the command line, GnuPG and OpenPGP.js. */
import * as openpgp from 'openpgp';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { anyDeposit, stockLines, type NamedDeposit } from '../../src/receipt/shell-lines.js';
import { seriousFindings, startBrowser } from '../support/browser.js';
import { tempDir } from '../support/cleanup.js';
import { depot } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposited, makeDeposit, markup } from './deposits.js';
import { openOpener, withFolders } from './page.js';

const needed = peers('chromium', 'sshd', 'ssh-keygen', 'gpg', 'tar', 'zstd');

let browser: Browser;
let server: Sshd;
let scratch: string;
let made: Record<'compat' | 'modern', Deposited>;

/** A tar of one file, made by GNU tar. */
function smallTar(): Buffer {
  const directory = tempDir();
  writeFileSync(join(directory, 'hello.txt'), 'hello from another tool');
  return execFileSync(needed!.tar, ['-c', '-C', directory, 'hello.txt']);
}

describe.skipIf(!needed)('the offline opener', () => {
  beforeAll(async () => {
    [browser, server] = await Promise.all([startBrowser(), startSshd()]);
    scratch = tempDir('depot-opener');
    made = { compat: await makeDeposit(server, 'compat'), modern: await makeDeposit(server, 'modern') };
  });

  test.each(['compat', 'modern'] as const)(
    '%s: makes the same checks as verify, lists the contents, and saves single files',
    async (profile) => {
      const { id, ...files } = made[profile];
      const opener = await openOpener(browser, { colorScheme: profile === 'compat' ? 'light' : 'dark' });
      expect(await opener.page.textContent('#stock')).toBe(stockLines(anyDeposit('gzip')));
      await opener.give(files);
      const found = await opener.check();
      expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'passed', inside: true, failure: '' });
      // The command line reports exactly the same,
      const cli = await depot([
        'verify',
        files.suitcase,
        '--receipt',
        files.receipt,
        '--signer',
        files.signers,
        '--key',
        files.key,
        '--deep',
        '--json',
      ]);
      const { checks } = JSON.parse(cli.stdout) as { checks: { name: string; result: string; detail: string }[] };
      expect(found.checks).toEqual(Object.fromEntries(checks.map(({ name, result }) => [name, result])));
      // except for what to type.
      expect(found.details).toEqual(
        Object.fromEntries(
          checks.map(({ name, detail }) => [
            name,
            detail.replace(' (ask it to compute the SHA-256 of its file, then give that with --agent-sha256)', ''),
          ]),
        ),
      );
      // The shell lines are those of the cover, with the real names.
      expect(await opener.page.textContent('#stock')).toBe(
        stockLines(JSON.parse(readFileSync(files.receipt, 'utf8')) as NamedDeposit),
      );
      expect(await opener.page.isHidden('#without-names')).toBe(true);
      const names = await opener.names();
      expect(names).toEqual(
        expect.arrayContaining([
          'DEPOT/README.md',
          `data/data/${markup}`,
          'data/data/café.txt',
          'data/crm.dump',
          'data/data/link → café.txt',
        ]),
      );
      expect(await opener.page.$('#rows img')).toBeNull();
      for (const [name, content] of [
        ['data/data/café.txt', 'crème brûlée'],
        [`data/data/${markup}`, 'markup'],
      ] as const) {
        const [download] = await Promise.all([
          opener.page.waitForEvent('download'),
          opener.page.getByRole('button', { name: `Save ${name}`, exact: true }).click(),
        ]);
        expect(readFileSync(await download.path(), 'utf8')).toBe(content);
      }
      // A file in parts is saved as one.
      const [dump] = await Promise.all([
        opener.page.waitForEvent('download', { timeout: 120_000 }),
        opener.page.getByRole('button', { name: 'Save data/crm.dump', exact: true }).click(),
      ]);
      expect(Buffer.compare(readFileSync(await dump.path()), Buffer.alloc(18 << 20, 'twenty-one bytes long'))).toBe(0);
      expect(await seriousFindings(opener.page)).toEqual([]);
      if (profile === 'modern') {
        await opener.page.click('#dutch');
        expect(await opener.page.textContent('h1')).toBe('Een depot controleren en openen');
        expect(await seriousFindings(opener.page)).toEqual([]);
      }
      expect(opener.complaints).toEqual([]);
      expect(opener.requests.filter((address) => !address.startsWith('blob:'))).toEqual([]);
      expect(id).toContain('acme-crm');
    },
  );

  test('proves the key with the receipt alone, and compares the digest that the agent gives', async () => {
    for (const profile of ['compat', 'modern'] as const) {
      const { receipt, signature, signers, key, suitcase } = made[profile];
      const opener = await openOpener(browser);
      await opener.give({ receipt, signature, signers, key });
      const digest = createHash('sha256').update(readFileSync(suitcase)).digest('hex');
      // As certutil of older Windows prints it.
      await opener.page.fill(
        '#agent',
        profile === 'compat' ? digest : ` ${digest.toUpperCase().match(/../g)!.join(' ')}`,
      );
      expect(await opener.check()).toMatchObject({
        verdict: 'passed',
        inside: false,
        checks: { 'key-proof': 'passed', suitcase: 'not possible', 'agent-sha256': 'passed' },
      });
      await opener.page.fill('#agent', '0'.repeat(64));
      expect(await opener.check()).toMatchObject({ verdict: 'failed', checks: { 'agent-sha256': 'failed' } });
      await opener.page.context().close();
    }
  });

  test("does not take the agent's digest for proof that the agent holds the file", async () => {
    const { receipt, signature, signers, key } = made.compat;
    const opener = await openOpener(browser);
    await opener.give({ receipt, signature, signers, key });
    // An agent that has lost the suitcase can still copy this from the cover.
    const cover = readFileSync(receipt.replace('.receipt.json', '.cover.md'), 'utf8');
    await opener.page.fill('#agent', /^\| SHA-256 \| `([0-9a-f]{64})` \|$/m.exec(cover)![1]);
    expect(await opener.check()).toMatchObject({
      verdict: 'passed',
      checks: { 'agent-sha256': 'passed' },
      details: {
        'agent-sha256': expect.stringContaining('whether it computed them from the file, and when') as string,
      },
    });
    const said = async (): Promise<string> =>
      `${await opener.page.textContent('li[data-check="agent-sha256"]')} ${await opener.page.textContent('div.given:has(#agent)')}`;
    expect(await said()).toMatch(/ask whether the agent computed them from the file, and when/);
    expect(await said()).not.toMatch(/holds (?:exactly|the suitcase|this very)/);
    await opener.page.click('#dutch');
    expect(await said()).toMatch(/vraag of de agent hem uit het bestand berekende, en wanneer/);
    expect(await said()).not.toMatch(/heeft precies|precies deze koffer heeft/);
    await opener.page.context().close();
  });

  test('without a receipt, shows shell lines for gzip and how to change them for zstd', async () => {
    const opener = await openOpener(browser);
    for (const [button, instead] of [
      ['#english', / (\S+) in place of (\S+), and (\S+) in place of (\S+), each time\./],
      ['#dutch', / (\S+) in plaats van (\S+), en (\S+) in plaats van (\S+)\.$/],
    ] as const) {
      await opener.page.click(button);
      const [, program, gzip, suffix, gz] = instead.exec((await opener.page.textContent('#without-names'))!)!;
      const lines = (await opener.page.textContent('#stock'))!.replaceAll(gzip, program).replaceAll(gz, suffix);
      expect(lines).toBe(stockLines(anyDeposit('zstd')));
    }
    await opener.page.context().close();
  });

  test('without a receipt or signer, opens the suitcase and says that the origin is not proven', async () => {
    const { suitcase, key, receipt } = made.compat;
    const opener = await openOpener(browser);
    await opener.give({ suitcase, key });
    expect(await opener.check()).toMatchObject({
      verdict: 'incomplete',
      inside: true,
      checks: { receipt: 'not possible' },
    });
    expect(await opener.page.textContent('#origin')).toContain('not proven');
    await opener.give({ suitcase, key, receipt });
    expect(await opener.check()).toMatchObject({
      verdict: 'incomplete',
      checks: { 'receipt-signature': 'not possible' },
    });
    // A file that was forgotten is not a failed check.
    await opener.give({ suitcase, key, receipt, signers: made.compat.signers });
    expect(await opener.check()).toMatchObject({
      verdict: 'incomplete',
      checks: { 'receipt-signature': 'not possible' },
      details: { 'receipt-signature': 'the signature of the receipt was not given: origin not proven' },
    });
    expect(await opener.page.textContent('#checks')).toContain('Choose both above');
  });

  test('opens with a locked key from GnuPG, and with a modern one locked by Argon2', async () => {
    const opener = await openOpener(browser);
    const gpg = Gnupg.create();
    const fingerprint = await gpg.generate({ passphrase: 'correct horse' });
    const exported = join(scratch, 'locked.secret.asc');
    writeFileSync(exported, await gpg.exportSecret(fingerprint, 'correct horse'));
    const suitcase = join(scratch, 'by-gpg.tar.zst.pgp');
    const zst = execFileSync(needed!.zstd, ['-c'], { input: smallTar() });
    writeFileSync(suitcase, await gpg.encrypt(zst, [fingerprint]));
    await opener.give({ suitcase, key: exported });
    expect((await opener.check()).failure).toContain('enter its passphrase');
    await opener.give({ suitcase, key: exported }, 'wrong');
    expect((await opener.check()).failure).toContain('does not unlock');
    await opener.give({ suitcase, key: exported }, 'correct horse');
    expect(await opener.check()).toMatchObject({ verdict: 'incomplete', inside: true });
    expect(await opener.names()).toEqual(['hello.txt']);

    const pair = await openpgp.generateKey({
      type: 'curve25519',
      userIDs: [{ name: 'M' }],
      passphrase: 'battery',
      format: 'object',
      config: {
        v6Keys: true,
        aeadProtect: true,
        s2kType: openpgp.enums.s2k.argon2,
        preferredAEADAlgorithm: openpgp.enums.aead.ocb,
      },
    });
    const key = join(scratch, 'modern-locked.asc');
    writeFileSync(key, pair.privateKey.armor());
    const message = await openpgp.createMessage({ binary: new Uint8Array(smallTar()) });
    const byOpenpgpjs = join(scratch, 'by-openpgpjs.tar.pgp');
    const sealed: unknown = await openpgp.encrypt({
      message,
      encryptionKeys: pair.publicKey,
      format: 'binary',
      config: {
        aeadProtect: true,
        preferredAEADAlgorithm: openpgp.enums.aead.ocb,
        preferredCompressionAlgorithm: openpgp.enums.compression.uncompressed,
      },
    });
    writeFileSync(byOpenpgpjs, sealed as Uint8Array);
    await opener.give({ suitcase: byOpenpgpjs, key }, 'battery');
    const found = await opener.check();
    expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'incomplete', inside: true });
    expect(await opener.names()).toEqual(['hello.txt']);
    expect(opener.complaints).toEqual([]);
  });

  test('saves everything to a folder, with parts joined, and never over a folder that exists', async () => {
    const { page, opener } = await withFolders(browser);
    const { id, ...files } = made.compat;
    await opener.give(files);
    expect(await opener.check()).toMatchObject({ inside: true });
    expect(await page.textContent('#limit')).toMatch(
      /^It takes about 36 MiB, and more where links become copies; saving stops at .* A browser does not tell this page how much room there is/,
    );
    for (const [name, said] of [
      ['SecurityError', 'the browser could not save: told'],
      ['AbortError', ''],
    ]) {
      await page.evaluate((name) => {
        const { showDirectoryPicker } = globalThis as unknown as { showDirectoryPicker: () => unknown };
        const once = (): Promise<never> => {
          Object.assign(globalThis, { showDirectoryPicker });
          return Promise.reject(new DOMException('told', name));
        };
        Object.assign(globalThis, { showDirectoryPicker: once });
        document.getElementById('failure')!.hidden = true;
      }, name);
      await page.click('#folder');
      expect(
        await page.evaluate(() =>
          document.getElementById('failure')!.hidden ? '' : document.getElementById('failure-detail')!.textContent,
        ),
        name,
      ).toBe(said);
    }
    await page.click('#folder');
    await page.waitForSelector('#saved:not(:empty)', { timeout: 120_000 });
    expect(await page.textContent('#saved')).toContain(`to the folder ${id}`);
    const saved = await page.evaluate(async (name) => {
      const files: Record<string, { size: number; text: string }> = {};
      const walk = async (directory: FileSystemDirectoryHandle, path: string): Promise<void> => {
        for await (const [entry, handle] of (
          directory as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }
        ).entries()) {
          if (handle.kind === 'directory') await walk(handle as FileSystemDirectoryHandle, `${path}${entry}/`);
          else {
            const file = await (handle as FileSystemFileHandle).getFile();
            files[path + entry] = { size: file.size, text: await file.slice(0, 30).text() };
          }
        }
      };
      await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle(name), '');
      return files;
    }, id);
    expect(saved).toMatchObject({
      'data/crm.dump': { size: 18 << 20 },
      'data/data/big.bin': { size: 18 << 20 },
      'data/data/café.txt': { text: 'crème brûlée' },
      'data/data/zz-hard.txt': { text: 'crème brûlée' },
      'data/data/%3Cimg src=x onerror=alert(1)%3E.txt': { text: 'markup' },
    });
    expect(Object.keys(saved)).toContain('NOT-AS-IN-THE-ARCHIVE.txt');
    expect(Object.keys(saved)).not.toContain('NOT-FINISHED.txt');
    await page.click('#folder');
    await page.waitForSelector('#failure:not([hidden])');
    expect(await page.textContent('#failure-text')).toContain('folder of that name already');
    expect(await page.textContent('#failure-kept'), "the folder that is there is nobody's to remove").toBe('');
    await page.context().close();
  });
});
