/** Detached signatures over receipts and attestations (RFC 9580 sections 5.2 and 10.4). */
import * as openpgp from 'openpgp';
import { DepotError } from '../errors.js';
import { printable, said } from '../printable.js';
import { dearmor, plainSignatureArmor } from './armor.js';
import { isArmored, packetType, splitPackets } from './packets.js';
import { internalsOf, internalsOfSecret } from './certificate.js';
import type { Certificate, KeyPacket, OpenPgpCertificate, SecretKey } from './certificate.js';
import { toHex } from './pkesk.js';
import { flawOf, flawWords, toUtc } from './flaw.js';
import { judgeSigner } from './policy.js';
import { hasUncheckableRevocation, primaryRevocation, subkeyRevocation, type Revocation } from './revocation.js';
import { isPlainEd25519 } from './ed25519.js';
import { backSignatureProblem, earlier, primaryStanding, subkeyStanding } from './validity.js';
import { weaknessOf } from './weak-key.js';

/** How far the clocks of supplier and beneficiary may be apart. */
const clockSkew = 10 * 60 * 1000;
const weakHashes = new Set([openpgp.enums.hash.md5, openpgp.enums.hash.sha1, openpgp.enums.hash.ripemd]);

/** Throws 'signer-unusable' when the key is not fit to sign at `at`, or its secret part is not at hand. */
export async function signDetached(bytes: Uint8Array, signer: SecretKey, at: Date = new Date()): Promise<string> {
  const { signingFingerprint } = await judgeSigner(signer, at);
  const { key } = internalsOfSecret(signer);
  const part = [key, ...key.subkeys].find(
    (candidate) => candidate.getFingerprint().toUpperCase() === signingFingerprint,
  )!;
  try {
    const armored: unknown = await openpgp.sign({
      message: await openpgp.createMessage({ binary: bytes }),
      signingKeys: key,
      signingKeyIDs: [part.getKeyID()],
      detached: true,
      date: at,
      config: { showVersion: false, showComment: false },
    });
    return armored as string;
  } catch (cause) {
    throw new DepotError('signer-unusable', `key ${signer.fingerprint} did not sign: ${said(cause)}`, {
      hint: 'give the file with the unlocked secret key',
      cause,
    });
  }
}

export interface VerifiedSignature {
  /** Of the signer's primary key. */
  fingerprint: string;
  signedAt: Date;
  /** What happened to the signer since, and does not undo the signature. */
  warnings: string[];
}

/**
 * The signer must have been valid when it signed: one retired or superseded later still counts, with a warning; one
 * compromised, or revoked without a reason, never does. Throws 'verification-failed'.
 */
export async function verifyDetached(
  bytes: Uint8Array,
  armoredSignature: string | Uint8Array,
  signers: Certificate[],
  at: Date = new Date(),
): Promise<VerifiedSignature> {
  const packets = await readSignatures(armoredSignature);
  let failure: DepotError | undefined;
  for (const packet of packets) {
    for (const signer of signers.map(internalsOf)) {
      const part = issuerOf(packet, signer);
      if (part === null) continue;
      try {
        return await verifyOne(bytes, packet, signer, part, at);
      } catch (error) {
        if (!(error instanceof DepotError)) throw error;
        failure = error;
      }
    }
  }
  throw failure ?? byAnother(packets, signers);
}

/** Swapped keys are the usual reason, so both are named. */
function byAnother(packets: openpgp.SignaturePacket[], signers: Certificate[]): DepotError {
  const by = packets.map((packet) =>
    packet.issuerFingerprint === null
      ? `key id ${packet.issuerKeyID.toHex().toUpperCase()}`
      : toHex(packet.issuerFingerprint),
  );
  const names = signers.map(({ fingerprint, userIds, isSecret }) => {
    const name = printable(userIds[0] ?? '');
    return `${fingerprint}${name === '' ? '' : ` (${name})`}${isSecret ? ', a private key' : ''}`;
  });
  return failed(
    `none of the given signers made it: it was made with ${by.join(', ')}; given: ${names.join('; ') || 'none'}`,
    "give the supplier's public key with --signer, and compare its fingerprint with the supplier by telephone",
  );
}

