import { describe, expect, test } from 'vitest';
import { hex40, hex64, none, parsed } from './parsed.js';

const push = {
  ...none,
  names: [],
  all: false,
  dryRun: false,
  list: false,
  rehearse: false,
  full: false,
  reread: false,
  oneFileSystem: false,
  ifOlderThanMs: undefined,
  ifNoneSince: undefined,
  ifNotRunning: false,
  jobs: undefined,
  shard: undefined,
};
const verify = {
  ...none,
  suitcase: undefined,
  suitcases: [] as string[],
  isChain: false,
  at: undefined,
  receipt: undefined,
  signature: undefined,
  noSignature: false,
  signers: [],
  key: undefined,
  passphraseFile: undefined,
  deep: false,
  maxSize: undefined,
  agentSha256: undefined,
  gpg: false,
  attest: undefined,
  signWith: undefined,
  signPassphraseFile: undefined,
};
const decrypt = {
  ...none,
  suitcases: ['x.pgp'],
  at: undefined,
  salvage: false,
  isChain: false,
  key: 'k.asc',
  gpg: false,
  receipt: undefined,
  signers: [],
  out: undefined,
  stdout: false,
  maxSize: undefined,
  passphraseFile: undefined,
};
const generate = {
  ...none,
  kind: 'signer',
  name: 'Acme',
  email: 'a@b.example',
  out: 'keys/a',
  passphraseFile: undefined,
  noPassphrase: false,
  profile: 'compat',
  expiresInSeconds: undefined,
};
const login = {
  ...none,
  name: undefined,
  to: undefined,
  username: undefined,
  passwordStdin: false,
  untried: false,
  purpose: 'password',
};
const schedule = {
  ...none,
  kind: 'cron',
  names: [],
  at: { hour: 1, minute: 30 },
  until: undefined,
  user: undefined,
  requires: undefined,
  onFailure: undefined,
  prometheusFile: undefined,
  out: undefined,
};

