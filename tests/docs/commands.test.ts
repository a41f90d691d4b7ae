/**
 * Every command that a document tells its reader to type is run here, by the test of its page, or is named with the reason why it
 * cannot run. A new command on a page fails here until it is one of these.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/commands/program.js';
import { startSecureStorage } from '../../src/demo/storage.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, depotScript } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { type Deposit, Supplier } from '../support/supplier.js';
import { type CommandLine, commandLines, pages } from './command-lines.js';
import { elsewhere, ownTests, runHere } from './commands-run.js';

const found = pages.flatMap(commandLines);
const kinds = new Set(['systemd', 'cron', 'launchd', 'windows', 'signer', 'arrangement']);

/** `depot X` alone, with X a command, or a kind that it takes: a sentence is about it. */
function isName({ kind, line }: CommandLine): boolean {
  const [depot, ...words] = line.split(' ');
  let at: Command | undefined =
    depot === 'depot' && kind === 'text' ? buildProgram(() => Promise.resolve()) : undefined;
  for (const word of words) if (!kinds.has(word)) at = at?.commands.find((one) => one.name() === word);
  return at !== undefined;
}

const scripts = Object.keys(
  (JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { scripts: object }).scripts,
);
/** `npm run X`, for whoever works on depot: X exists. What it does, `.ci/run` or a developer sees. */
function isScript({ line }: CommandLine): boolean {
  const steps = line.split(' && ');
  return steps.every((step) => {
    const name = /^npm run ([\w:]+)(?: |$)/.exec(step)?.[1] ?? (step === 'npm test' ? 'test' : undefined);
    return step === 'npm ci' || (name !== undefined && scripts.includes(name));
  });
}

const runs = (one: CommandLine): boolean => one.line in runHere;
const inOwnTest = (one: CommandLine): boolean => ownTests.some(({ page, of }) => page === one.page && of(one));
const named = (one: CommandLine): boolean => one.line in elsewhere;

interface Desk {
  cwd: string;
  gnupg: string | undefined;
}

/** Of those that are run here, what is on this page and on none before it, in the order of the page. */
function linesOf(page: string): string[] {
  return found
    .filter((one, i) => one.page === page && runs(one) && found.findIndex(({ line }) => line === one.line) === i)
    .map(({ line }) => line);
}

test('the pages have more than 200 lines to type', () => {
  expect(found.length).toBeGreaterThan(200);
});

test.each(pages)('%s: each command is run, or it is said why not', (page) => {
  const unknown = found
    .filter((one) => one.page === page && ![isName, isScript, runs, inOwnTest, named].some((is) => is(one)))
    .map(({ line }) => line);
  expect(unknown, 'add it to tests/docs/commands-run.ts').toEqual([]);
});

test('no command is listed that stands on no page any more, and each named test exists', () => {
  const lines = new Set(found.map(({ line }) => line));
  expect([...Object.keys(runHere), ...Object.keys(elsewhere)].filter((line) => !lines.has(line))).toEqual([]);
  const tests = [...Object.values(elsewhere), ...ownTests.map(({ test: file }) => file)].join('\n');
  for (const [file] of tests.matchAll(/tests\/\S+?\.test\.ts/g))
    expect(existsSync(join(checkout, file)), file).toBe(true);
});