function failed(why: string, hint?: string, cause?: unknown): DepotError {
  return new DepotError('verification-failed', `signature not accepted: ${why}`, { hint, cause });
}

/**
 * The only packet of a signature that needs no second look, null for any other. OpenPGP.js reads armour and packets as streams, one
 * promise after the other, which takes longer than to check the signature; its class for the packet reads it here, too.
 */
function readPlain(signature: string | Uint8Array): openpgp.SignaturePacket | null {
  try {
    const binary = typeof signature === 'string' ? plainSignatureArmor(signature) : signature;
    // No further than to a second one: a file may be millions.
    const [only, another] = splitPackets(binary ?? new Uint8Array());
    if (only?.type !== packetType.signature || another !== undefined) return null;
    const packet = new openpgp.SignaturePacket();
    packet.read(only.body);
    return packet;
  } catch {
    return null;
  }
}

async function readSignatures(signature: string | Uint8Array): Promise<openpgp.SignaturePacket[]> {
  const plain = readPlain(signature);
  if (plain !== null) return [plain];
  const refuse = (what: string, cause?: unknown): DepotError =>
    failed(what, 'check that the file is the .asc that belongs to it', cause);
  const binary = isArmored(signature) ? await dearmor(signature, [openpgp.enums.armor.signature], refuse) : signature;
  try {
    const { packets } = await openpgp.readSignature({ binarySignature: binary });
    const readable = packets.filter((packet) => packet instanceof openpgp.SignaturePacket);
    if (readable.length > 0) return readable;
  } catch (cause) {
    throw refuse(`not an OpenPGP signature (${said(cause)})`, cause);
  }
  throw refuse('not an OpenPGP signature that depot can read');
}

type Part = openpgp.Key | openpgp.Subkey;

function issuerOf(packet: openpgp.SignaturePacket, signer: OpenPgpCertificate): Part | null {
  const named = packet.issuerFingerprint === null ? null : toHex(packet.issuerFingerprint);
  const matches = (part: Part): boolean =>
    named === null ? part.getKeyID().equals(packet.issuerKeyID) : part.getFingerprint().toUpperCase() === named;
  return [signer.key, ...signer.key.subkeys].find(matches) ?? null;
}

async function verifyOne(
  bytes: Uint8Array,
  packet: openpgp.SignaturePacket,
  signer: OpenPgpCertificate,
  part: Part,
  at: Date,
): Promise<VerifiedSignature> {
  // Of a weak primary key anybody could have bound the subkey.
  for (const { keyPacket } of [signer.key, part]) {
    const weak = weaknessOf(keyPacket);
    if (weak !== null)
      throw failed(
        `signer ${signer.fingerprint}: ${weak}`,
        'ask the supplier for receipts signed again with a new key',
      );
  }
  await checkCryptographically(bytes, packet, part.keyPacket);
  const signedAt = packet.created!;
  if (signedAt.getTime() > at.getTime() + clockSkew)
    throw failed(`it was made in the future, on ${toUtc(signedAt)}`, 'check the clock of this machine');
  if (packet.getExpirationTime() <= at) throw failed(`it expired on ${toUtc(packet.getExpirationTime() as Date)}`);
  const expiry = await expiryOfSigner(signer, part, at);
  if (signedAt < part.getCreationTime()) throw failed('it is older than the key that made it');
  if (expiry !== null && expiry <= signedAt)
    throw failed(`the signer had expired on ${toUtc(expiry)}, before it signed on ${toUtc(signedAt)}`);
  const warnings = await checkRevocations(signer, part, signedAt);
  if (expiry !== null && expiry <= at)
    warnings.push(`signer ${signer.fingerprint} expired on ${toUtc(expiry)}, after it signed this`);
  return { fingerprint: signer.fingerprint, signedAt, warnings };
}

