import * as openpgp from 'openpgp';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCertificate } from '../../src/pgp/keys.js';
import { packetType, PartialPacket } from '../../src/pgp/packets.js';
import { judgeRecipient } from '../../src/pgp/policy.js';
import { Seipd1Encryptor } from '../../src/pgp/writer.js';
import { Seipd2Encryptor } from '../../src/pgp/seipd2.js';
import { type Encryption, wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { MessageWriter } from '../../src/pgp/writer.js';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { coverName, newDepositId, suitcaseName, type Compression } from '../../src/names/deposit.js';
import { commitmentOf, openingOf } from '../../src/receipt/proof.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { tempDir } from './cleanup.js';
import { depotInside, type DepotOptions } from './cli.js';
import type { Finished } from './process.js';
import { type KeyFiles, makeKey } from './supplier.js';

export const compat: Encryption = { packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null };
export const modern: Encryption = { packet: 'SEIPDv2', cipher: 'AES-256', aead: 'OCB', chunkOctet: 10 };

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface SealOptions {
  encryption?: Encryption;
  compression?: Compression;
  /** What the receipt says of the dataset; small, unless a test says otherwise. */
  dataset?: Partial<Receipt['dataset']>;
  /** The receipt, changed before it is signed. */
  receipt?: (receipt: Receipt) => Receipt;
  /** The secret key that signs it, and when; the signer of the scene, now. */
  signer?: string;
  signedAt?: Date;
  /** Fingerprint that the receipt names as its signer. */
  signerFingerprint?: string;
}

/** A suitcase on disk with its signed receipt beside it. */
export interface HostileSuitcase {
  file: string;
  receipt: Receipt;
  receiptFile: string;
  bytes: Buffer;
}

/**
 * A beneficiary who is handed files: its key, the supplier's public key, and suitcases that the real encryptor makes of any
 * content, because whoever has the public key can do that.
 */
export class Receiver {
  private constructor(
    readonly directory: string,
    readonly key: KeyFiles,
    readonly signer: KeyFiles,
  ) {}

  static async create(profile: 'compat' | 'modern' = 'compat'): Promise<Receiver> {
    const directory = tempDir('depot-receiver');
    return new Receiver(
      directory,
      await makeKey(join(directory, 'ours'), 'Gemeente Voorbeeld', profile),
      await makeKey(join(directory, 'supplier'), 'Acme SaaS B.V.', 'compat'),
    );
  }

  /** The same key, and files in the same folder, from somebody who has its public part. */
  async withAnotherSigner(): Promise<Receiver> {
    return new Receiver(
      this.directory,
      this.key,
      await makeKey(join(this.directory, 'another'), 'Another B.V.', 'compat'),
    );
  }

  /** `content`: what comes out of the literal packet, compressed or not. */
  async seal(content: Uint8Array, o: SealOptions = {}): Promise<HostileSuitcase> {
    const encryption = o.encryption ?? compat;
    const certificate = await readCertificate(readFileSync(this.key.publicKey));
    const recipient = await judgeRecipient(certificate, certificate.fingerprint, new Date());
    const sessionKey = randomBytes(32);
    const pkesk = await wrapSessionKey(sessionKey, encryption, [recipient]);
    const pieces: Uint8Array[] = [];
    const writer = new MessageWriter({ pkesk, sessionKey, encryption, emit: (bytes) => pieces.push(bytes) });
    writer.update(content);
    writer.final();
    const bytes = Buffer.concat(pieces);
    const depositId = newDepositId('acme-crm', new Date());
    const compression = o.compression ?? 'none';
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    const made: Receipt = {
      schema: 'depot.receipt/1',
      depositId,
      arrangement: 'acme-crm',
      supplier: { name: 'Acme SaaS B.V.', signerFingerprint: o.signerFingerprint ?? this.signer.fingerprint },
      startedAt: time,
      completedAt: time,
      suitcase: { name: suitcaseName(depositId, compression), bytes: bytes.length, sha256: sha256(bytes) },
      encryption: {
        packet: encryption.packet,
        cipher: encryption.cipher,
        aead: encryption.aead,
        compression,
        recipients: [
          {
            fingerprint: recipient.fingerprint,
            subkeyFingerprint: recipient.subkeyFingerprint,
            algorithm: recipient.algorithm,
            expiresAt: null,
          },
        ],
      },
      keyProof: {
        pkesk: base64(pkesk),
        head: base64(writer.head),
        tail: writer.tail === null ? null : base64(writer.tail),
        plaintextOctets: writer.plaintextOctets,
        commitment: commitmentOf(openingOf(sessionKey, pkesk, depositId)),
      },
      dataset: { entries: 1, bytes: 4, skipped: {}, complete: true, manifestSha256: '00'.repeat(32), ...o.dataset },
      cover: { name: coverName(depositId), bytes: 1, sha256: '00'.repeat(32) },
      transfer: {
        remoteName: suitcaseName(depositId, compression),
        status: 'acknowledged',
        remoteSize: 'matched',
        durability: 'fsynced',
      },
      client: { version: '0.1.0', runtime: 'node', platform: 'linux x64' },
      ledger: { id: '0'.repeat(32), sequence: 1, previousReceiptSha256: null },
    };
    const receipt = (o.receipt ?? ((same) => same))(made);
    const file = join(this.directory, made.suitcase.name);
    writeFileSync(file, bytes);
    const receiptFile = join(this.directory, `${depositId}.receipt.json`);
    writeFileSync(receiptFile, receiptBytes(receipt));
    writeFileSync(
      `${receiptFile}.asc`,
      await signAnyway(receiptBytes(receipt), o.signer ?? this.signer.secretKey, o.signedAt),
    );
    return { file, receipt, receiptFile, bytes };
  }

  /** A path for the output, which does not exist. */
  out(): string {
    return join(tempDir('depot-out'), 'out');
  }

  decrypt(
    suitcase: { file: string },
    out: string,
    args: readonly string[] = [],
    options: DepotOptions = {},
  ): Promise<Finished> {
    return depotInside(['decrypt', suitcase.file, '--key', this.key.secretKey, '--out', out, ...args], options);
  }

  verify(suitcase: { file: string }, args: readonly string[] = [], options: DepotOptions = {}): Promise<Finished> {
    return depotInside(['verify', suitcase.file, ...args], options);
  }

  /** Flags that prove a suitcase's origin. */
  proof({ receiptFile }: { receiptFile: string }, signer = this.signer.publicKey): string[] {
    return ['--receipt', receiptFile, '--signer', signer];
  }
}

/** A detached signature by this key, whatever became of it and whenever that was: depot itself would not make it. */
export async function signAnyway(bytes: Uint8Array, secretKeyFile: string, at = new Date()): Promise<string> {
  const { keyPacket } = await openpgp.readPrivateKey({ armoredKey: readFileSync(secretKeyFile, 'utf8') });
  const literal = new openpgp.LiteralDataPacket() as unknown as {
    setBytes(bytes: Uint8Array, format: openpgp.enums.literal): void;
  };
  literal.setBytes(bytes, openpgp.enums.literal.binary);
  type Signing = openpgp.SignaturePacket & {
    sign(key: unknown, data: unknown, date: Date, detached: boolean, config: openpgp.Config): Promise<void>;
  };
  const packet = new openpgp.SignaturePacket() as Signing;
  packet.signatureType = openpgp.enums.signature.binary;
  packet.publicKeyAlgorithm = keyPacket.algorithm;
  packet.hashAlgorithm = openpgp.enums.hash.sha512;
  packet.rawNotations = [];
  await packet.sign(keyPacket, literal, at, true, openpgp.config);
  const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
  packets.push(packet);
  return new openpgp.Signature(packets).armor();
}

/**
 * The same kind of suitcase, but with its literal packet in parts of one byte (RFC 9580 section 4.2.1.4 sets a lower bound
 * for the first part only), which the writer would never do.
 */
export async function sealInTinyParts(
  receiver: Receiver,
  content: Uint8Array,
  encryption: Encryption,
): Promise<{ file: string }> {
  const certificate = await readCertificate(readFileSync(receiver.key.publicKey));
  const recipient = await judgeRecipient(certificate, certificate.fingerprint, new Date());
  const sessionKey = randomBytes(32);
  const pieces: Uint8Array[] = [await wrapSessionKey(sessionKey, encryption, [recipient])];
  const outer = new PartialPacket(packetType.seipd, 16, (bytes) => pieces.push(Uint8Array.from(bytes)));
  const body = (bytes: Uint8Array): void => outer.write(bytes);
  const encryptor =
    encryption.packet === 'SEIPDv2'
      ? new Seipd2Encryptor(sessionKey, encryption.aead, encryption.chunkOctet, body)
      : new Seipd1Encryptor(sessionKey, body);
  encryptor.update(
    Buffer.concat([Buffer.from([0xc0 | packetType.literal, 0xe9, 0x62, 0, 0, 0, 0, 0]), content.subarray(0, 506)]),
  );
  const rest = content.subarray(506);
  const parts = Buffer.alloc(2 * rest.length + 1);
  for (let i = 0; i < rest.length; i++) parts.writeUInt16BE(0xe000 | rest[i], 2 * i);
  encryptor.update(parts);
  encryptor.final();
  outer.final();
  const file = join(receiver.directory, `tiny-${randomBytes(4).toString('hex')}.pgp`);
  writeFileSync(file, Buffer.concat(pieces));
  return { file };
}
