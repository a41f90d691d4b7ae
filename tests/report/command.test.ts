import { readdirSync, readFileSync, statSync, writeFileSync, appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { attestationBytes } from '../../src/receipt/attestation.js';
import { fileAttestation } from '../../src/state/attested.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { sha256 } from '../state/samples.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import type { Supplier } from '../support/supplier.js';
import { day, nightly, writeHistory } from './history.js';
import { supplierWith } from './supply.js';
import { privateFile } from '../support/platform.js';

interface Made {
  ok: boolean;
  out: string;
  arrangements: {
    arrangement: string;
    state: string;
    deposits: number;
    rows: number;
    gaps: number;
    failedRuns: number;
    ledgerProblems: number;
    unchecked: number;
  }[];
}

async function make(supplier: Supplier, args: string[] = []): Promise<{ made: Made; page: string }> {
  const out = join(tempDir(), 'report.html');
  const result = await supplier.depot(['report', '--out', out, '--json', ...args]);
  expect(result.code, result.stdout + result.stderr).toBe(0);
  return { made: json(result) as unknown as Made, page: readFileSync(out, 'utf8') };
}

describe('the report file', () => {
  let supplier: Supplier;
  beforeAll(async () => {
    ({ supplier } = await supplierWith({
      deposits: nightly(2),
      failed: [{ at: new Date(Date.now() - 3 * day), exit: 14, code: 'unreachable' }],
    }));
  });

  test('is readable only by its owner, replaces an older report, and leaves nothing beside it', async () => {
    const directory = tempDir();
    const out = join(directory, 'report.html');
    for (const language of ['en', 'nl']) {
      const result = await supplier.depot(['report', '--out', out, '--language', language]);
      expect(result.code, result.stderr).toBe(0);
      expect(result.stdout).toMatch(/^report {5}.*: 1 arrangement, 2 deposits\nsha256 {5}[0-9a-f]{64}\n$/);
      expect(statSync(out).mode & 0o777).toBe(privateFile);
      expect(readdirSync(directory)).toEqual(['report.html']);
      expect(readFileSync(out, 'utf8')).toContain(`<html lang="${language}">`);
    }
  });

  test('never replaces a file that is not a report', async () => {
    const directory = tempDir();
    const out = join(directory, 'thesis.html');
    writeFileSync(out, '<!doctype html><p>years of work');
    mkdirSync(join(directory, 'folder'));
    for (const name of ['thesis.html', 'folder']) {
      const result = await supplier.depot(['report', '--out', join(directory, name)]);
      expect(result).toMatchObject({ code: 5, stdout: '' });
      expect(result.stderr).toMatch(/depot replaces only reports\ndepot: hint: choose another name for --out/);
    }
    expect(readFileSync(out, 'utf8')).toBe('<!doctype html><p>years of work');
    expect((await supplier.depot(['report', '--out', join(directory, 'missing/report.html')])).code).toBe(5);
  });

  test('needs a name, and a directory that exists', async () => {
    const result = await supplier.depot(['report']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    const nowhere = join(tempDir(), 'none');
    const unwritten = await supplier.depot(['report', '--out', join(nowhere, 'r.html')]);
    expect([unwritten.code, unwritten.stderr]).toEqual([5, expect.stringMatching(/make it first: mkdir .*none/)]);
    expect(result.stderr).toContain('hint: add --out report.html');
  });

  test('does not show paths, addresses, machine names or error messages of the supplier', async () => {
    const { page } = await make(supplier);
    for (const secret of [
      supplier.directory,
      supplier.state,
      '127.0.0.1',
      '10.20.0.5',
      'deposit-host-7',
      '/srv/secret',
    ])
      expect(page).not.toContain(secret);
  });
});

describe('the state of an arrangement', () => {
  test('is ok, late, ended, unknown, keys, or attention after a failed run', async () => {
    const { supplier } = await supplierWith({ deposits: nightly(3), failed: [] });
    const well = await make(supplier);
    expect(well.made.arrangements).toMatchObject([
      { state: 'ok', deposits: 3, rows: 3, gaps: 0, failedRuns: 0, ledgerProblems: 0, unchecked: 0 },
    ]);
    const cross = 'class="failed" d="M';
    expect(well.page).not.toContain(cross);
    const beneficiaries = [
      { name: 'G', key: supplier.recipient.publicKey, fingerprint: supplier.recipient.fingerprint },
    ];
    supplier.writeConfig({ arrangement: { beneficiaries, every: '4h' } });
    expect((await make(supplier)).made.arrangements).toMatchObject([{ state: 'late', gaps: 3 }]);
    supplier.writeConfig({ arrangement: { beneficiaries, every: '4h', ended: '2026-01-01' } });
    expect((await make(supplier)).made.arrangements).toMatchObject([{ state: 'ended' }]);
    supplier.writeConfig({ arrangement: { beneficiaries } });
    expect((await make(supplier)).made.arrangements).toMatchObject([{ state: 'unknown', gaps: 0 }]);
    supplier.writeConfig({
      arrangement: { beneficiaries: [{ ...beneficiaries[0], fingerprint: 'A'.repeat(40) }], every: '24h' },
    });
    expect((await make(supplier)).made.arrangements).toMatchObject([{ state: 'keys' }]);
    appendFileSync(
      join(supplier.state, 'acme-crm/runs.ndjson'),
      `${JSON.stringify({ schema: 'depot.run/1', exit: 12, code: 'login-refused', published: 'no', depositId: null, finishedAt: `${new Date().toISOString().slice(0, 19)}Z` })}\n`,
    );
    supplier.writeConfig({ arrangement: { beneficiaries, every: '24h' } });
    const { made, page } = await make(supplier);
    expect(page).toContain(cross);
    expect(made.arrangements).toMatchObject([{ state: 'attention', failedRuns: 1 }]);
    expect(page).toContain('login refused');
  });

  test('is broken if a receipt was changed, or the ledger cannot be read', async () => {
    const { supplier, ids } = await supplierWith({ deposits: nightly(3) });
    const receipt = join(supplier.state, 'acme-crm', `${ids[1]}.receipt.json`);
    writeFileSync(receipt, readFileSync(receipt, 'utf8').replace('"entries": 4813', '"entries": 4814'));
    const tampered = await make(supplier);
    expect(tampered.made.arrangements).toMatchObject([{ state: 'broken', ledgerProblems: 2 }]);
    expect(tampered.page).toContain(`${ids[1]}.receipt.json`);
    writeFileSync(join(supplier.state, 'ledger.id'), 'nonsense\n');
    expect((await make(supplier)).made.arrangements).toMatchObject([{ state: 'broken' }]);
  });
});

test('the report shows a deposit without a receipt, and one that the agent destroyed', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nightly(2) });
  const lost = 'acme-crm_20261101T003000Z_00000000000000aa';
  appendFileSync(
    join(supplier.state, 'acme-crm/runs.ndjson'),
    `${JSON.stringify({ schema: 'depot.run/1', exit: 30, code: 'receipt-not-written', published: 'yes', depositId: lost, bytes: 5, seconds: 7, finishedAt: `${new Date().toISOString().slice(0, 19)}Z` })}\n`,
  );
  // What such a push leaves, so that the next one writes the receipt.
  mkdirSync(join(supplier.state, 'acme-crm/pending'), { recursive: true });
  writeFileSync(join(supplier.state, 'acme-crm/pending', `${lost}.json`), '{}');
  const noted = await supplier.depot([
    'receipts',
    'note',
    ids[1],
    '--destroyed',
    new Date().toISOString().slice(0, 10),
  ]);
  expect(noted.code, noted.stderr).toBe(0);
  const { made, page } = await make(supplier);
  expect(made.arrangements).toMatchObject([
    { state: 'attention', deposits: 3, failedRuns: 1, lastDeposit: { depositId: lost } },
  ]);
  expect(page).toContain('no receipt on file');
  expect(page).toMatch(/destroyed<\/span><span class="nl" lang="nl">vernietigd<\/span> \d{4}-\d\d-\d\d/);
});

