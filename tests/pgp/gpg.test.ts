/** A gpg that fails in ways of its own: a private key is called missing only where gpg looked for it. */
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodePacket, packetType } from '../../src/pgp/packets.js';
import { signWithGpg, unwrapWithGpg } from '../../src/pgp/gpg.js';
import { cleanup, tempDir } from '../support/cleanup.js';

const { signal } = new AbortController();
/** For key 0102030405060708, RSA, with a number that nobody opens. */
const pkesk = encodePacket(packetType.pkesk, Uint8Array.of(3, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 8, 0xff));
const saying = (lines: string[], mode = 0o755): string => {
  const program = join(tempDir('gpg'), 'gpg');
  writeFileSync(program, `#!/bin/sh\ncat > /dev/null\n${lines.join('\n')}\nexit 2\n`);
  chmodSync(program, mode);
  return program;
};
const asked = (program: string): Promise<unknown> => unwrapWithGpg(pkesk, { env: process.env, signal, program });

describe.skipIf(process.platform === 'win32')('a gpg', () => {
  test.each([
    ['that it has no such key', ['echo "[GNUPG:] NO_SECKEY 0102030405060708"'], { code: 'not-addressed' }],
    [
      'nothing of the key, as GnuPG 2.2 does',
      ['echo "[GNUPG:] BEGIN_DECRYPTION"', 'echo "[GNUPG:] DECRYPTION_FAILED"'],
      { code: 'not-addressed' },
    ],
    ['that the passphrase is wrong', ['echo "[GNUPG:] ERROR pkdecrypt_failed 67108875"'], { code: 'passphrase-wrong' }],
    [
      'an error that depot does not know',
      ['echo "[GNUPG:] ERROR pkdecrypt_failed 100663406"'],
      {
        code: 'secret-missing',
        message: 'gpg returned no session key, and depot does not know why; it says: ERROR pkdecrypt_failed 100663406',
      },
    ],
    [
      'nothing',
      [],
      { code: 'secret-missing', message: 'gpg returned no session key, and depot does not know why; it says: nothing' },
    ],
  ])('that says %s: the error names the cause', async (_, lines, error) => {
    await expect(asked(saying(lines))).rejects.toMatchObject(error);
  });

  test('that is missing or cannot be run: the error says so', async () => {
    await expect(asked(join(tempDir('gpg'), 'gpg'))).rejects.toMatchObject({
      code: 'local-unreadable',
      message: expect.stringContaining('no such command') as string,
    });
    await expect(asked(saying([], 0o644))).rejects.toMatchObject({
      code: 'local-unreadable',
      message: expect.stringMatching(/could not be started: EACCES$/) as string,
    });
  });

  test('is looked for from a directory of Windows itself, where nobody else can have put one', async () => {
    const SystemRoot = tempDir();
    mkdirSync(join(SystemRoot, 'System32'));
    const program = saying(['pwd > "$0.log"']);
    const { platform } = process;
    cleanup(() => Object.defineProperty(process, 'platform', { value: platform }));
    Object.defineProperty(process, 'platform', { value: 'win32' });
    await expect(unwrapWithGpg(pkesk, { env: { ...process.env, SystemRoot }, signal, program })).rejects.toMatchObject({
      code: 'secret-missing',
    });
    expect(readFileSync(`${program}.log`, 'utf8').trim()).toBe(join(realpathSync(SystemRoot), 'System32'));
  });

  test('that does not sign: the error shows what gpg said', async () => {
    await expect(
      signWithGpg(Uint8Array.of(1), 'A'.repeat(40), {
        env: process.env,
        signal,
        program: saying(['echo "gpg: no usable card" >&2']),
      }),
    ).rejects.toMatchObject({
      code: 'signer-unusable',
      message: `gpg did not sign with key ${'A'.repeat(40)}; it says: gpg: no usable card`,
    });
  });
});