async function checkCryptographically(
  bytes: Uint8Array,
  packet: openpgp.SignaturePacket,
  key: KeyPacket,
): Promise<void> {
  if (packet.signatureType !== openpgp.enums.signature.binary)
    throw failed("it is not a signature of the file's exact bytes", 'sign again with: gpg --detach-sign --armor');
  if (packet.hashAlgorithm !== null && weakHashes.has(packet.hashAlgorithm))
    throw failed('it uses SHA-1 or an older hash');
  const literal = new openpgp.LiteralDataPacket() as unknown as {
    setBytes(bytes: Uint8Array, format: openpgp.enums.literal): void;
  };
  literal.setBytes(bytes, openpgp.enums.literal.binary);
  if (await isPlainEd25519(packet, key, literal)) return;
  try {
    // No date: what counts is judged below, with the signer's state at the time of signing.
    await packet.verify(key, openpgp.enums.signature.binary, literal, null as unknown as Date, true);
  } catch (cause) {
    const flaw = flawOf(cause, packet);
    if (flaw.kind === 'damaged') throw failed('the file or the signature was changed', undefined, cause);
    throw failed(
      `the signature ${flawWords(flaw)}`,
      'verify it with another program: gpg --verify FILE.asc FILE',
      cause,
    );
  }
}

/** By the newest self-signatures, which may be younger than the signature: owners extend their keys. */
async function expiryOfSigner(signer: OpenPgpCertificate, part: Part, at: Date): Promise<Date | null> {
  const primary = await primaryStanding(signer, at);
  if (primary.problem !== null)
    throw failed(`signer ${signer.fingerprint}: ${primary.problem.why}`, primary.problem.hint);
  if (part === signer.key) {
    const flags = primary.selfSignatures.find((signature) => signature.keyFlags !== null)?.keyFlags;
    if (((flags?.[0] ?? 0) & 0x02) === 0) throw failed(`key ${signer.fingerprint} may not sign files`);
    return primary.expiresAt;
  }
  const subkey = part as openpgp.Subkey;
  const standing = await subkeyStanding(signer.key, subkey, at);
  const name = `subkey ${subkey.getFingerprint().toUpperCase()}`;
  if (standing.binding === null)
    throw failed(
      `${name} is not bound to the signer: ${standing.flaw === null ? 'it carries no binding signature' : `its binding signature ${flawWords(standing.flaw)}`}`,
    );
  if (((standing.binding.keyFlags?.[0] ?? 0) & 0x02) === 0) throw failed(`${name} may not sign files`);
  const problem = await backSignatureProblem(signer.key, subkey, standing.binding, at);
  if (problem !== null) throw failed(`${name} ${problem}`);
  return earlier(primary.expiresAt, standing.expiresAt);
}

async function checkRevocations(signer: OpenPgpCertificate, part: Part, signedAt: Date): Promise<string[]> {
  if (hasUncheckableRevocation(signer))
    throw failed(`signer ${signer.fingerprint} carries a revocation that cannot be checked`);
  const revocations = [
    await primaryRevocation(signer),
    part === signer.key ? null : await subkeyRevocation(signer, part as openpgp.Subkey),
  ];
  return revocations
    .filter((revocation): revocation is Revocation => revocation !== null)
    .map((revocation) => {
      if (revocation.hard)
        throw failed(
          `signer ${signer.fingerprint} was revoked on ${toUtc(revocation.at)} (${revocation.reason}), which invalidates all its signatures: anybody who has the key could have made this one, with any date`,
          'ask the supplier for receipts signed again with its new key',
        );
      if (revocation.at <= signedAt)
        throw failed(
          `signer ${signer.fingerprint} was ${revocation.reason} on ${toUtc(revocation.at)}, before it signed on ${toUtc(signedAt)}`,
        );
      return `signer ${signer.fingerprint} was ${revocation.reason} on ${toUtc(revocation.at)}, after it signed this on ${toUtc(signedAt)}: that still counts; newer receipts need the signer's new key`;
    });
}