describe('flags become typed options', () => {
  test.each<[string, object]>([
    ['push', push],
    ['push acme-crm globex', { ...push, names: ['acme-crm', 'globex'] }],
    ['push --all --if-older-than 20h', { ...push, all: true, ifOlderThanMs: 72_000_000 }],
    [
      'push --all --if-none-since 01:30 --if-not-running',
      { ...push, all: true, ifNoneSince: { hour: 1, minute: 30 }, ifNotRunning: true },
    ],
    ['push --one-file-system', { ...push, oneFileSystem: true }],
    ['push --all --jobs 4 --shard 2/3', { ...push, all: true, jobs: 4, shard: { index: 2, of: 3 } }],
    [
      'push --dry-run --config /etc/depot/depot.yaml --state s',
      { ...push, dryRun: true, config: '/etc/depot/depot.yaml', state: 's' },
    ],
    ['--config c.yaml push', { ...push, config: 'c.yaml' }],
    ['push --json --quiet --no-color', push],
    ['verify x.pgp', { ...verify, suitcase: 'x.pgp', suitcases: ['x.pgp'] }],
    [
      'verify --receipt r.json --signer a.asc --signer b.asc --key k.asc',
      { ...verify, receipt: 'r.json', signers: ['a.asc', 'b.asc'], key: 'k.asc' },
    ],
    [
      'verify x.pgp --key k.asc --deep --max-size 1KiB',
      { ...verify, suitcase: 'x.pgp', suitcases: ['x.pgp'], key: 'k.asc', deep: true, maxSize: 1024 },
    ],
    [
      'verify x.pgp --key k.asc --deep --passphrase-file p',
      { ...verify, suitcase: 'x.pgp', suitcases: ['x.pgp'], key: 'k.asc', deep: true, passphraseFile: 'p' },
    ],
    [
      'verify x.pgp --receipt r.json --no-signature',
      { ...verify, suitcase: 'x.pgp', suitcases: ['x.pgp'], receipt: 'r.json', noSignature: true },
    ],
    [
      'verify x.pgp --receipt r.json --signature r.sig --signer a.asc',
      { ...verify, suitcase: 'x.pgp', suitcases: ['x.pgp'], receipt: 'r.json', signature: 'r.sig', signers: ['a.asc'] },
    ],
    [
      `verify --receipt r.json --agent-sha256 ${hex64.toUpperCase()}`,
      { ...verify, receipt: 'r.json', agentSha256: hex64 },
    ],
    ['decrypt x.pgp --key k.asc --out d', { ...decrypt, out: 'd' }],
    [
      'decrypt x.pgp y.pgp --key k.asc --out d --signer a.asc',
      { ...decrypt, suitcases: ['x.pgp', 'y.pgp'], isChain: true, out: 'd', signers: ['a.asc'] },
    ],
    [
      'decrypt x.pgp --at acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --key k.asc --out d',
      { ...decrypt, at: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', isChain: true, out: 'd' },
    ],
    ['decrypt x.pgp --key k.asc --stdout --max-size 2GiB', { ...decrypt, stdout: true, maxSize: 2 * 1024 ** 3 }],
    [
      'decrypt x.pgp --key k.asc --out d --receipt r.json --signer a.asc',
      { ...decrypt, out: 'd', receipt: 'r.json', signers: ['a.asc'] },
    ],
    [
      'key generate signer --name Acme --email a@b.example --out keys/a --no-passphrase',
      { ...generate, noPassphrase: true },
    ],
    [
      'verify --receipt r.json --signer a --gpg --attest p.json --sign-with s --sign-passphrase-file q',
      {
        ...verify,
        receipt: 'r.json',
        signers: ['a'],
        gpg: true,
        attest: 'p.json',
        signWith: 's',
        signPassphraseFile: 'q',
      },
    ],
    [
      'receipts import-attestation p.json --signer a --fingerprint 8E9FA091C2D3E4F58E9FA091C2D3E4F58E9FA091',
      {
        ...none,
        file: 'p.json',
        signature: undefined,
        signers: ['a'],
        fingerprint: '8E9FA091C2D3E4F58E9FA091C2D3E4F58E9FA091',
      },
    ],
    [
      'key generate arrangement --name Acme --email a@b.example --out keys/a --passphrase-file p --profile modern --expires 2y',
      { ...generate, kind: 'arrangement', passphraseFile: 'p', profile: 'modern', expiresInSeconds: 63_072_000 },
    ],
    ['key show k.asc', { ...none, file: 'k.asc' }],
    [
      `key add acme-crm k.asc --fingerprint "8f3a 0c11 d2e4 f506 1728 394a 5b6c 7d8e 9fa0 91c2"`,
      { ...none, arrangement: 'acme-crm', file: 'k.asc', fingerprint: hex40 },
    ],
    ['trust', { ...none, name: undefined, fingerprints: [] }],
    [
      `trust acme-crm --fingerprint "ssh-ed25519 SHA256:${'A'.repeat(43)}"`,
      { ...none, name: 'acme-crm', fingerprints: [`SHA256:${'A'.repeat(43)}`] },
    ],
    ['login', login],
    [
      'login acme-crm --to file --username acme --password-stdin',
      { ...login, name: 'acme-crm', to: 'file', username: 'acme', passwordStdin: true },
    ],
    ['login --for signing-key', { ...login, purpose: 'signing-key' }],
    ['logout acme-crm', { ...none, name: 'acme-crm', purpose: undefined }],
    ['config check', none],
    ['config example --out depot.yaml', { ...none, out: 'depot.yaml' }],
    ['runs', { ...none, names: [], failed: false, from: undefined, to: undefined, last: undefined }],
    [
      'runs a b --failed --last 100 --from 2026-11-01 --to 2026-11-30',
      {
        ...none,
        names: ['a', 'b'],
        failed: true,
        from: new Date(2026, 10, 1),
        to: new Date(2026, 11, 1, 0, 0, 0, -1),
        last: 100,
      },
    ],
    [
      'receipts list --from 2026-11-01 --to 2026-11-30',
      { ...none, names: [], from: new Date(2026, 10, 1), to: new Date(2026, 10, 30, 23, 59, 59, 999) },
    ],
    ['receipts show acme-crm_2026', { ...none, id: 'acme-crm_2026' }],
    [
      'receipts verify acme-crm --against d --signer s.asc',
      { ...none, names: ['acme-crm'], against: 'd', signers: ['s.asc'] },
    ],
    [
      'receipts note acme-crm_2026 --destroyed 2026-02-01',
      { ...none, id: 'acme-crm_2026', dropped: false, destroyed: '2026-02-01' },
    ],
    ['receipts note acme-crm_2026 --dropped', { ...none, id: 'acme-crm_2026', dropped: true }],
    ['schedule print cron --at 1:30', schedule],
    [
      'schedule print systemd acme-crm --at 23:05 --user depot --requires vpn@x.service --on-failure alarm.service',
      {
        ...schedule,
        kind: 'systemd',
        names: ['acme-crm'],
        at: { hour: 23, minute: 5 },
        user: 'depot',
        requires: 'vpn@x.service',
        onFailure: 'alarm.service',
      },
    ],
    [
      'schedule print cron --at 1:30 --until 5:00 --prometheus-file d.prom',
      { ...schedule, until: { hour: 5, minute: 0 }, prometheusFile: 'd.prom' },
    ],
    ['status --max-age 26h', { ...none, names: [], maxAgeMs: 93_600_000, prometheus: false, out: undefined }],
    [
      'status acme-crm --prometheus --out d.prom',
      { ...none, names: ['acme-crm'], maxAgeMs: undefined, prometheus: true, out: 'd.prom' },
    ],
    [
      'report --out r.html',
      { ...none, names: [], from: undefined, to: undefined, out: 'r.html', language: 'en', signers: [] },
    ],
    [
      'report a b --out r.html --from 2026-11-01 --language nl --signer s.asc',
      {
        ...none,
        names: ['a', 'b'],
        from: new Date(2026, 10, 1),
        to: undefined,
        out: 'r.html',
        language: 'nl',
        signers: ['s.asc'],
      },
    ],
    ['doctor acme-crm', { ...none, name: 'acme-crm', writeTest: false }],
    ['doctor --write-test', { ...none, name: undefined, writeTest: true }],
    ['demo', none],
  ])('%s', async (line, options) => {
    expect(await parsed(line)).toEqual(options);
  });
});
