import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isOutbound } from '../../src/outbound.js';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { coverBytes } from '../../src/receipt/cover.js';
import { receiptName, signatureName, type Compression } from '../../src/receipt/ids.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { compatReceipt, receiptOf } from './samples.js';

const textOf = (receipt: Receipt) => new TextDecoder().decode(coverBytes(receipt));
const blocks = (text: string) => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);

describe('a cover', () => {
  test('has nothing of the supplier\'s but what the receipt says in numbers', () => {
    const receipt = receiptOf({ supplier: { name: 'Canary Software', signerFingerprint: 'C'.repeat(40) } });
    const bytes = coverBytes(receipt);
    expect(isOutbound(bytes)).toBe(true);
    const text = new TextDecoder().decode(bytes);
    expect(text).not.toContain('Canary');
    expect(text).toContain('C'.repeat(40));
    expect(coverBytes(receipt)).toEqual(bytes);
  });

  test('says the same in English and Dutch, with the same commands', () => {
    const receipt = receiptOf();
    const text = textOf(receipt);
    const [english, dutch] = text.split('\n---\n');
    expect(blocks(english)).toEqual(blocks(dutch));
    for (const half of [english, dutch]) {
      for (const fact of [receipt.suitcase.name, receipt.suitcase.sha256, receipt.startedAt, receipt.supplier.signerFingerprint, receipt.encryption.recipients[0].fingerprint, receipt.encryption.recipients[0].subkeyFingerprint]) expect(half).toContain(fact);
    }
    expect(english).toContain('5,476,083,302 bytes');
    expect(dutch).toContain('5.476.083.302 bytes');
  });

  test.each<[Compression, string]>([['none', '| cat |'], ['gzip', '| gzip -d |'], ['zstd', '| zstd -d |']])('unpacks %s', (compression, command) => {
    const sample = compatReceipt();
    const text = textOf(receiptOf({ ...sample, encryption: { ...sample.encryption, compression } }));
    for (const block of [blocks(text)[1], blocks(text)[3]]) expect(block).toContain(command);
  });

  test('names GnuPG only for what GnuPG can read', () => {
    expect(blocks(textOf(compatReceipt()))[1]).toContain('gpg -d');
    const modern = textOf(receiptOf());
    expect(blocks(modern)[1]).not.toContain('gpg');
    expect(blocks(modern)[1]).toContain('rsop decrypt private.secret.asc <');
    expect(modern).toContain('GnuPG cannot read this file');
    expect(modern).toContain('GnuPG kan dit bestand niet lezen');
  });

  test('lists every key that opens the suitcase', () => {
    const sample = receiptOf();
    const [one] = sample.encryption.recipients;
    const text = textOf(receiptOf({ encryption: { ...sample.encryption, recipients: [one, { ...one, fingerprint: 'B'.repeat(40), subkeyFingerprint: 'B'.repeat(40), algorithm: 'RSA 3072' }] } }));
    expect(text).toContain(`- \`${one.fingerprint}\` (Curve25519; encryption subkey \`${one.subkeyFingerprint}\`)`);
    expect(text).toContain(`- \`${'B'.repeat(40)}\` (RSA 3072)`);
  });
});

const tools = peers('gpg', 'gpgconf', 'tar', 'zstd', 'sha256sum');

describe.skipIf(tools === undefined)('the commands of a compat cover', () => {
  /** A suitcase made by GnuPG itself, with receipt, signature and cover beside it, and the keys imported. */
  async function scene(): Promise<{ directory: string; script: string; suitcase: string; receipt: string; execute: () => ReturnType<typeof run> }> {
    const directory = tempDir('cover');
    const home = join(directory, 'h');
    await mkdir(home, { mode: 0o700 });
    const env = { PATH: process.env['PATH'], GNUPGHOME: home, LC_ALL: 'C' };
    cleanup(async () => run(tools!.gpgconf, ['--kill', 'all'], { env }));
    const gpg = async (...args: string[]) => mustRun(tools!.gpg, ['--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], { env, cwd: directory });
    await gpg('--quick-generate-key', 'Test <test@example.org>', 'default', 'default', 'never');
    await mkdir(join(directory, 'data/DEPOT'), { recursive: true });
    await writeFile(join(directory, 'data/DEPOT/README.md'), 'hello');
    await mustRun('sh', ['-c', 'tar -C data -c DEPOT | zstd -q > archive'], { cwd: directory, env });

    const sample = compatReceipt();
    await gpg('--trust-model', 'always', '-z0', '--disable-mdc', '-r', 'test@example.org', '-o', sample.suitcase.name, '-e', 'archive');
    const sealed = await readFile(join(directory, sample.suitcase.name));
    const receipt: Receipt = { ...sample, suitcase: { ...sample.suitcase, bytes: sealed.length, sha256: createHash('sha256').update(sealed).digest('hex') } };
    await writeFile(join(directory, receiptName(receipt.depositId)), receiptBytes(receipt));
    await gpg('--armor', '--detach-sign', '-o', signatureName(receipt.depositId), receiptName(receipt.depositId));
    const script = blocks(textOf(receipt))[1];
    return {
      directory, script, suitcase: join(directory, receipt.suitcase.name), receipt: join(directory, receiptName(receipt.depositId)),
      execute: async () => run('bash', ['-c', script], { cwd: directory, env }),
    };
  }

  test('check and open the deposit as they stand, and stop at the first thing that is wrong', async () => {
    const { directory, suitcase, receipt, execute } = await scene();
    const made = async () => (await readdir(directory)).includes('new');
    const sealed = await readFile(suitcase);
    const signed = await readFile(receipt);

    const flipped = Uint8Array.from(sealed);
    flipped[flipped.length - 1] ^= 1;
    await writeFile(suitcase, flipped);
    expect((await execute()).code).not.toBe(0);
    await writeFile(suitcase, sealed);
    await writeFile(receipt, signed.toString().replace('"complete": true', '"complete": false'));
    expect((await execute()).code).not.toBe(0);
    expect(await made()).toBe(false);

    await writeFile(receipt, signed);
    const result = await execute();
    expect(result.code, result.stderr).toBe(0);
    expect(await readFile(join(directory, 'new/DEPOT/README.md'), 'utf8')).toBe('hello');
  });
});
