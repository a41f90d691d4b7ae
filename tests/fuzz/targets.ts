/** Everything that reads other people's bytes, and its acceptable outcomes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/load.js';
import { type Surroundings } from '../../src/config/state.js';
import { ManifestCheck } from '../../src/dataset/compare.js';
import { fromText } from '../../src/dataset/bytestring.js';
import { parseChain } from '../../src/dataset/chain/chain-file.js';
import { mergeNights } from '../../src/dataset/chain/merge.js';
import { NightManifest } from '../../src/dataset/chain/night-manifest.js';
import { SourceOrder } from '../../src/dataset/chain/order.js';
import { MAX_LINE, parseRangesLine } from '../../src/dataset/chain/parse.js';
import { linesOf, type Stored } from '../../src/dataset/chain/stored-lines.js';
import { sha256 } from '../../src/primitives.js';
import { MANIFEST_PART_BYTES, MANIFEST_PATH, parseManifestLine } from '../../src/dataset/manifest.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { type ErrorCode, isDepotError } from '../../src/errors.js';
import { decompress } from '../../src/open/decompress.js';
import type { Certificate, SecretKey } from '../../src/pgp/certificate.js';
import { readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { packetType, PartialPacket } from '../../src/pgp/packets.js';
import { judgeRecipient, judgeSigner } from '../../src/pgp/policy.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { MessageReader } from '../../src/pgp/reader.js';
import { Seipd2Encryptor } from '../../src/pgp/seipd2.js';
import { describePkesks } from '../../src/pgp/pkesk.js';
import { unwrapSessionKey } from '../../src/pgp/sessionkey.js';
import { verifyDetached } from '../../src/pgp/signature.js';
import { canonicalText } from '../../src/receipt/canonical.js';
import { Ledger, readLedger } from '../../src/state/ledger.js';
import { readPending } from '../../src/state/pending.js';
import { parseReceipt } from '../../src/receipt/parse.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { knownKeys, parseKnownHosts } from '../../src/sftp/knownhosts.js';
import { anonymousPkesk } from '../pgp/messages.js';
import { entry, README } from '../support/depot-tar.js';
import { archive } from '../support/hostile-tar.js';

export interface Target {
  /** The only acceptable refusals. */
  codes: ErrorCode[];
  read(input: Uint8Array<ArrayBuffer>): void | Promise<void>;
}

/** The suitcases of the corpus are sealed with this session key. */
export const sessionKey = new Uint8Array(32).fill(7);
/** More than any input of the corpus unfolds to; the rest of a bomb is of no use to a fuzzer. */
const MOST_OUTPUT = 16 << 20;
const surroundings: Surroundings = { platform: 'linux', env: {}, cwd: '/nowhere', home: '/nowhere' };

async function readMessage(message: Uint8Array): Promise<void> {
  let next: Uint8Array | null = Uint8Array.from(message);
  const preamble = await readPreamble(() => {
    const piece = next;
    next = null;
    return Promise.resolve(piece);
  });
  const reader = new MessageReader({ preamble, sessionKey, plain: () => undefined });
  reader.write(preamble.rest);
  reader.end();
}

/** A valid message around invalid contents, which no change of the ciphertext could reach. */
function sealPackets(packets: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [anonymousPkesk(6)];
  const outer = new PartialPacket(packetType.seipd, 9, (bytes) => pieces.push(Uint8Array.from(bytes)));
  const encryptor = new Seipd2Encryptor(sessionKey, 'GCM', 4, (bytes) => {
    outer.write(bytes);
  });
  encryptor.update(packets);
  encryptor.final();
  outer.final();
  return Buffer.concat(pieces);
}

let directory: string | undefined;
/** One state directory for all inputs; removed by `cleanUp`. */
async function state(): Promise<ArrangementState> {
  directory ??= mkdtempSync(join(tmpdir(), 'depot-fuzz-'));
  return ArrangementState.open(directory, 'acme-crm');
}

export function cleanUp(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  directory = undefined;
}

