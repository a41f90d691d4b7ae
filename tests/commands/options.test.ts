import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/commands/program.js';
import { receiptsNoteOptions } from '../../src/commands/receipts/options.js';
import { isDepotError } from '../../src/errors.js';
import { checkout } from '../support/cli.js';

/** The typed options that the real program makes of a command line; no command runs. */
async function parsed(line: string): Promise<unknown> {
  let options: unknown;
  const program = buildProgram((o) => {
    options = o;
    return Promise.resolve();
  });
  silence(program);
  await program.parseAsync(words(line), { from: 'user' });
  return options;
}

/** Why a command line is refused: our message, or commander's code. */
async function refused(line: string): Promise<string> {
  try {
    await parsed(line);
  } catch (error) {
    if (isDepotError(error, 'usage')) return error.message;
    if (error instanceof CommanderError) return error.code;
    throw error;
  }
  throw new Error(`not refused: ${line}`);
}

function silence(command: Command): void {
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  command.commands.forEach(silence);
}

function words(line: string): string[] {
  return [...line.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word.replace(/^"(.*)"$/, '$1'));
}

const none = { config: undefined, state: undefined };
const hex40 = '8F3A0C11D2E4F5061728394A5B6C7D8E9FA091C2';
const hex64 = 'ab'.repeat(32);

const push = {
  ...none,
  names: [],
  all: false,
  dryRun: false,
  rehearse: false,
  full: false,
  reread: false,
  ifOlderThanMs: undefined,
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
  purpose: 'password',
};
const schedule = {
  ...none,
  kind: 'cron',
  names: [],
  at: { hour: 1, minute: 30 },
  user: undefined,
  requires: undefined,
  onFailure: undefined,
  out: undefined,
};

