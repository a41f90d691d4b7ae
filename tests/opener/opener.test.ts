/** The offline opener in a real Chromium, from its `file:` address, with deposits made by the command line, GnuPG and OpenPGP.js. */
import * as openpgp from 'openpgp';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { anyDeposit, stockLines, type NamedDeposit } from '../../src/receipt/cover.js';
import { picture, seriousFindings, startBrowser } from '../support/browser.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, depot } from '../support/cli.js';
import { fileOf, zstdBomb } from '../support/bombs.js';
import { Gnupg } from '../support/gnupg.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey, Supplier } from '../support/supplier.js';
import { openerFile, openOpener, withFolders, type GivenFiles } from './page.js';

const needed = peers('chromium', 'sshd', 'ssh-keygen', 'gpg', 'tar', 'zstd');
const markup = '<img src=x onerror=alert(1)>.txt';

let browser: Browser;
let server: Sshd;
let scratch: string;
type Files = Record<keyof GivenFiles, string>;
type Deposited = Files & { id: string };
let made: Record<'compat' | 'modern', Deposited>;
let shop: Files;

async function makeDeposit(profile: 'compat' | 'modern'): Promise<Deposited> {
  const supplier = await Supplier.create(server, {
    profile,
    dataset: [{ directory: 'data' }, { command: ['cat', 'data/big.bin'], as: 'crm.dump' }],
  });
  writeFileSync(join(supplier.data, 'big.bin'), Buffer.alloc(18 << 20, 'twenty-one bytes long'));
  writeFileSync(join(supplier.data, 'café.txt'), 'crème brûlée');
  writeFileSync(join(supplier.data, markup), 'markup');
  mkdirSync(join(supplier.data, 'empty'));
  execFileSync('ln', ['-s', 'café.txt', join(supplier.data, 'link')]);
  execFileSync('ln', [join(supplier.data, 'café.txt'), join(supplier.data, 'zz-hard.txt')]);
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

/** What a beneficiary of a web shop would have, under the names of the documents. */
async function makeShop(): Promise<Files> {
  const supplier = await Supplier.create(server, {
    arrangement: { compression: 'gzip' },
    dataset: [
      { directory: 'data', as: 'shop' },
      { command: ['seq', '2000000'], as: 'shop.pgdump' },
    ],
  });
  mkdirSync(join(supplier.data, 'invoices'));
  for (const month of ['01', '02', '03', '04'])
    writeFileSync(
      join(supplier.data, `invoices/2026-${month}.pdf`),
      Buffer.alloc(180_000 + 7000 * Number(month), month),
    );
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name;town\n'.repeat(90_000));
  writeFileSync(join(supplier.data, 'settings.json'), '{ "currency": "EUR" }\n');
  const { suitcase, receiptFile } = await supplier.deposit();
  const files = {
    suitcase: join(scratch, suitcase),
    receipt: receiptFile,
    signature: `${receiptFile}.asc`,
    signers: join(scratch, 'signer.public.asc'),
    key: join(scratch, 'private.secret.asc'),
  };
  for (const [from, to] of [
    [join(server.incoming, suitcase), files.suitcase],
    [supplier.signerPublic, files.signers],
    [supplier.recipientKey, files.key],
  ] as const)
    copyFileSync(from, to);
  return files;
}

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
    made = { compat: await makeDeposit('compat'), modern: await makeDeposit('modern') };
    shop = await makeShop();
  });

  test.each(['compat', 'modern'] as const)(
    '%s: checks as verify does, lists, and gives out single files',
    async (profile) => {
      const { id, ...files } = made[profile];
      const opener = await openOpener(browser, { colorScheme: profile === 'compat' ? 'light' : 'dark' });
      expect(await opener.page.textContent('#stock')).toBe(stockLines(anyDeposit('gzip')));
      await opener.give(files);
      const found = await opener.check();
      expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'passed', inside: true, failure: '' });
      // The command line says the very same.
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
      // But for what to type.
      expect(found.details).toEqual(
        Object.fromEntries(
          checks.map(({ name, detail }) => [
            name,
            detail.replace(' (have it compute the SHA-256 of its file, then --agent-sha256)', ''),
          ]),
        ),
      );
      // And the lines for a shell are those of the cover, with the real names.
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
      // A file in parts is one.
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

  test('proves the key with the receipt alone, and compares what the agent says', async () => {
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

  test('what the agent says is compared with the receipt, and not taken for proof that it holds the file', async () => {
    const { receipt, signature, signers, key } = made.compat;
    const opener = await openOpener(browser);
    await opener.give({ receipt, signature, signers, key });
    // Whoever has lost the suitcase can still read this in the cover.
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
    expect(await said()).toMatch(/ask whether the agent computed it from the file, and when/);
    expect(await said()).not.toMatch(/holds (?:exactly|the suitcase|this very)/);
    await opener.page.click('#dutch');
    expect(await said()).toMatch(/vraag of de agent hem uit het bestand berekende, en wanneer/);
    expect(await said()).not.toMatch(/heeft precies|precies deze koffer heeft/);
    await opener.page.context().close();
  });

  test('without receipt, the lines for a shell say how to make those for zstd of them', async () => {
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

  test('without receipt or signer it opens, and says that the origin is not proven', async () => {
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
    // A file that was forgotten is nothing that is wrong.
    await opener.give({ suitcase, key, receipt, signers: made.compat.signers });
    expect(await opener.check()).toMatchObject({
      verdict: 'incomplete',
      checks: { 'receipt-signature': 'not possible' },
      details: { 'receipt-signature': 'the signature of the receipt was not given: origin not proven' },
    });
    expect(await opener.page.textContent('#checks')).toContain('Choose both above');
  });

  test('a bomb stops at a bound that the page names, in both languages, and that a person can raise', async () => {
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

  test('nothing on the page sends a person to a command line that is not there', async () => {
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

  test('a receipt of another deposit is said to be one, and can be left out', async () => {
    const { suitcase, key } = made.compat;
    const opener = await openOpener(browser);
    await opener.give({ ...shop, suitcase, key });
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

  test('a wrong key, another signer and every kind of tampering is found, and nothing can be saved', async () => {
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
      // What stands beside the red contents speaks of form and key alone, and nothing doubts the key that was found to fit.
      for (const button of ['#dutch', '#english']) {
        await opener.page.click(button);
        expect(await opener.page.textContent('#checks'), button).not.toMatch(
          /byte is (?:authentic|echt)|not its key|opens this very|opent precies/,
        );
        expect(await opener.page.textContent('li[data-check="suitcase-structure"]'), button).toMatch(
          /By its form|Naar zijn vorm/,
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

  test('what was found is not shown beside files that were chosen since, also when the check was still going on', async () => {
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
    // The digest that the agent said belongs to what was given, too.
    await opener.page.fill('#agent', '0'.repeat(64));
    expect(await opener.page.isVisible('#result')).toBe(false);
    await opener.page.context().close();
  });

  test("keys with a passphrase: GnuPG's, and a modern one with Argon2", async () => {
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

  test('everything to a folder, joined and complete; never over a folder that exists', async () => {
    const { page, opener } = await withFolders(browser);
    const { id, ...files } = made.compat;
    await opener.give(files);
    expect(await opener.check()).toMatchObject({ inside: true });
    expect(await page.textContent('#limit')).toMatch(
      /^It takes about 36 MiB, and more where links become copies; saving stops at .* No browser tells this page how much room there is/,
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

  test.each(['en', 'nl'] as const)('pictures for the documents: %s', async (language) => {
    const suffix = language === 'en' ? '' : '.nl';
    const opener = await openOpener(browser, {
      locale: language,
      viewport: { width: 760, height: 900 },
      pickers: true,
    });
    const { suitcase, ...beforehand } = shop;
    await opener.give(beforehand);
    expect(await opener.check()).toMatchObject({ verdict: 'passed' });
    await picture(opener.page, '#result', `opener-checks${suffix}`);
    await opener.give({ ...beforehand, suitcase });
    await opener.page.locator('#passphrase').blur();
    await picture(opener.page, 'section >> nth=0', `opener-start${suffix}`);
    expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
    await opener.names();
    await picture(opener.page, '#inside', `opener-contents${suffix}`);

    const page = readFileSync(
      join(checkout, 'docs', language === 'en' ? 'beneficiary.md' : 'beneficiary.nl.md'),
      'utf8',
    );
    const shown = [...page.matchAll(/src="([\w.-]+\.png)"/g)].map((m) => m[1]);
    expect(shown.sort()).toEqual(['checks', 'contents', 'start'].map((name) => `opener-${name}${suffix}.png`));
    for (const name of shown) expect(statSync(join(checkout, 'docs', name)).size, name).toBeLessThan(200_000);
  });

  test('no request leaves: the policy stops one that is tried, and a listener hears nothing', async () => {
    const heard: string[] = [];
    const listener = createServer((request, response) => {
      heard.push(request.url ?? '');
      response.end();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    cleanup(() => listener.close());
    const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/leak`;
    const opener = await openOpener(browser);
    const outcomes = await opener.page.evaluate(async (to) => {
      const image = new Image();
      const seen = new Promise<string>((resolve) => {
        image.onload = () => resolve('loaded');
        image.onerror = () => resolve('refused');
      });
      image.src = to;
      const script = document.createElement('script');
      const ran = new Promise<string>((resolve) => {
        script.onload = () => resolve('loaded');
        script.onerror = () => resolve('refused');
      });
      script.src = to;
      document.head.append(script);
      return [
        await seen,
        await ran,
        await fetch(to).then(
          () => 'fetched',
          () => 'refused',
        ),
        String(navigator.sendBeacon(to)),
      ];
    }, address);
    expect(outcomes.slice(0, 3)).toEqual(['refused', 'refused', 'refused']);
    expect(heard).toEqual([]);
    // The control: outside the page's policy the same address is heard.
    await fetch(address);
    expect(heard).toEqual(['/leak']);
    // And no code of the page goes anywhere else.
    expect(readFileSync(openerFile, 'utf8')).not.toMatch(/location\.(?:href|assign|replace)\s*[=(]|window\.open\(/);
  });

  test('depot opener writes the page and prints its SHA-256, never over a file', async () => {
    const out = join(scratch, 'opener.html');
    const first = await depot(['opener', '--out', out, '--json']);
    const sha256 = createHash('sha256').update(readFileSync(openerFile)).digest('hex');
    expect(JSON.parse(first.stdout)).toEqual({ ok: true, path: out, bytes: readFileSync(out).length, sha256 });
    expect(createHash('sha256').update(readFileSync(out)).digest('hex')).toBe(sha256);
    expect((await depot(['opener', '--out', out])).code).toBe(5);
    // It is handed on; whoever could change it would have the private key of whoever opens it.
    const open = join(scratch, 'open.html');
    execFileSync(
      'sh',
      ['-c', 'umask 000; exec "$0" "$1" opener --out "$2"', process.execPath, join(checkout, 'bin/depot.js'), open],
      { stdio: 'ignore' },
    );
    expect((statSync(open).mode & 0o777).toString(8)).toBe('644');
    expect((await depot(['opener'])).code).toBe(2);
  });
});
