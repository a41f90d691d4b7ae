/** What README, docs/agent.md and docs/auditor.md tell each party to type works, in the order of the page, with what that party has. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startSecureStorage } from '../../src/demo/storage.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, depotScript } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Deposit, Supplier } from '../support/supplier.js';

const read = (page: string): string => readFileSync(join(checkout, page), 'utf8');
/** The shell lines of a page, in order, without comments. */
const linesOf = (page: string): string[] =>
  [...read(page).matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block]) =>
    block.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
  );

let supplier: Supplier;
let deposit: Deposit;
/** What the agent has, what the beneficiary has, and what the auditor was given. */
let vault: string;
let desk: string;
let evidence: string;

beforeAll(async () => {
  const storage = await startSecureStorage(tempDir(), { username: 'acme', password: 'correct horse' });
  cleanup(() => storage.stop());
  vault = storage.vault;
  supplier = await Supplier.create(
    { ...storage, remoteDirectory: storage.directory, fingerprints: [storage.fingerprint] },
    { arrangement: { compression: 'gzip', every: '24h' } },
  );
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
  deposit = await supplier.deposit();

  desk = tempDir();
  evidence = tempDir();
  cpSync(vault, desk, { recursive: true });
  cpSync(supplier.state, join(evidence, 'records'), { recursive: true });
  mkdirSync(join(evidence, 'held'));
  for (const name of readdirSync(vault).filter((n) => n.includes('.receipt.json')))
    for (const at of ['held', '.']) copyFileSync(join(vault, name), join(evidence, at, name));
  for (const at of [desk, evidence, vault]) copyFileSync(supplier.signerPublic, join(at, 'signer.public.asc'));
});

/** Runs a line as it is on the page, but with the id of the deposit. Fails unless it ends with 0. */
async function type(line: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const typed = `depot() { '${process.execPath}' '${depotScript}' "$@"; }\n${line.replaceAll(/\bID\./g, `${deposit.depositId}.`)}`;
  const { stdout } = await mustRun('bash', ['-euc', typed], { cwd, env: bareEnvironment({ HOME: cwd, ...env }) });
  return stdout;
}

test.skipIf(peers('sha256sum') === undefined)(
  'README: each line of the quick starts works where it is typed',
  async () => {
    const [init, push, status, generate, verify, decrypt, digest, receipts, report, ...more] = linesOf('README.md');
    expect(more).toEqual([]);
    expect(init).toBe('depot init'); // asks a person: tests/e2e/letter.test.ts
    expect(await type(push, supplier.directory)).toMatch(/^deposited /m);
    expect(await type(status, supplier.directory)).toContain('acme-crm');

    const fresh = tempDir();
    await type(generate, fresh, { DEPOT_PASSPHRASE: 'correct horse' });
    expect(readdirSync(fresh).sort()).toEqual(['private.public.asc', 'private.secret.asc']);
    copyFileSync(supplier.recipientKey, join(desk, 'private.secret.asc'));
    expect(await type(verify, desk)).toMatch(/^✓ key-proof /m);
    await type(decrypt, desk);
    expect(readFileSync(join(desk, 'opened/data/data/customers.csv'), 'utf8')).toContain('Gemeente Voorbeeld');

    expect(await type(digest, vault)).toContain(deposit.receipt.suitcase.sha256);
    expect(await type(receipts, evidence)).toMatch(/✓ acme-crm/);
    await type(report, evidence);
    expect(readFileSync(join(evidence, 'report.html'), 'utf8')).toContain(deposit.depositId);
  },
);

describe.skipIf(peers('gpg', 'gpgconf', 'sha256sum') === undefined)('every shell line works in', () => {
  test.each([
    ['docs/agent.md', () => vault],
    ['docs/auditor.md', () => evidence],
  ] as const)('%s', async (page, at) => {
    const { home } = Gnupg.create();
    const said: string[] = [];
    for (const line of linesOf(page)) said.push(await type(line, at(), { GNUPGHOME: home }));
    expect(said.length).toBeGreaterThanOrEqual(3);
  });
});

test("every page of docs/ is in the README's table", () => {
  const readme = read('README.md');
  const pages = readdirSync(join(checkout, 'docs'), { withFileTypes: true }).flatMap((entry) =>
    entry.name.endsWith('.md')
      ? [`docs/${entry.name}`]
      : entry.isDirectory() && entry.name !== 'pictures'
        ? [`docs/${entry.name}/README.md`]
        : [],
  );
  expect(pages.filter((page) => !readme.includes(`](${page})`))).toEqual([]);
});