describe.skipIf(peers('gpg', 'gpgconf', 'sha256sum', 'rsop') === undefined)('what is run', () => {
  let supplier: Supplier;
  let deposit: Deposit;
  let chain: Supplier;
  let last: Deposit;
  /** What the agent has of each. */
  let vault: string;
  let chainVault: string;
  const desks = new Map<string, Desk>();

  beforeAll(async () => {
    [supplier, vault] = await supplied({ compression: 'gzip', every: '24h' });
    deposit = await supplier.deposit();
    [chain, chainVault] = await supplied({ compression: 'gzip', incremental: { agentKeeps: '90d' } });
    await chain.deposit();
    writeFileSync(join(chain.data, 'customers.csv'), 'id;name\n2;Gemeente Voorbeeld\n');
    last = await chain.deposit();
    const held = join(supplier.directory, 'held');
    mkdirSync(held);
    for (const name of readdirSync(vault).filter((n) => n.includes('.receipt.json')))
      cpSync(join(vault, name), join(held, name));
    for (const page of pages) {
      const at = new Set(linesOf(page).map((line) => runHere[line].at));
      if (at.has('beneficiary')) desks.set(`${page} beneficiary`, desk(supplier, vault));
      if (at.has('chain')) {
        const made = desk(chain, chainVault);
        desks.set(`${page} chain`, made);
        // Which the page has done for the deposit before.
        await mustRun('gpg', ['--import', 'signer.public.asc', 'private.secret.asc'], {
          cwd: made.cwd,
          env: bareEnvironment({ GNUPGHOME: made.gnupg }),
        });
      }
    }
  });

  async function supplied(arrangement: Record<string, unknown>): Promise<[Supplier, string]> {
    const storage = await startSecureStorage(tempDir(), { username: 'acme', password: 'correct horse' });
    cleanup(() => storage.stop());
    const made = await Supplier.create(
      { ...storage, remoteDirectory: storage.directory, fingerprints: [storage.fingerprint] },
      { arrangement },
    );
    writeFileSync(join(made.data, 'customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
    return [made, storage.vault];
  }

  /** Files that a page says the beneficiary has, and a keyring; made once for each page. */
  function desk(of: Supplier, from: string): Desk {
    const cwd = tempDir('depot-desk');
    cpSync(from, cwd, { recursive: true });
    cpSync(of.signerPublic, join(cwd, 'signer.public.asc'));
    cpSync(of.recipientKey, join(cwd, 'private.secret.asc'));
    cpSync(join(checkout, 'dist/opener.html'), join(cwd, 'opener.html'));
    const script = /^```shell\n([^]*?)^```/m.exec(readFileSync(join(checkout, 'docs/beneficiary.md'), 'utf8'))![1];
    writeFileSync(join(cwd, 'restore.sh'), script);
    const gnupg = Gnupg.create().home;
    // It asks nothing, but says no terminal is an error.
    appendFileSync(join(gnupg, 'gpg.conf'), 'batch\n');
    return { cwd, gnupg };
  }

  test.each(pages.flatMap((page) => linesOf(page).map((line): [string, string] => [page, line])))(
    '%s: %s',
    async (page, line) => {
      const { at, ends = 0, input = '' } = runHere[line];
      const [of, newest] = at === 'chain' ? [chain, last] : [supplier, deposit];
      const { cwd, gnupg } = desks.get(`${page} ${at}`) ?? {
        cwd: at === 'checkout' ? checkout : supplier.directory,
        gnupg: undefined,
      };
      const stands: Readonly<Record<string, string>> = {
        '<command>': 'push',
        '<VPN unit>': 'openvpn-client@agent.service --at 01:30',
        NAME: line.includes('schema') ? 'depot' : supplier.arrangement,
        FILE: supplier.recipient.publicKey,
        BESTAND: supplier.recipient.publicKey,
        DATE: new Date().toISOString().slice(0, 10),
        DIR: 'held',
        FINGERPRINT: of.signer.fingerprint,
        F: supplier.recipient.fingerprint,
        ID: newest.depositId,
      };
      const typed = Object.entries(stands).reduce(
        (text, [word, value]) => text.replaceAll(new RegExp(`(?<![\\w.-])${word}(?![\\w-])`, 'g'), value),
        line.replace(/trust NAME$/, `trust NAME --fingerprint ${supplier.server.fingerprints[0]}`),
      );
      const { code, stdout, stderr } = await run(
        'bash',
        ['--norc', '-euc', `depot() { '${process.execPath}' '${depotScript}' "$@"; }\n${typed}`],
        {
          cwd,
          input,
          env: bareEnvironment({
            HOME: tempDir(),
            GNUPGHOME: gnupg,
            ...(at === 'supplier' ? { DEPOT_CONFIG: supplier.config } : {}),
          }),
        },
      );
      expect(code, `${typed}\n${stdout}${stderr}`).toBe(ends);
    },
  );
});