describe('flags become typed options', () => {
  test.each<[string, object]>([
    ['push', push],
    ['push acme-crm globex', { ...push, names: ['acme-crm', 'globex'] }],
    ['push --all --if-older-than 20h', { ...push, all: true, ifOlderThanMs: 72_000_000 }],
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

describe('contradictions and wrong values are refused and named', () => {
  test.each<[string, RegExp]>([
    ['push --all acme-crm', /--all and acme-crm/],
    ['push --if-older-than yesterday', /--if-older-than "yesterday"/],
    ['push --all --jobs 0', /--jobs "0": expected a number from 1 to 32/],
    ['push --all --jobs 2.5', /--jobs "2.5"/],
    ['push --all --shard 0/4', /from 1\/n to n\/n/],
    ['push --all --shard 5/4', /--shard "5\/4"/],
    ['push --all --shard 1', /expected i\/n/],
    ['push acme-crm --shard 1/2', /--shard 1\/2 divides all arrangements/],
    ['push --config ""', /--config is empty/],
    ['verify', /nothing to verify/],
    ['verify --receipt r --deep --key k', /--deep reads the suitcase/],
    ['verify x --deep', /needs the private key/],
    ['verify x --max-size 1GiB', /--max-size is about --deep/],
    ['verify x --no-signature --signer s', /contradict/],
    ['verify --receipt r --agent-sha256 abc', /64 hexadecimal digits/],
    [`verify --receipt r --agent-sha256 ${hex64}0`, /64 hexadecimal digits/],
    ['verify --receipt r --signer s --attest p', /--attest states/],
    ['verify --receipt r --key k --attest p', /--attest states/],
    ['verify --receipt r --key k --gpg', /contradict/],
    ['verify --receipt r --key k --sign-with s', /--sign-with signs/],
    ['verify --receipt r --signer s --key k --attest p --sign-passphrase-file q', /--sign-passphrase-file/],
    ['receipts import-attestation p --fingerprint 8E9FA091C2D3E4F58E9FA091C2D3E4F58E9FA091', /add|none was given/],
    ['decrypt x --key k --gpg --out d', /contradict/],
    ['decrypt x --out d', /no private key/],
    ['decrypt x --key k', /where the contents go/],
    ['decrypt x --key k --out d --stdout', /--out and --stdout contradict each other/],
    ['decrypt x --key k --stdout --json', /both want standard output/],
    ['decrypt x --key k --out d --signer s', /none was given/],
    ['decrypt x --key k --out d --at yesterday', /--at is the id of a deposit, not "yesterday"/],
    ['decrypt x y --key k --stdout', /--stdout takes one suitcase/],
    ['decrypt x --key k --out d --max-size lots', /--max-size "lots"/],
    ['decrypt --key k --out d', /missingArgument/],
    ['key generate robot --name A --email a@b --out o', /one of signer, arrangement, not "robot"/],
    ['key generate signer --name A --email nobody --out o', /not an address/],
    ['key generate signer --email a@b --out o', /--name is missing/],
    ['key generate signer --name A --email a@b --out o --profile modern', /always compat/],
    ['key generate signer --name A --email a@b --out o --no-passphrase --passphrase-file p', /contradict/],
    ['key add acme-crm k.asc', /--fingerprint is missing/],
    ['key add acme-crm k.asc --fingerprint 8E9FA091C2D3E4F5', /key id/],
    ['trust --fingerprint MD5:aa', /host key is written/],
    ['login --to cloud', /one of keychain, file, systemd, not "cloud"/],
    ['report', /no file/],
    ['report --out r.html --language de', /--language is one of en, nl/],
    ['receipts list --from 2026-13-01', /date like/],
    ['receipts list --from 2026-02-30', /date like/],
    ['receipts list --from 2026-11-02 --to 2026-11-01', /--from 2026-11-02 is after --to 2026-11-01/],
    ['receipts note x', /nothing to note/],
    ['receipts note x --dropped --destroyed 2026-02-01', /one or the other/],
    ['status --out d.prom', /--out is for metrics/],
    ['status --prometheus --json', /one or the other/],
    ['schedule print cron', /no time given/],
    ['schedule print cron --at 25:00', /time of day/],
    ['schedule print cron --at 01:30 --requires vpn.service', /systemd units/],
    ['schedule print systemd --at 01:30 --requires vpn', /not the name of a systemd unit/],
    ['schedule print launchd --at 01:30', /one of systemd, cron, windows/],
    ['init --arrangement Acme', /small letters/],
    ['init --host sftp://x', /--host/],
    ['init --port 70000', /--port 70000/],
    ['init --signer s.asc --no-passphrase', /make a new one/],
    ['psuh', /unknownCommand/],
  ])('%s', async (line, message) => {
    expect(await refused(line)).toMatch(message);
  });
});

describe('depot accepts the lines that it tells people to type', () => {
  const example: Record<string, string> = {
    DATE: '2026-01-01',
    F: hex40,
    'SHA256:…': `SHA256:${'A'.repeat(43)}`,
    TIME: '01:30',
  };
  /** A line from the source without its placeholders: one that is a word becomes an example, a part of a word is left out. */
  const asTyped = (line: string): string =>
    line
      .replace(/(?<= )\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'x')
      .replace(/\$\{.*?\}(?:`\})?/g, '')
      .split(' ')
      .map((word) => example[word] ?? word)
      .join(' ');
  const inSource = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [...readFileSync(join(checkout, 'src', name), 'utf8').matchAll(/«depot ([^…][^»]*)»/g)].map(([, line]) => line),
    );

  test.each([...new Set(inSource)].filter((line) => !line.includes('[^') && !line.endsWith(' --help')))(
    '%s',
    async (line) => {
      await parsed(asTyped(line));
    },
  );
});

test('receipts note refuses a destruction in the future', () => {
  expect(() => receiptsNoteOptions('x', { destroyed: '2027-01-01' }, new Date('2026-11-22T12:00:00Z'))).toThrow(
    /in the future/,
  );
});

describe('help', () => {
  const all: [string, Command][] = [];
  const collect = (command: Command, name: string): void => {
    all.push([name, command]);
    for (const child of command.commands) collect(child, `${name} ${child.name()}`);
  };
  collect(
    buildProgram(() => Promise.resolve()),
    'depot',
  );
  const leaves = all.filter(([, command]) => command.commands.length === 0);

  test.each(leaves)(
    '%s shows examples, exit codes and every global flag, and accepts its own examples',
    async (_name, command) => {
      let text = '';
      command.configureOutput({
        writeOut: (t) => {
          text += t;
        },
      });
      command.outputHelp();
      for (const part of ['Examples:', 'Exit codes', '--config', '--state', '--json', '--quiet', '--no-color'])
        expect(text).toContain(part);
      expect(command.summary() || command.description()).not.toBe('');
      const examples = [
        ...text.replace(/ \\\n +/g, ' ').matchAll(/^ {2}depot ([^|<>…\n]*?)(?: [|<>].*| {2}.*)?$/gm),
      ].map(([, line]) => line);
      for (const line of examples) await parsed(line.replace('2027', '2025'));
    },
  );

  test('no flag has a default, since defaults come after the environment and the file', () => {
    const defaults = all.flatMap(([name, command]) =>
      command.options.filter((o) => o.defaultValue !== undefined && !o.negate).map((o) => `${name} ${o.flags}`),
    );
    expect(defaults).toEqual([]);
  });
});
