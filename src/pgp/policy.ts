/**
 * Law 6 of docs/architecture.md: no doubtful key for a push or a receipt. Self-signatures and bindings are judged
 * strictly, revocations leniently: any genuine one counts. Opening asks nothing of this.
 */
import { fingerprintPattern } from '../names/fingerprint.js';
import type * as openpgp from 'openpgp';
import { DepotError, type ErrorCode } from '../errors.js';
import { printable, said } from '../printable.js';
import { aeadId, cipherId } from './chunks.js';
import { algorithmOf, internalsOf, type Certificate, type KeyPacket, type OpenPgpCertificate } from './certificate.js';
import { flawWords, toUtc } from './flaw.js';
import { hasUncheckableRevocation, primaryRevocation, subkeyRevocation } from './revocation.js';
import { backSignatureProblem, earlier, primaryStanding, subkeyStanding } from './validity.js';
import type { PrimaryStanding, SelfSignature } from './validity.js';
import { remarkOn, weaknessOf } from './weak-key.js';
import { wrapFor } from './wrap.js';

export interface SignerJudgement {
  /** Of the primary key, upper-case hex. */
  fingerprint: string;
  /** The key that signs: a subkey, or the primary key itself. */
  signingFingerprint: string;
  /** Of that key, e.g. 'Curve25519', 'RSA 3072'. */
  algorithm: string;
  /** `YYYY-MM-DDTHH:MM:SSZ`, the earlier of primary key and subkey; null for never. */
  expiresAt: string | null;
  warnings: string[];
  /** Those of `warnings` that somebody must act on: it expires soon. */
  urgent: string[];
}

/** A certificate that a push may encrypt to. */
export interface Recipient extends Omit<SignerJudgement, 'signingFingerprint'> {
  certificate: Certificate;
  /** The key that the session key goes to: a subkey, or the primary key itself. */
  subkeyFingerprint: string;
  /** Feature bit 0x08 in the self-signature that counts (RFC 9580 section 5.2.3.32); not GnuPG's 0x02. */
  announcesSeipd2: boolean;
  /** Modes that the key lists together with AES-256 (subpacket 39). */
  aeads: ('GCM' | 'OCB')[];
}

const seipd2Feature = 0x08;
const day = 24 * 3600 * 1000;

const encryptFlags = 0x04 | 0x08;
const signFlag = 0x02;
const encryptAlgorithms = new Set(['rsaEncryptSign', 'rsaEncrypt', 'ecdh', 'x25519', 'x448', 'elgamal']);
const signAlgorithms = new Set(['rsaEncryptSign', 'rsaSign', 'ecdsa', 'eddsaLegacy', 'ed25519', 'ed448', 'dsa']);

/** `8F3A…91C2` */
function short(fingerprint: string): string {
  return `${fingerprint.slice(0, 4)}…${fingerprint.slice(-4)}`;
}

/** A supplier with the secret key could open every deposit. `file`: where it was read. Throws 'recipient-unusable'. */
export function requirePublic(c: Certificate, file: string): void {
  if (!c.isSecret) return;
  const own = file.endsWith('.secret.asc') ? `, such as ${printable(file.replace(/secret\.asc$/, 'public.asc'))}` : '';
  throw new DepotError(
    'recipient-unusable',
    `${printable(file)} holds a secret key, where the beneficiary's public key is expected`,
    {
      hint: `ask the beneficiary for its public key, and delete this one: nobody should have sent it; or, if you made the key for it, give the .public.asc${own}`,
    },
  );
}

/** `pinned`: the fingerprint from the config, any case, spaces allowed. Throws 'recipient-unusable'. */
export async function judgeRecipient(c: Certificate, pinned: string, at: Date): Promise<Recipient> {
  const judge = new Judge('recipient-unusable', c, at);
  judge.pinned(pinned);
  const standing = await judge.primary();
  const chosen = await judge.choose(encryptAlgorithms, encryptFlags, standing, 'encrypt');
  return {
    certificate: c,
    subkeyFingerprint: chosen.packet.getFingerprint().toUpperCase(),
    ...announcementOf(standing.selfSignatures),
    ...judge.judgement(chosen, standing),
  };
}

