/** What of a chain waits to be sent, and what has to be kept. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { atNight, incremental } from './increments.js';

describe('what was sealed and not sent yet', () => {
  /** A full deposit, and an increment that waits in the spool. */
  async function waiting() {
    const o = await atNight({ spool: true });
    const full = await o.push();
    // Of one second, nothing shows which of two read everything.
    await vi.waitFor(() => expect(`${new Date().toISOString().slice(0, 19)}Z`).not.toBe(full.receipt.startedAt), 5000);
    o.night(1);
    o.server.script = (request) => (request.type === 'write' ? { do: false, then: 'drop' } : undefined);
    o.supplier.writeConfig({ arrangement: { incremental, spool: true }, remote: { retryFor: '1s' } });
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(16);
    o.server.script = undefined;
    o.supplier.writeConfig({ arrangement: { incremental, spool: true } });
    return { ...o, full };
  }

  test('is sent by the next run, and costs no full deposit', async () => {
    const { push, full, night } = await waiting();
    const sent = await push();
    expect(sent.chain).toMatchObject({ number: 1, previousDepositId: full.receipt.depositId });
    expect(sent.warnings).toContain(`continuing ${sent.receipt.depositId}`);
    night(2);
    expect((await push()).chain).toMatchObject({ number: 2, previousDepositId: sent.receipt.depositId });
  });

  test.each([
    ['--full', { number: 0 }],
    ['--reread', { number: 2 }],
  ])('does not count for a run with %s, which makes another', async (flag, chain) => {
    const { push } = await waiting();
    const next = await push(flag);
    expect(next.warnings).toContain('continuing');
    expect(next.chain).toMatchObject(chain);
    expect(next.chain.lastReadInFull).toBe(next.receipt.startedAt);
  });
});

describe('what has to be kept', () => {
  test('receipts list --chain names exactly the files that a deposit needs, from the state or from receipts alone', async () => {
    const { push, night, supplier } = await atNight();
    const older = await push();
    const full = await push('--full');
    night(1);
    const first = await push();
    night(2);
    const second = await push();
    const needed = [full, first, second].map(({ receipt: { depositId, suitcase } }) => ({ depositId, ...suitcase }));
    const listed = await depot([
      'receipts',
      'list',
      '--chain',
      second.receipt.depositId,
      '--config',
      supplier.config,
      '--json',
    ]);
    expect(json(listed)).toMatchObject({ ok: true, files: needed, missing: null });
    const receipts = tempDir();
    cpSync(join(supplier.state, 'acme-crm'), receipts, { recursive: true });
    const alone = ['receipts', 'list', '--receipts', receipts, '--chain'];
    const text = await depot([...alone, second.receipt.depositId]);
    expect(text.code, text.stderr).toBe(0);
    for (const { name, bytes } of needed) expect(text.stdout).toContain(`${name}  ${bytes}`);
    for (const { sha256 } of needed) expect(text.stdout).toContain(sha256);
    expect(text.stdout).not.toContain(older.receipt.depositId);
    rmSync(join(receipts, `${first.receipt.depositId}.receipt.json`));
    const broken = await depot([...alone, second.receipt.depositId, '--json']);
    expect(broken.code).toBe(24);
    expect(json(broken)).toMatchObject({ ok: false, missing: { depositId: first.receipt.depositId } });
  });

  test('a destruction names what no longer opens, status goes on to say so, and the next deposit is full', async () => {
    const { push, night, supplier } = await atNight();
    await push();
    night(1);
    const first = await push();
    night(2);
    const second = await push();
    const note = ['receipts', 'note', first.receipt.depositId, '--destroyed', new Date().toISOString().slice(0, 10)];
    const noted = await depot([...note, '--config', supplier.config, '--json']);
    expect(json(noted)).toMatchObject({ ok: true, lost: [second.receipt.depositId] });
    const status = await depot(['status', '--config', supplier.config]);
    expect(status.stdout).toContain(`${second.receipt.depositId} no longer opens: ${first.receipt.depositId}`);
    // It said in the same breath that the last deposit opened for 89 days more.
    expect(status.stdout).not.toContain('it opens for');
    expect(status.stdout.replace(/\s+/g, ' ')).toContain('make a full deposit: depot push acme-crm --full');
    const inList = await depot(['receipts', 'list', '--config', supplier.config]);
    expect(inList.stdout).toMatch(/increment 1, destroyed \d{4}-\d\d-\d\d\n.*increment 2, no longer opens/);
    const asked = ['receipts', 'list', '--chain', second.receipt.depositId, '--config', supplier.config];
    const chain = await depot(asked);
    expect(chain.code).toBe(24);
    expect(chain.stdout.replace(/\s+/g, ' ')).toContain(`so ${second.receipt.depositId} no longer opens`);
    const doctor = await depot(['doctor', '--config', supplier.config]);
    expect(doctor.stdout.replace(/\s+/g, ' ')).toContain('the last deposit, no longer opens');
    const next = await push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toContain('was destroyed');
  });

  test('doctor and status say how long the last deposit would open, and doctor before the first one what comes', async () => {
    const { push, supplier, index } = await atNight();
    const doctor = async (): Promise<string> =>
      (await depot(['doctor', '--config', supplier.config])).stdout.replace(/\s+/g, ' ');
    const first = await doctor();
    expect(first).toContain('chain none yet, so the next push makes a full deposit');
    expect(first).toContain('after 30d or 60 increments at most. The agent must keep every deposit for 90d');
    expect(first).toContain('if pushes stop, the newest then opens for at least 60d more');
    await push();
    await push();
    expect(await doctor()).toMatch(
      /chain 1 increment; \S+, the full deposit, is \d+[sm] old; without another deposit, the last one opens for (89d23h|90d) more /,
    );
    rmSync(index());
    expect(await doctor()).toContain('. There is no index of it, so the next push makes a full deposit');
    const status = await depot(['status', '--config', supplier.config]);
    expect(status.stdout).toMatch(
      /acme-crm: the last deposit is increment 1 since the full deposit of \d{4}-\d\d-\d\d;\s+if no other follows, it can be opened for (89d23h|90d) more/,
    );
  });
});