test('the report says who proved that a key opens a deposit, and when, and which deposit is not proven', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nightly(2) });
  const state = await ArrangementState.open(supplier.state, 'acme-crm');
  const { fingerprint } = supplier.recipient;
  const attestation = (suitcase: string): Uint8Array =>
    attestationBytes({
      schema: 'depot.attestation/1',
      depositId: ids[0],
      receiptSha256: '0'.repeat(64),
      suitcaseSha256: sha256(suitcase),
      agentSha256: sha256(suitcase),
      keyFingerprint: fingerprint,
      subkeyFingerprint: fingerprint,
      checks: ['receipt', 'receipt-signature', 'key-proof'].map((name) => ({ name, result: 'passed' })),
      opening: '1'.repeat(64),
      attestedAt: '2026-11-22T09:00:00Z',
    });
  const filing = {
    filedAt: '2026-11-22T10:00:00Z',
    signedBy: fingerprint,
    signedAt: '2026-11-22T09:00:00Z',
    beneficiary: '<b>Gemeente</b>',
    selfAttested: true,
  };
  // The second is about another suitcase than the receipt's.
  for (const suitcase of [ids[0], 'another'])
    await fileAttestation(state, {
      depositId: ids[0],
      bytes: attestation(suitcase),
      signature: Buffer.from('x'),
      filing,
    });
  const { page } = await make(supplier);
  expect(page.match(/<div>&lt;b&gt;Gemeente&lt;\/b&gt;, 2026-11-22 /g)).toHaveLength(1);
  expect(page).toContain('by a key that the supplier made');
  expect(page).toContain('the agent gave the SHA-256 of the receipt');
  // The other deposit.
  expect(page.match(/<td><span class="en" lang="en">not proven<\/span>/g)).toHaveLength(1);
});