/** Judges the supplier's signing key for a new receipt. Throws 'signer-unusable'. */
export async function judgeSigner(c: Certificate, at: Date): Promise<SignerJudgement> {
  const judge = new Judge('signer-unusable', c, at);
  const standing = await judge.primary();
  const chosen = await judge.choose(signAlgorithms, signFlag, standing, 'sign');
  const signingFingerprint = chosen.packet.getFingerprint().toUpperCase();
  return { signingFingerprint, ...judge.judgement(chosen, standing) };
}

/** The first self-signature that has the subpacket decides, in the order in which they count. */
function announcementOf(selfSignatures: SelfSignature[]): Pick<Recipient, 'announcesSeipd2' | 'aeads'> {
  const features = selfSignatures.find((signature) => signature.features !== null)?.features;
  const suites =
    selfSignatures.find((signature) => signature.preferredCipherSuites !== null)?.preferredCipherSuites ?? [];
  return {
    announcesSeipd2: ((features?.[0] ?? 0) & seipd2Feature) !== 0,
    aeads: (['GCM', 'OCB'] as const).filter((aead) =>
      suites.some(([cipher, mode]) => cipher === cipherId['AES-256'] && mode === aeadId[aead]),
    ),
  };
}

interface Chosen {
  packet: KeyPacket;
  expiresAt: Date | null;
}

class Judge {
  readonly #code: ErrorCode;
  readonly #certificate: OpenPgpCertificate;
  readonly #at: Date;

  constructor(code: ErrorCode, certificate: Certificate, at: Date) {
    this.#code = code;
    this.#certificate = internalsOf(certificate);
    this.#at = at;
  }

  #refuse(why: string, hint: string): DepotError {
    return new DepotError(this.#code, `key ${this.#certificate.fingerprint}: ${why}`, { hint });
  }

