/**
 * Private keys in GnuPG's agent or on a smart card. We ask the installed `gpg` for a session key or a signature. It
 * never sees a suitcase: it gets the session key packets with a dummy behind them.
 */
import { randomBytes } from 'node:crypto';
import { type Ended, run } from '../child.js';
import { DepotError } from '../errors.js';
import { printable, said } from '../printable.js';
import { systemDirectory } from '../windows/programs.js';
import { encodePacket, packetType } from './packets.js';
import { aesOf, describePkesks, otherCipher } from './pkesk.js';
import type { UnwrappedSessionKey } from './sessionkey.js';

export interface GpgOptions {
  env: NodeJS.ProcessEnv;
  /** Ends gpg, which may be waiting for a PIN. */
  signal: AbortSignal;
  /** Where it is not the `gpg` of the path. */
  program?: string;
}

/** As much as the shortest body has: gpg gives the session key before it finds that the rest is nothing. */
const dummyBytes = 41;
/** Codes of libgpg-error, low 16 bits, in `ERROR pkdecrypt_failed`. */
const badPassphrase = 11;
const noSecretKey = 17;
const cancelled = [99, 198];

/**
 * Throws 'not-addressed' (gpg has none of the keys), 'passphrase-wrong', 'incomplete' (gpg reads no version 6),
 * 'verification-failed' (not AES), 'local-unreadable' (no gpg), 'secret-missing' (gpg failed otherwise).
 */
export async function unwrapWithGpg(pkesk: Uint8Array, o: GpgOptions): Promise<UnwrappedSessionKey> {
  const named = describePkesks(pkesk);
  if (named.some(({ version }) => version === 6))
    throw new DepotError('incomplete', 'this deposit is modern (SEIPDv2), which gpg cannot read', {
      hint: 'use --key with the file of the private key',
    });
  const body = Uint8Array.of(1, ...randomBytes(dummyBytes - 1));
  const message = Buffer.concat([pkesk, encodePacket(packetType.seipd, body)]);
  const { output: status } = await ask(['--show-session-key', '--decrypt'], message, o);
  const found = takeSessionKey(status);
  const text = status.toString('latin1');
  const recipients = named.map(({ recipient }) => recipient || 'anonymous');
  if (found === null) throw refusal(text, recipients);
  const cipher = aesOf[found.algorithm];
  if (cipher === undefined) {
    found.sessionKey.fill(0);
    throw otherCipher(found.algorithm);
  }
  const key = /^\[GNUPG:\] DECRYPTION_KEY ([0-9A-F]{40})/m.exec(text);
  return { sessionKey: found.sessionKey, cipher, keyFingerprint: key?.[1] ?? named[0]!.recipient };
}

/** Takes the session key out of the status lines and overwrites it: no string, which cannot be wiped, ever holds it. */
function takeSessionKey(status: Buffer): { algorithm: number; sessionKey: Uint8Array } | null {
  const line = Buffer.from('[GNUPG:] SESSION_KEY ');
  let start = status.indexOf(line);
  while (start > 0 && status[start - 1] !== 0x0a) start = status.indexOf(line, start + 1);
  const colon = start < 0 ? -1 : status.indexOf(':', start + line.length);
  if (colon < 0) return null;
  let end = colon + 1;
  while (hexDigit(status[end]) >= 0) end++;
  const sessionKey = Uint8Array.from(
    { length: (end - colon - 1) >> 1 },
    (_, i) => (hexDigit(status[colon + 1 + 2 * i]) << 4) | hexDigit(status[colon + 2 + 2 * i]),
  );
  status.fill(0x2e, colon + 1, end);
  return { algorithm: Number(status.toString('latin1', start + line.length, colon)), sessionKey };
}

/** Of an upper-case digit; -1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x41 && byte <= 0x46 ? byte - 0x41 + 10 : -1;
}

/** A detached, armoured signature. Throws 'signer-unusable', 'local-unreadable'. */
export async function signWithGpg(bytes: Uint8Array, fingerprint: string, o: GpgOptions): Promise<string> {
  const args = ['--local-user', `${fingerprint}!`, '--armor', '--detach-sign'];
  const { output, status, complaints } = await ask(args, bytes, o, false);
  const armored = output.toString('latin1');
  if (status === 0 && armored.startsWith('-----BEGIN PGP SIGNATURE-----')) return armored;
  throw new DepotError(
    'signer-unusable',
    `gpg did not sign with key ${fingerprint}${complaints.length === 0 ? '' : `; it says: ${said(complaints.at(-1))}`}`,
    { hint: 'sign with another key of yours: --sign-with FILE' },
  );
}

/** With `status`, standard output has status lines. Standard error, which then tells the session key, is ignored. */
function ask(args: string[], input: Uint8Array, o: GpgOptions, status = true): Promise<Ended> {
  const common = ['--batch', '--no-tty', '--quiet', ...(status ? ['--status-fd', '1'] : [])];
  return run([o.program ?? 'gpg', ...common, ...args], {
    code: 'local-unreadable',
    startHint: 'install GnuPG (to see whether it runs: gpg --version), or use --key with the file of the private key',
    env: o.env,
    input,
    stdout: 'keep',
    ...(status && { stderr: 'ignore' as const }),
    signal: o.signal,
    atTerminal: true,
    anyExit: true,
    // Windows looks for a bare name in the working directory first. There, and where a single executable was downloaded to,
    // whoever brought the suitcase may have put one; into its own directory only administrators put any.
    ...(process.platform === 'win32' && { directory: systemDirectory(o.env) }),
  });
}

function refusal(status: string, recipients: string[]): DepotError {
  const failure = /^\[GNUPG:\] ERROR pkdecrypt_failed (\d+)/m.exec(status);
  const code = failure === null ? null : Number(failure[1]) & 0xffff;
  if (code === badPassphrase)
    return new DepotError('passphrase-wrong', 'gpg says that the passphrase or PIN is wrong', {
      hint: 'try again with the right one',
    });
  if (code !== null && cancelled.includes(code))
    return new DepotError('secret-missing', 'gpg got no passphrase or PIN', {
      hint: 'enter it in the window that gpg opens; over SSH: export GPG_TTY=$(tty)',
    });
  // GnuPG 2.2 says nothing of keys that it does not have: it fails with no error of its own.
  if (code === null ? !/^\[GNUPG:\] (?:NO_SECKEY |DECRYPTION_FAILED)/m.test(status) : code !== noSecretKey)
    return new DepotError(
      'secret-missing',
      `gpg returned no session key, and depot does not know why; it says: ${saidBy(status)}`,
      { hint: 'see what gpg itself says: gpg --list-packets FILE; or use --key with the file of the private key' },
    );
  return new DepotError('not-addressed', 'gpg has no private key that opens this message', {
    hint: `look with "gpg --list-secret-keys" for one of: ${recipients.slice(0, 8).join(', ')}`,
  });
}

/** The last status lines that are about a failure; none of them has a key in it. */
function saidBy(status: string): string {
  const lines = [
    ...status.matchAll(
      /^\[GNUPG:\] ((?:ERROR|FAILURE|NODATA|UNEXPECTED|DECRYPTION_FAILED|ENC_TO|BAD_PASSPHRASE|MISSING_PASSPHRASE)\b.*)$/gm,
    ),
  ].map(([, line]) => printable(line!.slice(0, 100)));
  return lines.length === 0 ? 'nothing' : lines.slice(-4).join('; ');
}
