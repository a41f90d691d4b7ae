/** Makes test-fixtures/fuzz: `npx tsx tests/fuzz/corpus.ts [target …]`. Session key and samples are fixed; salts and prefixes are not. Inputs that once failed stay. */
import * as openpgp from 'openpgp';
import { gzipSync } from 'node:zlib';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DepotError } from '../../src/errors.js';
import { dearmor } from '../../src/pgp/armor.js';
import { readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { judgeRecipient } from '../../src/pgp/policy.js';
import { wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { signDetached } from '../../src/pgp/signature.js';
import { knownHostsLine } from '../../src/sftp/knownhosts.js';
import { canonicalText } from '../../src/receipt/canonical.js';
import { anonymousPkesk, gcm, ocb, seal, v1 } from '../pgp/messages.js';
import { compatReceipt, draftOf, receiptOf } from '../state/samples.js';
import { zstdBomb } from '../support/bombs.js';
import { depotTar } from '../support/depot-tar.js';
import { sessionKey, signedText, type TargetName } from './targets.js';

const root = fileURLToPath(new URL('../../test-fixtures/', import.meta.url));
const id = `acme-crm_20261122T003000Z_${'0'.repeat(16)}`;
const { tar, manifest } = depotTar([
  { path: 'data', type: 'directory' },
  { path: 'data/a', body: 'x' },
  { path: 'data/b', type: 'symlink', link: 'a' },
  { path: 'data/c', body: 'parts', partBytes: 2 },
  { path: `data/${'n'.repeat(200)}`, body: '' },
]);
const message = (encryption: Parameters<typeof seal>[1]): Buffer =>
  seal(Buffer.from('contents '.repeat(100)), encryption, { sessionKey }).message;
const literal = (...parts: number[]): Buffer => Buffer.from([0xcb, ...parts]);
const key = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 5),
]);
const ledgerLine = (sequence: number): string =>
  JSON.stringify({
    sequence,
    kind: 'deposit',
    depositId: id,
    receiptSha256: 'ab'.repeat(32),
    previousSha256: sequence === 1 ? null : 'cd'.repeat(32),
    time: '2026-11-22T00:36:13Z',
    ledgerId: '0'.repeat(32),
  });
const pending = (more: object): string =>
  JSON.stringify(
    {
      schema: 'depot.pending/1',
      depositId: id,
      arrangement: 'acme-crm',
      createdAt: '2026-11-22T00:30:00Z',
      partialName: `.${id}.partial`,
      finalName: `${id}.tar.pgp`,
      server: { account: 'acme@10.20.0.5:22', directory: '/incoming' },
      publish: 'rename',
      ...more,
    },
    null,
    2,
  );

const keyFile = (name: string): string => readFileSync(join(root, `keys/${name}.asc`), 'utf8');
async function binary(armored: string): Promise<Uint8Array> {
  const { publicKey, privateKey, signature } = openpgp.enums.armor;
  return dearmor(armored, [publicKey, privateKey, signature], (what) => new DepotError('internal', what));
}
async function binaryKeys(...names: string[]): Promise<Record<string, Uint8Array>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await binary(keyFile(name))] as const)));
}
async function wrapped(encryption: Parameters<typeof wrapSessionKey>[1], ...names: string[]): Promise<Uint8Array> {
  const at = new Date('2024-02-01T00:00:00Z');
  const recipients = await Promise.all(
    names.map(async (name) => {
      const certificate = await readCertificate(keyFile(`${name}.public`));
      return judgeRecipient(certificate, certificate.fingerprint, at);
    }),
  );
  return wrapSessionKey(sessionKey, encryption, recipients);
}
const version6 = (
  JSON.parse(readFileSync(join(root, 'vectors/rfc9580.json'), 'utf8')) as { secretKey: { base64: string } }
).secretKey.base64;
const signatures = await Promise.all(
  ['curve25519', 'rsa3072', 'signing-subkey'].map(async (name) =>
    signDetached(signedText, await readSecretKey(keyFile(`${name}.secret`))),
  ),
);

