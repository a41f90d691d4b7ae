/** Makes test-fixtures/fuzz: `npx tsx tests/fuzz/corpus.ts`. Session key and samples are fixed; salts and prefixes are not. Inputs that once failed stay. */
import { gzipSync } from 'node:zlib';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownHostsLine } from '../../src/sftp/knownhosts.js';
import { canonicalText } from '../../src/receipt/canonical.js';
import { gcm, ocb, seal, v1 } from '../pgp/messages.js';
import { compatReceipt, draftOf, receiptOf } from '../receipt/samples.js';
import { zstdBomb } from '../support/bombs.js';
import { depotTar } from '../support/depot-tar.js';
import { sessionKey, type TargetName } from './targets.js';

const root = new URL('../../test-fixtures/', import.meta.url).pathname;
const id = `acme-crm_20261122T003000Z_${'0'.repeat(16)}`;
const { tar, manifest } = depotTar([
  { path: 'data', type: 'directory' }, { path: 'data/a', body: 'x' }, { path: 'data/b', type: 'symlink', link: 'a' }, { path: 'data/c', body: 'parts', partOctets: 2 }, { path: `data/${'n'.repeat(200)}`, body: '' },
]);
const message = (encryption: Parameters<typeof seal>[1]): Buffer => seal(Buffer.from('contents '.repeat(100)), encryption, { sessionKey }).message;
const literal = (...parts: number[]): Buffer => Buffer.from([0xcb, ...parts]);
const key = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 5)]);
const ledgerLine = (sequence: number): string => JSON.stringify({ sequence, kind: 'deposit', depositId: id, receiptSha256: 'ab'.repeat(32), previousSha256: sequence === 1 ? null : 'cd'.repeat(32), time: '2026-11-22T00:36:13Z', ledgerId: '0'.repeat(32) });
const pending = (more: object): string => JSON.stringify({ schema: 'depot.pending/1', depositId: id, arrangement: 'acme-crm', createdAt: '2026-11-22T00:30:00Z', partialName: `.${id}.partial`, finalName: `${id}.tar.pgp`, server: { account: 'acme@10.20.0.5:22', directory: '/incoming' }, publish: 'rename', ...more }, null, 2);

const files: Record<TargetName, Record<string, string | Uint8Array>> = {
  reader: {
    'seipd1': message(v1), 'gcm': message(gcm(0)), 'ocb': message(ocb(4)),
    'literal': literal(9, 0x62, 0, 0, 0, 0, 0, 1, 2, 3), 'literal-in-parts': Buffer.concat([literal(0xe9, 0x62, 0, 0, 0, 0, 0), Buffer.alloc(506), Buffer.from([0xe0, 1, 2, 7, 7])]), 'marker-then-literal': Buffer.concat([Buffer.from([0xca, 3, 0x50, 0x47, 0x50]), literal(7, 0x62, 0, 0, 0, 0, 0, 1)]),
  },
  tar: { 'depot.tar': tar },
  zstd: { 'run.zst': zstdBomb(tar.subarray(0, 3000), 1 << 20), 'tar.gz': gzipSync(tar), 'two.gz': Buffer.concat([gzipSync(tar), gzipSync('more')]) },
  receipt: { 'modern.json': canonicalText(receiptOf()), 'compat.json': canonicalText(compatReceipt()) },
  pending: { 'intent.json': pending({ stage: 'intent' }), 'closing.json': pending({ stage: 'closing', draft: draftOf(id) }), 'sidecars.json': pending({ stage: 'sidecars', remainingSidecars: ['x'] }) },
  ledger: { 'two.ndjson': `${ledgerLine(1)}\n${ledgerLine(2)}\n`, 'torn.ndjson': `${ledgerLine(1)}\n${ledgerLine(2).slice(0, 50)}` },
  knownhosts: { 'plain': knownHostsLine('10.20.0.5', 22, 'ssh-ed25519', key) + knownHostsLine('10.20.0.5', 2222, 'ssh-ed25519', key), 'patterns': `@revoked *.example,!a?.example ssh-ed25519 ${key.toString('base64')}\n|1|${Buffer.alloc(20, 1).toString('base64')}|${Buffer.alloc(20, 2).toString('base64')} ssh-ed25519 ${key.toString('base64')}\n@cert-authority *a*a*a*a*b ssh-ed25519 ${key.toString('base64')}\n` },
  config: { 'depot.yaml': readFileSync(join(root, 'config/depot.yaml')) },
  manifest: { 'manifest.ndjson': manifest },
};

for (const [target, members] of Object.entries(files)) {
  const directory = join(root, 'fuzz', target);
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of Object.entries(members)) writeFileSync(join(directory, name), bytes);
}
