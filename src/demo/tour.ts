/**
 * The demo: a supplier deposits, a beneficiary checks and opens, against the built-in SecureStorage. Each step runs the
 * real command line in a process of its own, says in a line what happened, and shows the command that a user would type.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../child.js';
import { DepotError } from '../errors.js';
import { ownCommand } from '../installation.js';
import { bytes, count, shortFingerprint } from '../ui/format.js';
import { compareTrees } from './compare.js';
import { makeDataset } from './dataset.js';
import { type SecureStorage, startSecureStorage } from './storage.js';

export interface DemoStep {
  /** One word. */
  name: string;
  /** What happened. */
  what: string;
  /** What a user would type for it; undefined where the demo plays another part. */
  command?: string;
}

export interface DemoOptions {
  say(step: DemoStep): void;
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
}

const arrangement = 'acme-crm';
/** A depot that was told to stop first tidies up. */
const depotGraceMs = 60_000;

/** Runs the tour; throws a DepotError when anything is not as it should be. Leaves nothing behind, however it ends. */
export async function runDemo(o: DemoOptions): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'depot-demo-'));
  let storage: SecureStorage | undefined;
  try {
    const agent = join(home, 'agent');
    mkdirSync(agent, { mode: 0o700 });
    storage = await startSecureStorage(agent, { username: 'acme', password: randomBytes(12).toString('base64url') });
    o.say({
      name: 'storage',
      what: `the agent's SecureStorage (built in: SFTP, write-only for the supplier) listens on ${storage.host}:${storage.port}`,
    });
    await tour(new Tour(home, o), storage);
  } finally {
    await storage?.stop();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
  o.say({ name: 'cleaned', what: `all files of the demo have been removed (${home})` });
}

async function tour(t: Tour, storage: SecureStorage): Promise<void> {
  const data = join(t.home, 'crm');
  const started = Date.now();
  mkdirSync(data);
  makeDataset(data);
  const made = compareTrees(data, data);
  t.say(
    'dataset',
    `${count(made.files)} files, ${bytes(made.bytes)}: SQL dump, CSV, JSON, invoices, scans, odd names; made in ${seconds(started)}`,
  );

  const beneficiary = await t.key('arrangement', 'Gemeente Voorbeeld', 'ict@voorbeeld.example', 'beneficiary');
  const signer = await t.key('signer', 'Acme SaaS B.V.', 'ops@acme.example', 'supplier');
  writeFileSync(join(t.home, 'depot.yaml'), configuration(storage, beneficiary.fingerprint), { mode: 0o600 });
  t.say(
    'configured',
    `depot.yaml names the dataset, the server and the beneficiary's key ${shortFingerprint(beneficiary.fingerprint)}`,
    'depot init',
  );

  await t.depot(['trust', arrangement, '--fingerprint', storage.fingerprint]);
  t.say(
    'trusted',
    `the server's host key is the one in the agent's letter, ${storage.fingerprint.slice(0, 18)}…`,
    `depot trust ${arrangement}`,
  );
  await t.depot(['login', arrangement, '--to', 'file', '--password-stdin'], `${storage.password}\n`);
  t.say(
    'logged in',
    "the password from the agent's text message is kept where a scheduled run can read it",
    `depot login ${arrangement}`,
  );

  const pushing = Date.now();
  const pushed = (await t.depot(['push', arrangement])) as PushDocument;
  const deposit = pushed.results[0]?.deposit;
  if (deposit === undefined) throw wrong('push gave no deposit');
  const { suitcase, encryption, transfer } = deposit.receipt;
  t.say(
    'deposited',
    `${suitcase.name}, ${bytes(suitcase.bytes)}, ${encryption.compression}, ${transfer.status}, in ${seconds(pushing)}`,
    `depot push ${arrangement}`,
  );
  if (storage.visible().length > 0) throw wrong(`the supplier still sees ${storage.visible().join(', ')}`);
  if (!storage.collected().includes(suitcase.name)) throw wrong(`the agent does not hold ${suitcase.name}`);
  t.say(
    'collected',
    'the agent holds the locked suitcase, its cover and its signed receipt; the supplier no longer sees any of them',
  );

  // From here on it is the beneficiary's turn: receipt and signer's key came beforehand, the suitcase on release.
  const held = join(storage.vault, suitcase.name);
  const [key, receipt] = [join(t.home, 'keys/beneficiary.secret.asc'), deposit.receiptPath];
  const proof = ['--receipt', receipt, '--signer', signer.publicKey, '--key', key];
  await t.depot(['verify', ...proof]);
  t.say(
    'key proved',
    "from the receipt alone: the beneficiary's key opens this deposit",
    'depot verify --receipt RECEIPT --signer signer.public.asc --key private.secret.asc',
  );
  await t.depot(['verify', held, ...proof, '--deep']);
  t.say(
    'verified',
    'all of it decrypted and compared with its manifest, nothing written',
    'depot verify SUITCASE --receipt RECEIPT --signer signer.public.asc --key private.secret.asc --deep',
  );

  const opened = join(t.home, 'opened');
  await t.depot(['decrypt', held, ...proof, '--out', opened]);
  t.say(
    'opened',
    'the suitcase is authentic and lies unpacked in a new directory',
    'depot decrypt SUITCASE --key private.secret.asc --receipt RECEIPT --signer signer.public.asc --out DIR',
  );
  const compared = compareTrees(data, join(opened, 'data/crm'));
  if (compared.differences.length > 0)
    throw wrong(`what came out differs from what went in: ${compared.differences.join('; ')}`);
  t.say(
    'compared',
    `${count(compared.files)} files, ${bytes(compared.bytes)}: what came out is what went in, with names, links, modes and times`,
    'diff -r crm DIR/data/crm',
  );
}

