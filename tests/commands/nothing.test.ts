/** Where nothing is found, nothing was checked: commands say so of a missing, empty or wrong directory. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { deposit, ledgerOf } from '../state/samples.js';
import { nightly } from '../report/history.js';
import { supplierWith } from '../report/supply.js';
import { tempDir } from '../support/cleanup.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';

let supplier: Supplier;
beforeEach(async () => {
  supplier = await Supplier.create(nowhere);
});
const depot = (...args: string[]): Promise<Finished> =>
  depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
/** Somebody with a state directory and no configuration. */
const auditor = () => ({ cwd: tempDir(), env: { HOME: supplier.directory } });
const all = ({ stdout, stderr }: Finished): string => (stdout + stderr).replace(/\s+/g, ' ');

describe('if the state directory is missing or empty', () => {
  test.each([
    ['missing', false],
    ['empty', true],
  ])('%s: receipts verify exits with 24 and names the directory', async (_what, there) => {
    if (there) mkdirSync(supplier.state);
    const found = await depot('receipts', 'verify');
    expect([found.code, all(found)]).toEqual([
      24,
      expect.stringMatching(
        there
          ? /nothing was checked: no ledger and no receipt in \S+state\b.*hint: check that this is the right/
          : /nothing was checked: there is no directory \S+state\b/,
      ),
    ]);
    expect(JSON.parse((await depot('receipts', 'verify', '--json')).stdout)).toMatchObject({ ok: false });
    const elsewhere = await depotHere(
      ['receipts', 'verify', '--state', join(supplier.directory, there ? 'data' : 'nowhere')],
      auditor(),
    );
    expect(elsewhere.code).toBe(24);
  });

  test('receipts list names the directory, and exits with 24 if it is missing', async () => {
    const gone = await depot('receipts', 'list');
    expect([gone.code, all(gone)]).toEqual([24, expect.stringMatching(/there is no directory \S+state\b/)]);
    mkdirSync(supplier.state);
    const empty = await depot('receipts', 'list');
    expect([empty.code, all(empty)]).toEqual([0, expect.stringMatching(/no deposits in \S+state\b/)]);
  });

  test('status and the metrics report a missing one', async () => {
    const gone = await depot('status');
    expect([gone.code, all(gone)]).toEqual([
      24,
      expect.stringMatching(
        /there is no state directory \S+state\. Either no push has run here yet, or the state is elsewhere: --state DIRECTORY/,
      ),
    ]);
    expect((await depot('status', '--prometheus')).stdout).toMatch(/^depot_status_success 0$/m);
    mkdirSync(supplier.state);
    expect((await depot('status')).code).toBe(0);
    expect((await depot('status', '--prometheus')).stdout).toMatch(/^depot_status_success 1$/m);
  });

  test('report writes no page if there is nothing to report on', async () => {
    const out = join(supplier.directory, 'report.html');
    const nothing = await depotHere(
      ['report', '--state', join(supplier.directory, 'nowhere'), '--out', out],
      auditor(),
    );
    expect([nothing.code, nothing.stderr]).toEqual([24, expect.stringContaining('nothing to report on')]);
    expect(() => readFileSync(out)).toThrow();
  });
});

test("receipts verify --against a directory without the supplier's receipts says that nothing was compared", async () => {
  const { state, receipts } = await ledgerOf(supplier.state, 2);
  const held = tempDir();
  const signer = ['--state', supplier.state] as const;
  const audit = (against: string) => depotHere(['receipts', 'verify', ...signer, '--against', against], auditor());
  const nothing = await audit(held);
  expect([nothing.code, all(nothing)]).toEqual([24, expect.stringContaining('nothing was compared')]);
  writeFileSync(join(held, `${receipts[0].receipt.depositId}.receipt.json`), readFileSync(receipts[0].path));
  const compared = await audit(held);
  // It was compared, but without a signer no signature could be checked.
  expect([compared.code, all(compared)]).toEqual([
    24,
    expect.stringMatching(/intact, but no signature was checked; .*matches 1 receipt held elsewhere/),
  ]);
  expect(state.arrangement).toBe('acme-crm');
});