test('the report mentions what an earlier run left to do', async () => {
  const { supplier, ids } = await supplierWith({ deposits: nightly(1) });
  writeFileSync(
    join(supplier.state, 'acme-crm/pending', `${ids[0]}.json`),
    JSON.stringify({
      schema: 'depot.pending/1',
      depositId: ids[0],
      arrangement: 'acme-crm',
      partialName: `.${ids[0]}.partial`,
      finalName: `${ids[0]}.tar.gz.pgp`,
      createdAt: '2026-11-22T09:00:00Z',
      server: { account: 'a@127.0.0.1', directory: '/incoming' },
      publish: 'rename',
      stage: 'sidecars',
      remainingSidecars: [],
    }),
  );
  const { made, page } = await make(supplier);
  expect(made.arrangements).toMatchObject([{ state: 'attention' }]);
  expect(page).toContain('deposits that were begun, and that the next run continues');
  expect(page).not.toContain('127.0.0.1');
});

test('--from and --to choose deposits by the time of their completion; the ledger is checked whole', async () => {
  const { supplier } = await supplierWith({ deposits: nightly(10, new Date('2026-03-11T12:00:00Z')) });
  const { made, page } = await make(supplier, ['--from', '2026-03-03', '--to', '2026-03-06']);
  expect(made.arrangements).toMatchObject([{ deposits: 4, rows: 4, gaps: 0, state: 'late' }]);
  expect(page).toContain('10 <span class="en" lang="en">receipts</span>');
});

test('without a configuration, every arrangement in the state directory is listed, also one without deposits', async () => {
  const directory = tempDir();
  for (let i = 0; i < 30; i++)
    await writeHistory(directory, { arrangement: `customer-${i}`, deposits: nightly(i === 0 ? 0 : 3) });
  const out = join(directory, 'report.html');
  const result = await depot(['report', '--state', directory, '--out', out, '--json'], {
    cwd: directory,
    env: { HOME: directory },
  });
  expect(result.code, result.stderr).toBe(0);
  const { arrangements } = json(result) as unknown as Made;
  expect(arrangements.map(({ rows }) => rows)).toEqual(expect.arrayContaining([0, 3]));
  expect(arrangements).toHaveLength(30);
  expect(readFileSync(out, 'utf8').match(/<details class="arrangement" id="a-customer-\d+">/g)).toHaveLength(30);
});