/** The processes of the tour, in one directory. */
class Tour {
  constructor(
    readonly home: string,
    private readonly options: DemoOptions,
  ) {}

  say(name: string, what: string, command?: string): void {
    this.options.say({ name, what, ...(command === undefined ? {} : { command }) });
  }

  async key(
    kind: 'signer' | 'arrangement',
    name: string,
    email: string,
    file: string,
  ): Promise<{ fingerprint: string; publicKey: string }> {
    mkdirSync(join(this.home, 'keys'), { recursive: true, mode: 0o700 });
    const who = ['--name', name, '--email', email];
    const out = ['--out', join(this.home, 'keys', file), '--no-passphrase'];
    const made = (await this.depot(['key', 'generate', kind, ...who, ...out])) as {
      fingerprint: string;
      publicKey: string;
    };
    this.say(
      'key made',
      `${name}: ${shortFingerprint(made.fingerprint)}`,
      `depot key generate ${kind} --name '${name}' --email ${email} --out ${file} --passphrase-file FILE`,
    );
    return made;
  }

  /** Runs depot with `--json` and returns its document; throws unless it exits 0. */
  async depot(args: string[], input = ''): Promise<unknown> {
    const { signal } = this.options;
    throwIfStopped(signal);
    const line = [...ownCommand(), ...args, '--json', '--config', join(this.home, 'depot.yaml')];
    const ran = await run(line, {
      code: 'internal',
      directory: this.home,
      env: this.options.env,
      input,
      stdout: 'keep',
      signal,
      graceMs: depotGraceMs,
      atTerminal: true,
      anyExit: true,
    });
    throwIfStopped(signal);
    // Ctrl-C goes to the whole group of processes: the child may have answered it before this one has.
    const status = ran.status ?? ran.signal ?? 'no exit status';
    const ended = endings[status];
    if (ended !== undefined) throw new DepotError(ended[0], ended[1]);
    const said = ran.output.toString();
    if (status !== 0)
      throw wrong(`depot ${args[0] ?? ''} ended with ${status}: ${message(said) ?? ran.complaints.join('; ')}`);
    return JSON.parse(said) as unknown;
  }
}

/** How a child ends by a signal, whether it got to serve it or not. */
const endings: Partial<Record<number | string, ['hung-up' | 'interrupted' | 'terminated', string]>> = {
  129: ['hung-up', 'hung up'],
  SIGHUP: ['hung-up', 'hung up'],
  130: ['interrupted', 'interrupted'],
  SIGINT: ['interrupted', 'interrupted'],
  143: ['terminated', 'terminated'],
  SIGTERM: ['terminated', 'terminated'],
};

interface PushDocument {
  results: {
    deposit?: {
      receiptPath: string;
      receipt: {
        suitcase: { name: string; bytes: number };
        encryption: { compression: string };
        transfer: { status: string };
      };
    };
  }[];
}

function configuration(storage: SecureStorage, fingerprint: string): string {
  return `version: 1
supplier: { name: Acme SaaS B.V., signingKey: keys/supplier.secret.asc }
state: state
remote:
  host: ${storage.host}
  port: ${storage.port}
  username: ${storage.username}
  directory: ${storage.directory}
  retryFor: 10s
arrangements:
  ${arrangement}:
    beneficiaries:
      - { name: Gemeente Voorbeeld, key: keys/beneficiary.public.asc, fingerprint: "${fingerprint}" }
    dataset:
      - { directory: crm }
    every: 24h
`;
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted)
    throw signal.reason instanceof DepotError
      ? signal.reason
      : new DepotError('interrupted', 'interrupted', { cause: signal.reason });
}

function message(document: string): string | undefined {
  try {
    const parsed = JSON.parse(document) as {
      error?: { message?: string };
      results?: { error?: { message?: string } }[];
    };
    return parsed.error?.message ?? parsed.results?.find((r) => r.error !== undefined)?.error?.message;
  } catch {
    return undefined;
  }
}

function wrong(what: string): DepotError {
  return new DepotError('internal', `the demo went wrong: ${what}`);
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
