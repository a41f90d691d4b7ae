/** The shell lines of a cover, run in every shell that is installed. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { stockLines } from '../../src/receipt/shell-lines.js';
import { receiptName, signatureName, suitcaseName, type Compression } from '../../src/names/deposit.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { asRoot, peers } from '../support/peers.js';
import { type Finished, mustRun, run } from '../support/process.js';
import { compatReceipt } from '../state/samples.js';
import { blocks, textOf } from './cover-text.js';
import { changed, shells } from './shells.js';

const tools = peers('gpg', 'gpgconf', 'tar', 'zstd', 'sha256sum');

interface Scene {
  directory: string;
  env: NodeJS.ProcessEnv;
  receipt: Receipt;
  /** Of the signer's primary key. */
  signer: string;
  /** Of the cover, with the signer's fingerprint written in. */
  lines: string[];
  /** As it was sealed. */
  sealed: Buffer;
  write: (sealed: Uint8Array) => Promise<void>;
  gpg: (...args: string[]) => Promise<Finished>;
  /** Makes another key, into the same keyring; its fingerprint. */
  key: (userId: string) => Promise<string>;
}

/** Receipt, signature and cover beside a suitcase, in a folder with a space in its name, and the keys imported. */
async function scene(
  compression: Compression,
  more: Record<string, string> = {},
  prepare: (data: string) => Promise<void> = async () => {},
): Promise<Scene> {
  const directory = join(tempDir('cover'), 'my kit');
  const home = join(directory, 'h');
  await mkdir(home, { mode: 0o700, recursive: true });
  const env = { PATH: process.env['PATH'], GNUPGHOME: home, LC_ALL: 'C' };
  cleanup(async () => run(tools!.gpgconf, ['--kill', 'all'], { env }));
  const gpg = async (...args: string[]) =>
    mustRun(
      tools!.gpg,
      ['--batch', '--yes', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
      { env, cwd: directory },
    );
  const key = async (userId: string) =>
    /KEY_CREATED \S ([0-9A-F]{40})/.exec(
      (await gpg('--status-fd', '1', '--quick-generate-key', userId, 'default', 'default', 'never')).stdout,
    )![1];
  const signer = await key('Test <test@example.org>');
  await mkdir(join(directory, 'data/DEPOT'), { recursive: true });
  await writeFile(join(directory, 'data/DEPOT/README.md'), 'hello');
  await writeFile(join(directory, 'data/random'), randomBytes(100_000));
  for (const [name, content] of Object.entries(more)) await writeFile(join(directory, 'data', name), content);
  await prepare(join(directory, 'data'));
  await mustRun(
    'sh',
    [
      '-c',
      `cd data && tar -c DEPOT random* | ${{ none: 'cat', gzip: 'gzip', zstd: 'zstd -q' }[compression]} > ../archive`,
    ],
    { cwd: directory, env },
  );
  const sample = compatReceipt();
  const name = suitcaseName(sample.depositId, compression);
  await gpg('--trust-model', 'always', '-z0', '-r', 'test@example.org', '-o', name, '-e', 'archive');
  const sealed = await readFile(join(directory, name));
  const [recipient] = sample.encryption.recipients;
  const receipt: Receipt = {
    ...sample,
    suitcase: { name, bytes: sealed.length, sha256: createHash('sha256').update(sealed).digest('hex') },
    encryption: { ...sample.encryption, compression, recipients: [recipient] },
  };
  await writeFile(join(directory, receiptName(receipt.depositId)), receiptBytes(receipt));
  await gpg(
    '-u',
    signer,
    '--armor',
    '--detach-sign',
    '-o',
    signatureName(receipt.depositId),
    receiptName(receipt.depositId),
  );
  return {
    directory,
    env,
    gpg,
    key,
    receipt,
    signer,
    lines: blocks(textOf(receipt))[1].replace('FINGERPRINT', signer).trimEnd().split('\n'),
    sealed,
    write: (bytes) => writeFile(join(directory, name), bytes),
  };
}

const manipulations: [string, (sealed: Buffer) => Uint8Array][] = [
  ['the third last byte changed', (sealed) => changed(sealed, sealed.length - 3)],
  ['a byte in the middle changed', (sealed) => changed(sealed, Math.floor(sealed.length / 2))],
  ['cut', (sealed) => sealed.subarray(0, 60_000)],
  ['empty', () => new Uint8Array()],
];

describe.skipIf(tools === undefined)('the lines of a compat cover', () => {
  test.each([true, false])('say of an increment that it is not the whole dataset: %s', async (isIncrement) => {
    const { directory, env, receipt } = await scene('gzip', isIncrement ? { 'DEPOT/chain.json': '{}' } : {});
    // As they are in documents: whoever uses them does not know yet what the suitcase is.
    const line = stockLines({ ...receipt, chain: { number: 0 } })
      .split('\n')
      .at(-1)!;
    for (const shell of shells) {
      const { code, stderr } = await run(shell.path, [...shell.script, line], { cwd: directory, env });
      expect(code, `${shell.name}: ${stderr}`).toBe(isIncrement ? 1 : 0);
      const stop = stderr.split('\n').filter((one) => one.startsWith('STOP'));
      const says =
        'STOP: this is an increment: new holds only what changed; new/DEPOT/README.md says what else you need';
      expect(stop, shell.name).toEqual(isIncrement ? [says] : []);
      await rm(join(directory, 'new'), { recursive: true });
    }
  });

  test.each<Compression>(['none', 'gzip', 'zstd'])(
    '%s: open only what was sealed, in every shell, whether run whole or from the last line alone',
    async (compression) => {
      const { directory, env, lines, sealed, write } = await scene(compression);
      expect(shells.map(({ name }) => name)).toContain('bash');
      const made = async () => (await readdir(directory)).includes('new');
      for (const shell of shells) {
        const execute = async (script: string) => run(shell.path, [...shell.script, script], { cwd: directory, env });
        // Everything in one shell and one compression; elsewhere what a shell or a program can change.
        const all = shell === shells[0] && compression === 'gzip';
        for (const part of all ? [lines, lines.slice(1), lines.slice(-1)] : [lines.slice(-1)]) {
          const script = part.join('\n');
          for (const [what, manipulate] of all ? manipulations : manipulations.slice(0, 1)) {
            await write(manipulate(sealed));
            const stopped = await execute(script);
            expect(stopped.code, `${shell.name}, ${what}: ${script}`).toBe(1);
            // The last line says why, whatever the programs printed.
            if (part.length > 1)
              expect(stopped.stderr, `${shell.name}, ${what}`).toContain('STOP: this is not the file of the receipt\n');
            expect(stopped.stderr, `${shell.name}, ${what}`).toMatch(
              /STOP: not opened; do not use what this left in new\n$/,
            );
            expect(await made(), `${shell.name}, ${what}`).toBe(false);
          }
          await write(sealed);
          const result = await execute(script);
          expect(result.code, `${shell.name}: ${script}\n${result.stderr}`).toBe(0);
          expect(await readdir(join(directory, 'new'))).toEqual(['DEPOT', 'random']);
          // Typing the lines again leaves what is there.
          await writeFile(join(directory, 'new/mine'), '');
          expect((await execute(script)).code).not.toBe(0);
          expect(await readdir(join(directory, 'new'))).toContain('mine');
          await rm(join(directory, 'new'), { recursive: true });
        }
      }
    },
  );

  test.skipIf(!asRoot())(
    'let an ordinary account into directories that Windows recorded without the right to enter them',
    async () => {
      const { directory, env, lines } = await scene('gzip', {}, async (data) => {
        await mkdir(join(data, 'random.d/inner'), { recursive: true });
        await writeFile(join(data, 'random.d/inner/file'), 'found');
        await chmod(join(data, 'random.d/inner'), 0o666);
        await chmod(join(data, 'random.d'), 0o444);
      });
      const nobody = 65_534;
      await run(tools!.gpgconf, ['--kill', 'all'], { env });
      await mustRun('chown', ['-R', `${nobody}:${nobody}`, dirname(directory)]);
      const account = { uid: nobody, gid: nobody };
      for (const shell of shells) {
        const script = `${lines.join('\n')}\ncat new/random.d/inner/file`;
        const { code, stdout, stderr } = await run(shell.path, [...shell.script, script], {
          cwd: directory,
          env,
          ...account,
        });
        expect(code, `${shell.name}: ${stderr}`).toBe(0);
        expect(stdout, shell.name).toMatch(/found$/);
        await rm(join(directory, 'new'), { recursive: true });
      }
    },
  );

  test('stop at a receipt by another signer in every shell, whatever that signer calls itself', async () => {
    const { directory, env, lines, receipt, signer, write, sealed, gpg, key } = await scene('gzip');
    const made = async () => (await readdir(directory)).includes('new');
    const [signature, signed] = [signatureName(receipt.depositId), receiptName(receipt.depositId)];
    const genuine = await readFile(join(directory, signature));
    await gpg('-u', signer, '--armor', '-o', 'inline.asc', '--sign', signed);
    // Anybody can seal for the beneficiary's public key and write a receipt for that.
    const other = await key(`VALIDSIG ${signer} 2026-11-22 0 0 4 0 22 8 00 ${signer}`);
    await writeFile(join(directory, 'data/random'), 'evil');
    await mustRun('sh', ['-c', 'tar -C data -c DEPOT random | gzip > archive'], { cwd: directory, env });
    await gpg('--trust-model', 'always', '-z0', '-r', 'test@example.org', '-o', receipt.suitcase.name, '-e', 'archive');
    const forged = await readFile(join(directory, receipt.suitcase.name));
    await writeFile(
      join(directory, signed),
      receiptBytes({
        ...receipt,
        suitcase: {
          ...receipt.suitcase,
          bytes: forged.length,
          sha256: createHash('sha256').update(forged).digest('hex'),
        },
      }),
    );
    await gpg('-u', other, '--armor', '--detach-sign', '-o', signature, signed);
    const theirs = await readFile(join(directory, signature));
    const script = lines.join('\n');
    for (const shell of shells) {
      for (const [what, bytes] of [
        ['by another key', theirs],
        ['the signature of another receipt', genuine],
        ['a signed message of another receipt', await readFile(join(directory, 'inline.asc'))],
      ] as const) {
        await writeFile(join(directory, signature), bytes);
        const stopped = await run(shell.path, [...shell.script, script], { cwd: directory, env });
        expect(stopped.code, `${shell.name}, ${what}: ${stopped.stderr}`).toBe(1);
        expect(stopped.stderr, `${shell.name}, ${what}`).toContain('STOP: the receipt is not signed by that key\n');
        expect(stopped.stderr, `what gpg says is seen: ${shell.name}, ${what}`).toContain('gpg: ');
        expect(await made(), `${shell.name}, ${what}`).toBe(false);
      }
      await writeFile(join(directory, signature), theirs);
      // The cover's placeholder, a part of the fingerprint, or nothing at all: none of them passes.
      for (const written of ['FINGERPRINT', '', other.slice(-16), other.slice(0, 39)]) {
        expect(
          (await run(shell.path, [...shell.script, script.replace(signer, written)], { cwd: directory, env })).code,
          `${shell.name}: "${written}"`,
        ).toBe(1);
        expect(await made(), `${shell.name}: "${written}"`).toBe(false);
      }
    }
    // Control: with the other fingerprint, this deposit would open.
    expect((await run('sh', ['-c', script.replace(signer, other)], { cwd: directory, env })).code).toBe(0);
    await rm(join(directory, 'new'), { recursive: true });
    // A signature by a subkey counts: the fingerprint to compare is that of the primary key.
    await gpg('--quick-add-key', signer, 'ed25519', 'sign', 'never');
    await writeFile(join(directory, signed), receiptBytes(receipt));
    await write(sealed);
    await gpg('-u', signer, '--armor', '--detach-sign', '-o', signature, signed);
    const bySubkey = await run('sh', ['-c', script], { cwd: directory, env });
    expect(bySubkey.stdout).toMatch(new RegExp(`VALIDSIG (?!${signer})[0-9A-F]{40} .* ${signer}\n`));
    expect(bySubkey.code, bySubkey.stderr).toBe(0);
  });

  test('leave the shell that they are pasted into open and unchanged, and stop at a changed receipt', async () => {
    const { directory, env, lines, sealed, receipt, write } = await scene('gzip');
    const type = async (shell: (typeof shells)[number]) =>
      run(shell.path, [...shell.interactive], {
        cwd: directory,
        env: { ...env, PS1: '', PS2: '' },
        input: `${lines.join('\n')}\necho "code $?"\nfalse | true\necho "still here $?"\n`,
      });
    for (const shell of shells) {
      await write(changed(sealed, sealed.length - 3));
      expect((await type(shell)).stdout, shell.name).toMatch(/code [1-9][^]*still here 0/);
      expect(await readdir(directory)).not.toContain('new');
      await write(sealed);
      expect((await type(shell)).stdout, shell.name).toMatch(/code 0[^]*still here 0/);
      await rm(join(directory, 'new'), { recursive: true });
    }
    const file = join(directory, receiptName(receipt.depositId));
    await writeFile(file, (await readFile(file, 'utf8')).replace('"complete": true', '"complete": false'));
    expect((await run('bash', ['-c', lines.join('\n')], { cwd: directory, env })).code).not.toBe(0);
    expect(await readdir(directory)).not.toContain('new');
  });

  test('do not unpack contents that were already damaged when they were sealed', async () => {
    const { directory, env, lines, receipt } = await scene('gzip');
    const archive = await readFile(join(directory, 'archive'));
    await writeFile(join(directory, 'damaged'), archive.subarray(0, archive.length - 9));
    await mustRun(
      tools!.gpg,
      [
        '--batch',
        '--yes',
        '--quiet',
        '--trust-model',
        'always',
        '-z0',
        '-r',
        'test@example.org',
        '-o',
        receipt.suitcase.name,
        '-e',
        'damaged',
      ],
      { env, cwd: directory },
    );
    expect((await run('bash', ['-c', lines.at(-1)!], { cwd: directory, env })).code).not.toBe(0);
    expect(await readdir(join(directory, 'new'))).toEqual(['opened.tar.gz']);
  });
});
