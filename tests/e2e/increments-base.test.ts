/** Which deposit an increment is built on, as days go by and pushes fail. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { checkout, depot, json } from '../support/cli.js';
import { type ScriptedServer } from '../support/scripted-server.js';
import { atNight, incremental } from './increments.js';

describe('which deposit is the base', () => {
  const DAY_S = 86_400;
  /** A push on another day: what it says, and how it ends. */
  async function pushOn(o: Awaited<ReturnType<typeof atNight>>, day: number) {
    const clock = ['--import', join(checkout, 'tests/support/preload-clock.mjs')];
    const done = await depot(['push', '--config', o.supplier.config, '--json'], {
      node: clock,
      env: { DEPOT_CLOCK_S: String(day * DAY_S) },
    });
    const { results } = json(done) as unknown as { results: { deposit?: { receipt: Receipt } }[] };
    return {
      code: done.code,
      receipt: results[0].deposit?.receipt,
      chain: results[0].deposit?.receipt.chain,
      said: done.stderr,
    };
  }
  const shortly = (o: Awaited<ReturnType<typeof atNight>>, more: Record<string, unknown> = {}): void =>
    o.supplier.writeConfig({ arrangement: { incremental: { ...incremental, ...more } }, remote: { retryFor: '1s' } });
  const dropped: NonNullable<ScriptedServer['script']> = (request) =>
    request.type === 'write' ? { do: false, then: 'drop' } : undefined;

  test('one that was never confirmed is passed over, and the chain forks', async () => {
    const o = await atNight();
    const full = await o.push();
    o.night(1);
    o.server.options.collect = 'rename';
    o.server.script = (request) => (request.type === 'rename' ? { do: true, then: 'drop' } : undefined);
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(18);
    o.server.script = undefined;
    o.night(2);
    const next = await o.push();
    expect(next.chain).toMatchObject({ number: 1, previousDepositId: full.receipt.depositId });
    o.night(3);
    expect((await o.push()).chain).toMatchObject({ number: 2, previousDepositId: next.receipt.depositId });
  });

  test('one that is confirmed by the next run counts', async () => {
    const o = await atNight();
    shortly(o);
    await o.push();
    o.night(1);
    let isLost = false;
    o.server.script = (request) => {
      isLost ||= request.type === 'rename';
      if (request.type === 'rename') return { do: true, then: 'drop' };
      return isLost && ['stat', 'lstat', 'opendir'].includes(request.type) ? { status: 3 } : undefined;
    };
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(18);
    o.server.script = undefined;
    o.night(2);
    const next = await o.push();
    expect(next.chain.number).toBe(2);
    expect(next.warnings).toContain(`${next.chain.previousDepositId}, started by an earlier run, is at the agent`);
  });

  test('a full deposit that is due by its age', async () => {
    const o = await atNight();
    await o.push();
    expect((await pushOn(o, 29)).chain).toMatchObject({ number: 1 });
    const due = await pushOn(o, 31);
    expect(due.chain).toMatchObject({ number: 0 });
    expect(due.said).toContain('this is a full deposit: the last one is older than fullEvery');
  });

  test.each([
    ['is not reachable', 14],
    ['loses the connection', 16],
  ])(
    'if it fails since the server %s, the next run makes an increment, with a warning, until one and a half times that age',
    async (_, exit) => {
      const o = await atNight();
      shortly(o);
      await o.push();
      const fail = async (day: number): Promise<void> => {
        if (exit === 14) await o.server.stop();
        else o.server.script = dropped;
        expect((await pushOn(o, day)).code).toBe(exit);
        if (exit === 14) await o.server.start();
        o.server.script = undefined;
      };
      await fail(31);
      const late = await pushOn(o, 32);
      expect(late.chain).toMatchObject({ number: 1 });
      expect(late.said).toContain('a full deposit is due, but the last run failed, so this is another increment');
      await fail(44);
      expect((await pushOn(o, 44.5)).chain).toMatchObject({ number: 2 });
      await fail(45.5);
      expect((await pushOn(o, 46)).chain).toMatchObject({ number: 0 });
    },
  );

  test('a full deposit that is due by the number of increments is not put off by a failure', async () => {
    const o = await atNight();
    shortly(o, { maxIncrements: 1 });
    await o.push();
    await o.push();
    o.server.script = dropped;
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(16);
    o.server.script = undefined;
    expect((await o.push()).chain.number).toBe(0);
  });

  test('after rereadEvery, every file is read whatever its times say, and the receipt tells when that was last', async () => {
    const o = await atNight({ incremental: { ...incremental, rereadEvery: '2d' } });
    const full = await o.push();
    expect(full.chain.lastReadInFull).toBe(full.receipt.startedAt);
    expect((await pushOn(o, 1)).chain).toMatchObject({ number: 1, lastReadInFull: full.receipt.startedAt });
    const { receipt, chain } = await pushOn(o, 3);
    expect(chain).toMatchObject({ number: 2, lastReadInFull: receipt!.startedAt });
    expect((await pushOn(o, 4)).chain).toMatchObject({ number: 3, lastReadInFull: receipt!.startedAt });
  });

  test('a last deposit that is dated in the future is followed by a full one', async () => {
    const o = await atNight();
    expect((await pushOn(o, 3)).code).toBe(0);
    const next = await o.push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toContain('dated in the future');
    expect((await o.push()).chain).toMatchObject({ number: 1, previousDepositId: next.receipt.depositId });
  });
});