describe('the page', () => {
  test('says that the rhythm is not known without a configuration, and not agreed with one that has none', async () => {
    const { supplier } = await supplierWith({ deposits: nightly(2) });
    const out = join(tempDir(), 'report.html');
    const result = await depot(
      ['report', '--state', supplier.state, '--signer', supplier.signer.publicKey, '--out', out],
      { cwd: tempDir(), env: { HOME: tempDir() } },
    );
    expect(result.code, result.stderr).toBe(0);
    const copy = readFileSync(out, 'utf8');
    expect(copy).toContain('agreed rhythm not known');
    expect(copy).toContain('afgesproken ritme niet bekend');
    expect(copy).not.toMatch(/no rhythm agreed|geen ritme afgesproken/);
    supplier.writeConfig();
    const { page } = await make(supplier);
    expect(page).toContain('no rhythm agreed');
    expect(page).not.toContain('not known');
  });

  test('has the entries and bytes of each dataset, marks a deposit that shrank, and says what the agent showed', async () => {
    const past = nightly(3);
    const size = (entries: number, bytes: number) => ({
      dataset: { entries, bytes, skipped: {}, complete: true, manifestSha256: '0'.repeat(64) },
    });
    const hidden = {
      transfer: {
        remoteName: 'x',
        status: 'acknowledged' as const,
        remoteSize: 'unreadable' as const,
        durability: 'acknowledged-only' as const,
      },
    };
    const { supplier } = await supplierWith({
      deposits: [
        { ...past[0], changes: size(48, 15_100_000) },
        { ...past[1], changes: { ...size(8, 3_100_000), ...hidden } },
        { ...past[2], changes: size(8, 3_200_000) },
      ],
    });
    const { page } = await make(supplier);
    expect(page).toMatch(/48 <span class="en" lang="en">entries<\/span>.*?<br>14\.4 MiB/);
    // Only that one, and not the one after it, which is as large.
    expect(
      page.match(/! <span class="en" lang="en">shrank<\/span><span class="nl" lang="nl">gekrompen<\/span>/g),
    ).toHaveLength(1);
    expect(page).toMatch(/shrank<.*?the one before it had<.*? 48 .*?, 14\.4 MiB/);
    expect(page.match(/acknowledged, size matched/g)).toHaveLength(2);
    expect(page.match(/acknowledged, size not shown/g)).toHaveLength(1);
  });

  test('says whether a killed run was settled; a run that found another one under way is no failure', async () => {
    const past = nightly(3);
    const before = (i: number): Date => new Date(past[i].at.getTime() - 3_600_000);
    const { supplier } = await supplierWith({
      deposits: past,
      failed: [
        { at: before(2), exit: 137, code: 'killed', published: 'unknown' },
        { at: new Date(before(2).getTime() + 60_000), exit: 11, code: 'locked' },
      ],
    });
    const settled = await make(supplier);
    expect(settled.page).toMatch(
      /137: .*nothing was deposited<.*as a later run found<.*zoals een latere uitvoering vaststelde</,
    );
    expect(settled.page).not.toContain('possibly deposited');
    expect(settled.made.arrangements).toMatchObject([{ state: 'ok', failedRuns: 1 }]);
    expect(settled.page).toMatch(/runs that found another one running<.*?<dd>1<\/dd>/);

    // A deposit that may be its own is still pending.
    const id = 'acme-crm_20261101T003000Z_00000000000000aa';
    mkdirSync(join(supplier.state, 'acme-crm/pending'), { recursive: true });
    writeFileSync(join(supplier.state, 'acme-crm/pending', `${id}.json`), '{}');
    expect((await make(supplier)).page).toContain('possibly deposited');
  });

  test('has names for the rows of its chart, and no marks that look like deposits or failures', async () => {
    const { supplier } = await supplierWith({
      deposits: nightly(3),
      failed: [{ at: new Date(Date.now() - 3 * day), exit: 14, code: 'unreachable' }],
    });
    const { page } = await make(supplier);
    for (const [language, word] of [
      ['en', 'deposits'],
      ['nl', 'depots'],
      ['en', 'failed'],
      ['nl', 'mislukt'],
    ])
      expect(page).toMatch(new RegExp(`<text class="tick ${language}"[^>]*>${word}</text>`));
    expect(page).not.toContain('d="M24 12V42"');
  });
});