const files: Record<TargetName, Record<string, string | Uint8Array>> = {
  reader: {
    seipd1: message(v1),
    gcm: message(gcm(0)),
    ocb: message(ocb(4)),
    literal: literal(9, 0x62, 0, 0, 0, 0, 0, 1, 2, 3),
    'literal-in-parts': Buffer.concat([
      literal(0xe9, 0x62, 0, 0, 0, 0, 0),
      Buffer.alloc(506),
      Buffer.from([0xe0, 1, 2, 7, 7]),
    ]),
    'marker-then-literal': Buffer.concat([
      Buffer.from([0xca, 3, 0x50, 0x47, 0x50]),
      literal(7, 0x62, 0, 0, 0, 0, 0, 1),
    ]),
  },
  tar: { 'depot.tar': tar },
  zstd: {
    'run.zst': zstdBomb(tar.subarray(0, 3000), 1 << 20),
    'tar.gz': gzipSync(tar),
    'two.gz': Buffer.concat([gzipSync(tar), gzipSync('more')]),
  },
  key: {
    ...(await binaryKeys(
      'curve25519.public',
      'nistp256.public',
      'rsa2048.public',
      'retired.public',
      'designated-revoked.public',
      'subkey-expired.public',
      'uid-revoked.public',
      'signing-subkey.public',
      'locked.secret',
    )),
    'armored.asc': keyFile('curve25519.public'),
    'version-6': Buffer.from(version6, 'base64'),
  },
  pkesk: {
    'v3-curve25519': await wrapped(v1, 'curve25519'),
    'v3-rsa-and-curve25519': await wrapped(v1, 'rsa2048', 'curve25519'),
    'v6-curve25519': await wrapped(gcm(0), 'curve25519'),
    'v6-rsa': await wrapped(gcm(0), 'rsa2048'),
    anonymous: anonymousPkesk(3),
  },
  signature: {
    curve25519: await binary(signatures[0]),
    rsa3072: await binary(signatures[1]),
    'signing-subkey': await binary(signatures[2]),
    'armored.asc': signatures[0],
  },
  receipt: { 'modern.json': canonicalText(receiptOf()), 'compat.json': canonicalText(compatReceipt()) },
  pending: {
    'intent.json': pending({ stage: 'intent' }),
    'closing.json': pending({ stage: 'closing', draft: draftOf(id) }),
    'sidecars.json': pending({ stage: 'sidecars', remainingSidecars: ['x'] }),
  },
  ledger: {
    'two.ndjson': `${ledgerLine(1)}\n${ledgerLine(2)}\n`,
    'torn.ndjson': `${ledgerLine(1)}\n${ledgerLine(2).slice(0, 50)}`,
  },
  knownhosts: {
    plain: knownHostsLine('10.20.0.5', 22, 'ssh-ed25519', key) + knownHostsLine('10.20.0.5', 2222, 'ssh-ed25519', key),
    patterns: `@revoked *.example,!a?.example ssh-ed25519 ${key.toString('base64')}\n|1|${Buffer.alloc(20, 1).toString('base64')}|${Buffer.alloc(20, 2).toString('base64')} ssh-ed25519 ${key.toString('base64')}\n@cert-authority *a*a*a*a*b ssh-ed25519 ${key.toString('base64')}\n`,
  },
  chain: {
    'two.json': `${JSON.stringify({
      schema: 'depot.chain/1',
      number: 2,
      sources: ['crm', 'a'],
      deposits: [0, 1].map((n) => ({
        depositId: id.replace(/0{16}/, String(n).repeat(16)),
        bytes: n + 1,
        sha256: `${n}f`.repeat(32),
      })),
    })}\n`,
  },
  nights: {
    'every-line': [
      `{"manifest":"depot.manifest/2","random":"${'1'.repeat(64)}"}`,
      'data/crm d 0755 1700000000',
      `data/crm/a r 0644 1700000000.5 10 ${'cd'.repeat(32)} 1`,
      'data/crm/b -',
      `data/crm/c f 0600 -1.25 5 ${'ef'.repeat(32)} !`,
      'data/crm/d h 0600 1 data/crm/c',
      'data/crm/e\\0040e l 0777 1 ../x\\0012',
      `data/crm/f o 0644 1 1 ${'ab'.repeat(32)} 0 data/crm/a`,
      `data/a r 0600 1 0 ${'cd'.repeat(32)} 2`,
      `DEPOT/ranges p 0600 1 30 ${'12'.repeat(32)} 1`,
      `DEPOT/pieces p 0600 1 10 ${'34'.repeat(32)} 1`,
      '{"entries":2,"bytes":15,"skipped":{},"complete":false}',
      '',
    ].join('\n'),
  },
  ranges: {
    'two-files': '> 1\n@ 0 1 DEPOT/pieces\n0 0 4\n@ 1 0 data/crm/a\\0040b\n1 100 6\n0 -4 3\n> 2\n',
  },
  config: { 'depot.yaml': readFileSync(join(root, 'config/depot.yaml')) },
  manifest: { 'manifest.ndjson': manifest },
};

const chosen = process.argv.slice(2);
for (const [target, members] of Object.entries(files)) {
  if (chosen.length > 0 && !chosen.includes(target)) continue;
  const directory = join(root, 'fuzz', target);
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of Object.entries(members)) writeFileSync(join(directory, name), bytes);
}
