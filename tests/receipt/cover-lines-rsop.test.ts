/** The shell lines of a cover that rsop runs, in every shell that is installed. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { receiptName, signatureName, suitcaseName } from '../../src/names/deposit.js';
import { generateKey, readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { judgeRecipient } from '../../src/pgp/policy.js';
import { wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { signDetached } from '../../src/pgp/signature.js';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { stockLines } from '../../src/receipt/shell-lines.js';
import { gcm, seal, v1 } from '../pgp/messages.js';
import { compatReceipt, receiptOf } from '../state/samples.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { changed, shells } from './shells.js';

const rsop = peer('rsop');

describe.skipIf(rsop === undefined)('the lines for rsop', () => {
  test('stop with a message in every shell at a receipt by another signer, or at a changed file', async () => {
    const directory = tempDir('rsop');
    const [signer, other] = await Promise.all(
      ['Supplier', 'Another'].map((name) =>
        generateKey({ kind: 'signer', name, email: 'test@example.org', profile: 'modern' }),
      ),
    );
    const receipt = receiptOf();
    const suitcase = randomBytes(1000);
    const bytes = receiptBytes({
      ...receipt,
      suitcase: { ...receipt.suitcase, sha256: createHash('sha256').update(suitcase).digest('hex') },
    });
    await writeFile(join(directory, receiptName(receipt.depositId)), bytes);
    await writeFile(join(directory, 'signer.public.asc'), signer.publicKey);
    // Only the first two lines: nothing is opened here.
    const script = stockLines(receipt).split('\n').slice(0, 2).join('\n').replace(/ &&$/, '');
    for (const shell of shells) {
      for (const [by, file, why] of [
        [signer, suitcase, null],
        [other, suitcase, 'the receipt is not signed by that key'],
        [signer, changed(suitcase, 500), 'this is not the file of the receipt'],
      ] as const) {
        await writeFile(
          join(directory, signatureName(receipt.depositId)),
          await signDetached(bytes, await readSecretKey(by.secretKey)),
        );
        await writeFile(join(directory, receipt.suitcase.name), file);
        const { code, stderr } = await run(shell.path, [...shell.script, script], { cwd: directory });
        expect({ code, stopped: /STOP: (.*)\n$/.exec(stderr)?.[1] ?? null }, `${shell.name}: ${stderr}`).toEqual({
          code: why === null ? 0 : 1,
          stopped: why,
        });
      }
    }
  });

  test.each([
    ['modern', 'modern'],
    ['compat for a key of version 6', 'compat'],
    ['compat for keys of versions 4 and 6', 'mixed'],
  ] as const)('%s: open only what was sealed, in every shell', async (_, form) => {
    const directory = tempDir('rsop');
    const made = await generateKey({ kind: 'arrangement', name: 'Test', email: 'test@example.org', profile: 'modern' });
    const other = await generateKey({
      kind: 'arrangement',
      name: 'Other',
      email: 'other@example.org',
      profile: 'compat',
    });
    const recipients = await Promise.all(
      (form === 'mixed' ? [made, other] : [made]).map(async ({ publicKey }) => {
        const certificate = await readCertificate(publicKey);
        return judgeRecipient(certificate, certificate.fingerprint, new Date());
      }),
    );
    await mkdir(join(directory, 'data/DEPOT'), { recursive: true });
    await writeFile(join(directory, 'data/DEPOT/README.md'), 'hello');
    await mustRun('sh', ['-c', 'tar -C data -c DEPOT > archive'], { cwd: directory });
    const encryption = form === 'modern' ? gcm(12) : v1;
    const sessionKey = randomBytes(32);
    const { message } = seal(await readFile(join(directory, 'archive')), encryption, {
      sessionKey,
      pkesk: await wrapSessionKey(sessionKey, encryption, recipients),
    });
    const sample = form === 'modern' ? receiptOf() : compatReceipt();
    const name = suitcaseName(sample.depositId, 'none');
    const lines = stockLines({
      depositId: sample.depositId,
      suitcase: { name },
      encryption: {
        ...sample.encryption,
        compression: 'none',
        recipients: recipients.map(({ fingerprint, algorithm }) => ({ fingerprint, algorithm })),
      },
    }).split('\n');
    const secrets = form === 'mixed' ? [made.secretKey, other.secretKey] : [made.secretKey];
    for (const secret of secrets) {
      await writeFile(join(directory, 'private.secret.asc'), secret, { mode: 0o600 });
      for (const shell of shells) {
        const execute = async () => run(shell.path, [...shell.script, lines.at(-1)!], { cwd: directory });
        await writeFile(join(directory, name), changed(message, message.length - 3));
        expect((await execute()).code, shell.name).not.toBe(0);
        expect(await readdir(directory)).not.toContain('new');
        await writeFile(join(directory, name), message);
        const result = await execute();
        expect(result.code, `${shell.name}: ${result.stderr}`).toBe(0);
        expect(await readdir(join(directory, 'new'))).toEqual(['DEPOT']);
        await rm(join(directory, 'new'), { recursive: true });
      }
    }
  });
});