test('receipts verify checks signatures with a signer or a configuration; with neither, it says so and exits with 24', async () => {
  const { supplier: signed } = await supplierWith({ deposits: nightly(2) });
  const at = ['receipts', 'verify', '--state', signed.state];
  const result = ({ code, stdout }: Finished) => ({ code, ...(JSON.parse(stdout) as object) });
  for (const rubbish of [false, true]) {
    if (rubbish)
      for (const name of signed.stateFiles().filter((file) => file.endsWith('.asc')))
        writeFileSync(join(signed.state, 'acme-crm', name), 'rubbish');
    const unsigned = await depotHere(at, auditor());
    expect([unsigned.code, all(unsigned)]).toEqual([
      24,
      expect.stringMatching(
        /^– acme-crm: intact, but no signature was checked; 2 ledger lines, 2 receipts – not checked: signatures: no signer was given depot: hint: name the public key of the supplier: --signer FILE/,
      ),
    ]);
    expect(result(await depotHere([...at, '--json'], auditor()))).toMatchObject({
      code: 24,
      ok: false,
      result: 'incomplete',
    });
    const known = rubbish ? { code: 32, ok: false, result: 'failed' } : { code: 0, ok: true, result: 'passed' };
    expect(result(await depotHere([...at, '--signer', signed.signer.publicKey, '--json'], auditor()))).toMatchObject(
      known,
    );
    expect(result(await signed.depot(['receipts', 'verify', '--json']))).toMatchObject(known);
  }
});

test('push, status and doctor exit with 10 if the configuration has no arrangements', async () => {
  writeFileSync(
    supplier.config,
    'version: 1\nsupplier: { name: Acme, signingKey: keys/supplier.secret.asc }\nstate: state\narrangements:\n',
    { mode: 0o600 },
  );
  for (const args of [['push', '--all'], ['push'], ['status'], ['doctor']]) {
    const nothing = await depot(...args);
    expect([args, nothing.code, nothing.stderr]).toEqual([
      args,
      10,
      expect.stringMatching(/depot\.yaml has no arrangements/),
    ]);
  }
  const metrics = await depot('status', '--prometheus');
  expect([metrics.code, metrics.stdout]).toEqual([0, expect.stringMatching(/^depot_status_success 0$/m)]);
});

test('if the ledger is gone, push exits with 32 and says what to do; doctor, status and the metrics report it', async () => {
  const { state } = await ledgerOf(supplier.state, 2);
  rmSync(state.file('ledger.ndjson'));
  const push = await depot('push');
  expect([push.code, all(push)]).toEqual([
    32,
    expect.stringMatching(
      /ledger\.ndjson is empty or missing, and has no line for 2 deposits.*nothing was published.*restore ledger\.ndjson from a backup/,
    ),
  ]);
  expect((await depot('doctor')).stdout).toMatch(/✗ ledger/);
  expect(all(await depot('status'))).toMatch(
    /acme-crm: \S+ledger\.ndjson is empty or missing.*to check everything: depot receipts verify acme-crm/,
  );
  expect((await depot('status', '--prometheus')).stdout).toContain('depot_record_problems{arrangement="acme-crm"} 1\n');
});

test('status reports an edited attestation; receipts verify reports one that was edited, lost its signature or is gone', async () => {
  const { state, ledger } = await ledgerOf(supplier.state, 1);
  const { receipt } = await deposit(state, ledger, { at: '2026-11-22T00:30:00Z' });
  const name = `${receipt.depositId}.attestation.json`;
  writeFileSync(state.file(name), '{}\n');
  writeFileSync(state.file(`${name}.asc`), 'signature');
  writeFileSync(
    state.file(`${receipt.depositId}.attestation.filed.json`),
    JSON.stringify({
      schema: 'depot.attestation-filing/1',
      attestationSha256: '0'.repeat(64),
      filedAt: 'x',
      signedBy: 'x',
      signedAt: 'x',
      beneficiary: null,
      selfAttested: false,
    }),
  );
  expect(all(await depot('status'))).toMatch(
    new RegExp(
      `acme-crm: \\S+${receipt.depositId}\\.attestation\\.json differs from what was filed, so it no longer proves anything`,
    ),
  );
  const verify = async () => all(await depotHere(['receipts', 'verify', '--state', supplier.state], auditor()));
  expect(await verify()).toMatch(/changed: \S+attestation\.json differs from what was filed/);
  rmSync(state.file(`${name}.asc`));
  expect(await verify()).toMatch(/has lost its signature/);
  rmSync(state.file(name));
  expect(await verify()).toMatch(/attestation\.json was filed and is now missing/);
});
