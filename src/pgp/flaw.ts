/** What is wrong with a self-signature, by the words of what OpenPGP.js throws: it has one exception for everything. */
import type * as openpgp from 'openpgp';
import { said } from '../printable.js';

export type Flaw =
  | { kind: 'weak-hash' | 'damaged' | 'another-key' | 'other-curve' }
  | { kind: 'expired' | 'future' | 'revoked'; at: Date }
  | { kind: 'unknown'; said: string };

export function flawOf(error: unknown, signature: openpgp.SignaturePacket): Flaw {
  const text = error instanceof Error ? error.message : '';
  if (text === 'Signed digest did not match' || text === 'Signature verification failed') return { kind: 'damaged' };
  if (
    text === 'Signature was not issued by the given public key' ||
    text.startsWith('Public key algorithm used to sign signature does not match')
  )
    return { kind: 'another-key' };
  if (text === 'Signature creation time is in the future') return { kind: 'future', at: signature.created! };
  const end = signature.getExpirationTime();
  if (text === 'Signature is expired' && end instanceof Date) return { kind: 'expired', at: end };
  if (text.startsWith('Insecure hash algorithm') || text === 'Hash algorithm too weak for EdDSA.')
    return { kind: 'weak-hash' };
  // In Node OpenPGP.js checks signatures on curves other than NIST's with a package that it does not bring.
  if (text.includes('eckey-utils')) return { kind: 'other-curve' };
  return { kind: 'unknown', said: said(error) };
}

/** Whether this is known to be no signature by the key over this. */
export function isForeign({ kind }: Flaw): boolean {
  return kind === 'damaged' || kind === 'another-key';
}

/** The nearest to a signature that counts comes first. */
const order = ['weak-hash', 'expired', 'revoked', 'future', 'other-curve', 'unknown', 'damaged', 'another-key'];

/** The flaw that says most. */
export function telling(flaws: readonly Flaw[]): Flaw | null {
  return [...flaws].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))[0] ?? null;
}

/** `YYYY-MM-DDTHH:MM:SSZ`. */
export function toUtc(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** As it follows "its self-signature". */
export function flawWords(flaw: Flaw): string {
  switch (flaw.kind) {
    case 'weak-hash':
      return 'uses SHA-1 or an older hash';
    case 'expired':
      return `expired on ${toUtc(flaw.at)}`;
    case 'revoked':
      return `was revoked on ${toUtc(flaw.at)}`;
    case 'future':
      return `is dated in the future, ${toUtc(flaw.at)}`;
    case 'unknown':
      return `could not be checked; OpenPGP.js says: ${flaw.said}`;
    case 'other-curve':
      return 'is on a curve that depot cannot check, such as secp256k1 or Brainpool';
    case 'damaged':
      return 'does not verify: the key was changed or damaged in transit';
    case 'another-key':
      return 'was made by another key';
  }
}

export function flawHint({ kind }: Flaw): string {
  switch (kind) {
    case 'weak-hash':
      return "ask the key's owner to renew it with a current program: setting the expiry signs it again";
    case 'expired':
      return "ask the key's owner to extend it and send it again";
    case 'revoked':
      return "ask the key's owner for the key that it uses now";
    case 'future':
      return clockHint;
    case 'other-curve':
      return "ask the key's owner for a Curve25519 or RSA key";
    case 'unknown':
      return "look at it with another program: gpg --show-keys FILE; then ask the key's owner for a key made with a current program";
    case 'damaged':
    case 'another-key':
      return "ask the key's owner to export it and send it again";
  }
}

export const clockHint =
  "check this machine's clock: date -u; if it is right, ask the key's owner for a key made with the right time";