function untar(tar: Uint8Array): void {
  const check = new ManifestCheck({ hash: sha256 });
  const reader = new TarReader(check);
  for (let at = 0; at < tar.length; at += 1000) reader.write(tar.subarray(at, at + 1000));
  reader.end();
  check.finish();
}

/** The full deposit that the increments of the corpus build on. */
const fullManifest = Buffer.from(
  [
    `{"manifest":"depot.manifest/1","random":"${'0'.repeat(64)}"}`,
    '{"path":"data/crm","type":"directory","size":0,"mode":"0755","mtime":"2026-11-22T00:30:00Z"}',
    `{"path":"data/crm/a","type":"file","size":1,"mode":"0644","mtime":"2026-11-22T00:30:00Z","sha256":"${'ab'.repeat(32)}"}`,
    '{"path":"data/crm/b","type":"symlink","size":0,"mode":"0777","mtime":"2026-11-22T00:30:00Z","linkTarget":"a"}',
    '{"entries":3,"bytes":1,"skipped":{},"complete":true}',
    '',
  ].join('\n'),
);
const sources = new SourceOrder(['crm', 'a'].map(fromText));
const stored = (bytes: Uint8Array): Stored => ({
  size: bytes.length,
  read: (into, position) => Buffer.from(bytes).copy(into, 0, position),
});