  pinned(pinned: string): void {
    const wanted = pinned.replace(/\s+/g, '').toUpperCase();
    if (!fingerprintPattern.test(wanted))
      throw this.#refuse(
        `the pinned fingerprint "${wanted.slice(0, 80)}" is not one of 40 or 64 hex digits`,
        "write the full fingerprint, as the key's owner reads it out",
      );
    if (wanted !== this.#certificate.fingerprint)
      throw this.#refuse(
        `it does not match the pinned fingerprint ${wanted}`,
        "compare fingerprints with the key's owner by telephone",
      );
  }

  async primary(): Promise<PrimaryStanding> {
    const revocation = await primaryRevocation(this.#certificate);
    if (revocation !== null)
      throw this.#refuse(
        `revoked on ${toUtc(revocation.at)} (${revocation.reason})`,
        "ask the key's owner for the new key",
      );
    if (hasUncheckableRevocation(this.#certificate))
      throw this.#refuse('it carries a revocation that cannot be checked', "ask the key's owner for a new key");
    const standing = await primaryStanding(this.#certificate, this.#at);
    if (standing.problem !== null) throw this.#refuse(standing.problem.why, standing.problem.hint);
    if (standing.expiresAt !== null && standing.expiresAt <= this.#at)
      throw this.#refuse(`expired on ${toUtc(standing.expiresAt)}`, "ask the key's owner to extend it");
    const weak = weaknessOf(this.#certificate.key.keyPacket);
    if (weak !== null) throw this.#refuse(weak, "ask the key's owner for a new key");
    return standing;
  }

  /** The newest subkey fit for the purpose, else the primary key, as gpg chooses. */
  async choose(
    algorithms: Set<string>,
    flags: number,
    standing: PrimaryStanding,
    verb: 'encrypt' | 'sign',
  ): Promise<Chosen> {
    const { key } = this.#certificate;
    const newestFirst = [...key.subkeys].sort((a, b) => b.getCreationTime().getTime() - a.getCreationTime().getTime());
    const reasons = this.#certificate.unread.map((what) => `depot cannot read a subkey of ${what}`);
    let expired: string | null = null;
    for (const subkey of newestFirst) {
      if (!algorithms.has(subkey.getAlgorithmInfo().algorithm)) continue;
      const verdict = await this.#subkey(subkey, flags, verb);
      if (typeof verdict !== 'string' && 'packet' in verdict) return verdict;
      const fingerprint = subkey.getFingerprint().toUpperCase();
      const why = typeof verdict === 'string' ? verdict : `expired on ${toUtc(verdict.expiredAt)}`;
      if (typeof verdict !== 'string') expired ??= fingerprint;
      if (why !== '') reasons.push(`subkey ${short(fingerprint)} ${why}`);
    }
    const primary = key.keyPacket;
    const flagged = standing.selfSignatures.find((signature) => signature.keyFlags !== null)?.keyFlags;
    if (algorithms.has(primary.getAlgorithmInfo().algorithm) && ((flagged?.[0] ?? 0) & flags) !== 0) {
      const unfit = verb === 'encrypt' ? await whyNotEncrypt(primary) : null;
      if (unfit === null) return { packet: primary, expiresAt: standing.expiresAt };
      reasons.push(`the primary key ${unfit}`);
    }
    // To extend a key, gpg's own commands extend the primary key alone.
    throw this.#refuse(
      [`no usable part to ${verb} with`, ...reasons].join('; '),
      expired === null
        ? `ask for a key that can ${verb}`
        : `ask the key's owner to extend the subkey too: gpg --quick-set-expire ${this.#certificate.fingerprint} 2y ${expired}`,
    );
  }

  /** A choice, when it expired, or why else not; '' for a subkey with another purpose. */
  async #subkey(subkey: openpgp.Subkey, flags: number, verb: string): Promise<Chosen | { expiredAt: Date } | string> {
    const { key } = this.#certificate;
    const standing = await subkeyStanding(key, subkey, this.#at);
    const revocation = await subkeyRevocation(this.#certificate, subkey);
    if (revocation !== null) return `was revoked on ${toUtc(revocation.at)} (${revocation.reason})`;
    const created = subkey.getCreationTime();
    if (created > this.#at) return `was made in the future, on ${toUtc(created)}, going by this machine's clock`;
    if (standing.binding === null)
      return standing.flaw === null
        ? 'has no binding signature'
        : `has a binding signature that ${flawWords(standing.flaw)}`;
    if (((standing.binding.keyFlags?.[0] ?? 0) & flags) === 0) return '';
    if (standing.expiresAt !== null && standing.expiresAt <= this.#at) return { expiredAt: standing.expiresAt };
    const weak = weaknessOf(subkey.keyPacket);
    if (weak !== null) return `is weak: ${weak}`;
    const unfit =
      verb === 'sign'
        ? await backSignatureProblem(key, subkey, standing.binding, this.#at)
        : await whyNotEncrypt(subkey.keyPacket);
    if (unfit !== null) return unfit;
    return { packet: subkey.keyPacket, expiresAt: standing.expiresAt };
  }

  judgement({ packet, expiresAt }: Chosen, standing: PrimaryStanding): Omit<SignerJudgement, 'signingFingerprint'> {
    const expiry = earlier(standing.expiresAt, expiresAt);
    const name = short(this.#certificate.fingerprint);
    const remarks: string[] = [];
    const urgent: string[] = [];
    for (const part of new Set([this.#certificate.key.keyPacket, packet])) {
      const remark = remarkOn(part);
      if (remark !== null) remarks.push(`key ${name}: ${remark}`);
    }
    const days = expiry === null ? Infinity : (expiry.getTime() - this.#at.getTime()) / day;
    if (expiry !== null && days <= 30)
      urgent.push(
        `key ${name} expires on ${toUtc(expiry)}, ${days < 1 ? 'within a day' : `in ${Math.floor(days)} ${days < 2 ? 'day' : 'days'}`}`,
      );
    return {
      fingerprint: this.#certificate.fingerprint,
      algorithm: algorithmOf(packet),
      expiresAt: expiry === null ? null : toUtc(expiry),
      warnings: [...new Set([...remarks, ...urgent])],
      urgent,
    };
  }
}

/** Tries it: we want to learn before a push that a key that looks right takes nothing. Null when it works. */
async function whyNotEncrypt(packet: KeyPacket): Promise<string | null> {
  try {
    await wrapFor(packet, packet.version === 6 ? 6 : 3, new Uint8Array(32).fill(1));
    return null;
  } catch (error) {
    return `cannot be encrypted to; OpenPGP.js says: ${said(error)}`;
  }
}