/** The keys of test-fixtures/keys that the corpus is addressed to or signed by. */
const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../test-fixtures/keys/${name}.asc`, import.meta.url));
export const signedText = Buffer.from('{"schema": "depot.receipt/1"}\n');
let keys: Promise<{ holders: SecretKey[]; signers: Certificate[] }> | undefined;
function ourKeys(): NonNullable<typeof keys> {
  return (keys ??= (async () => ({
    holders: await Promise.all(['curve25519.secret', 'rsa2048.secret'].map((name) => readSecretKey(fixture(name)))),
    signers: await Promise.all(
      ['curve25519.public', 'retired.public', 'rsa3072.public', 'signing-subkey.public'].map((name) =>
        readCertificate(fixture(name)),
      ),
    ),
  }))());
}
const judgedAt = new Date('2024-02-01T00:00:00Z');

const pendingName = `acme-crm_20261122T003000Z_${'0'.repeat(16)}.json`;

export const targets = {
  reader: {
    codes: ['verification-failed'],
    async read(input) {
      await readMessage(input).catch((error: unknown) => {
        if (!isDepotError(error, 'verification-failed')) throw error;
      });
      await readMessage(sealPackets(input));
    },
  },
  tar: { codes: ['archive-refused'], read: untar },
  zstd: {
    codes: ['archive-refused'],
    async read(input) {
      let length = 0;
      for await (const bytes of decompress([input], () => undefined)) {
        length += bytes.length;
        if (length > MOST_OUTPUT) break;
      }
    },
  },
  key: {
    codes: ['key-unreadable', 'recipient-unusable', 'signer-unusable'],
    async read(input) {
      const certificate = await readCertificate(input);
      if (!/^([0-9A-F]{40}|[0-9A-F]{64})$/.test(certificate.fingerprint))
        throw new Error(`not a fingerprint: ${certificate.fingerprint}`);
      if (certificate.armored().includes('PRIVATE'))
        throw new Error('a secret part in what is taken for the public one');
      await judgeSigner(certificate, judgedAt).catch((error: unknown) => {
        if (!isDepotError(error, 'signer-unusable')) throw error;
      });
      await judgeRecipient(certificate, certificate.fingerprint, judgedAt);
    },
  },
  pkesk: {
    codes: ['verification-failed', 'not-addressed'],
    async read(input) {
      describePkesks(input);
      for (const holder of (await ourKeys()).holders) {
        const { sessionKey: found } = await unwrapSessionKey(input, holder).catch((error: unknown) => {
          if (isDepotError(error) && targets.pkesk.codes.some((code) => error.code === code))
            return { sessionKey: null };
          throw error;
        });
        if (found !== null && ![16, 24, 32].includes(found.length))
          throw new Error(`a session key of ${found.length} bytes`);
      }
    },
  },
  signature: {
    codes: ['verification-failed'],
    async read(input) {
      // A change that still verifies is one of the packet's unhashed part; the text is the signed one only.
      const { signers } = await ourKeys();
      await verifyDetached(signedText, input, signers).catch((error: unknown) => {
        if (!isDepotError(error, 'verification-failed')) throw error;
      });
      const accepted = await verifyDetached(Buffer.concat([signedText, Buffer.from(' ')]), input, signers).then(
        () => true,
        (error: unknown) => {
          if (!isDepotError(error, 'verification-failed')) throw error;
          return false;
        },
      );
      if (accepted) throw new Error('a signature over another text was accepted');
    },
  },
  receipt: {
    codes: ['verification-failed'],
    read(input) {
      const receipt = parseReceipt(input);
      if (canonicalText(receipt) !== Buffer.from(input).toString('utf8'))
        throw new Error('a receipt that is not what its bytes say');
    },
  },
  pending: {
    codes: [],
    async read(input) {
      const held = await state();
      writeFileSync(held.file(join('pending', pendingName)), input);
      const { records, unreadable } = await readPending(held);
      if (records.length + unreadable.length !== 1)
        throw new Error('a pending record that is neither read nor told of');
    },
  },
  ledger: {
    codes: ['ledger-broken'],
    async read(input) {
      const held = await state();
      writeFileSync(held.file('ledger.ndjson'), input);
      const { size, torn } = await readLedger(held);
      if (size + torn !== input.length) throw new Error('bytes of a ledger that are not accounted for');
      await Ledger.open(held);
    },
  },
  knownhosts: {
    codes: [],
    read(input) {
      const lines = parseKnownHosts(Buffer.from(input).toString('utf8'));
      for (const port of [22, 2222]) knownKeys(lines, '10.20.0.5', port);
    },
  },
  config: {
    codes: ['config-invalid'],
    async read(input) {
      await parseConfig(input, '/nowhere/depot.yaml', surroundings);
    },
  },
  chain: {
    codes: ['archive-refused'],
    read(input) {
      const { number, deposits } = parseChain(input);
      if (deposits.length !== number) throw new Error('a chain that does not name what it needs');
    },
  },
  nights: {
    codes: ['archive-refused'],
    read(input) {
      const manifests = [fullManifest, input].map((text, night) => new NightManifest(stored(text), night, sources));
      for (const { path } of mergeNights(manifests))
        if (!path.startsWith('data/')) throw new Error(`a path that is not below data/: ${path}`);
    },
  },
  ranges: {
    codes: ['archive-refused'],
    read(input) {
      for (const line of linesOf(stored(input), MAX_LINE)) parseRangesLine(line);
    },
  },
  manifest: {
    codes: ['archive-refused'],
    read(input) {
      untar(
        archive(
          entry(README),
          entry({ path: 'data/a', body: 'x' }),
          entry({ path: `${MANIFEST_PATH}.part-000001`, body: input.subarray(0, MANIFEST_PART_BYTES) }),
        ),
      );
      for (const line of Buffer.from(input).toString('latin1').split('\n'))
        parseManifestLine(Buffer.from(line, 'latin1'));
    },
  },
} satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets) as TargetName[];

/** Null when all is well, else what is wrong. */
export async function judge(
  name: TargetName,
  input: Uint8Array<ArrayBuffer>,
  limits = { ms: 5000, bytes: 512 << 20 },
): Promise<string | null> {
  const target: Target = targets[name];
  const began = performance.now();
  const before = process.memoryUsage.rss();
  try {
    await target.read(input);
  } catch (error) {
    if (!isDepotError(error) || !target.codes.includes(error.code))
      return error instanceof Error ? (error.stack ?? error.message) : String(error);

    if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(error.message))
      return `a message that a terminal would act upon: ${JSON.stringify(error.message)}`;
  }
  const ms = performance.now() - began;
  if (ms > limits.ms) return `${Math.round(ms)} ms for ${input.length} bytes`;
  const grown = process.memoryUsage.rss() - before;
  return grown > limits.bytes ? `${grown} bytes of memory for ${input.length} bytes` : null;
}
