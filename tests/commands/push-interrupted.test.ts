/** A push that gets signals, or in which an error is caught nowhere: what it reports of each arrangement, and its exit code. */
import { expect, test } from 'vitest';
import type { JsonDocument } from '../support/cli.js';
import { begun, deposited, type Fate, judge, push } from './simulated-push.js';

test('after a signal before the first deposit, each arrangement is reported as not begun, with the exit code of the signal', async () => {
  const plan: Fate[] = Array.from({ length: 40 }, () => ({ end: 'deposit', turns: 0 }));
  const ended = await push(plan, [{ what: 'SIGTERM', at: { heard: 'first' } }], ['--json']);
  expect([ended.heard, begun.length, ended.code]).toEqual([['SIGTERM'], 0, 143]);
  const { ok, results } = JSON.parse(ended.stdout) as Required<JsonDocument>;
  expect([ok, results.length]).toEqual([false, 40]);
  for (const result of results)
    expect(result).toMatchObject({
      ok: false,
      begun: false,
      error: { code: 'terminated', exit: 143, message: 'not begun: terminated', published: 'no' },
    });
  judge(plan, ended, true);
});

test('after a signal in the middle, each running arrangement reports that it was interrupted, and the rest were not begun', async () => {
  const plan: Fate[] = [
    { end: 'deposit', turns: 0 },
    { end: 'hang', turns: 0 },
    { end: 'hang', turns: 0 },
    { end: 'deposit', turns: 0 },
    { end: 'skip', turns: 0 },
  ];
  const ended = await push(plan, [{ what: 'SIGINT', at: { deposit: 3 } }], ['--jobs', '2']);
  expect(ended.code).toBe(130);
  expect(
    ended.stderr
      .split('\n')
      .filter((line) => line.startsWith('depot: error:'))
      .sort(),
  ).toEqual([
    ...['a1', 'a2'].map((name) => `depot: error: ${name}: interrupted; nothing was published`),
    ...['a3', 'a4'].map((name) => `depot: error: ${name}: not begun: interrupted; nothing was published`),
  ]);
  expect(ended.stdout).toContain('summary    5 arrangements: 1 deposited, 2 failed, 2 not begun');
  judge(plan, ended, false);
});

test('after a stray rejection, a deposit that goes on regardless stands, but the push exits with 1', async () => {
  const plan: Fate[] = [{ end: 'deaf', turns: 3 }];
  const ended = await push(plan, [{ what: 'rejection', at: { deposit: 1 } }], []);
  expect([...deposited]).toEqual(['a0']);
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(1);
});

test.each([[['--json']], [[]]])(
  'a stray rejection is reported even if it stopped no deposit and another arrangement failed (flags: %j)',
  async (flags) => {
    const plan: Fate[] = [
      { end: 'fail', turns: 0 },
      { end: 'deaf', turns: 3 },
    ];
    const ended = await push(plan, [{ what: 'rejection', at: { deposit: 2 } }], flags);
    expect([ended.code, ended.stderr]).toEqual([
      4,
      expect.stringContaining('depot: error: a defect in depot: stray rejection'),
    ]);
    judge(plan, ended, flags.length > 0);
  },
);

test('a signal too late to stop the deposit, then a stray rejection: the rejection is reported, and the push exits with 1', async () => {
  const plan: Fate[] = [{ end: 'deaf', turns: 3 }];
  const ended = await push(
    plan,
    [
      { what: 'SIGTERM', at: { deposit: 1 } },
      { what: 'rejection', at: { deposit: 1 } },
    ],
    ['--json'],
  );
  expect(ended.heard).toEqual(['SIGTERM', 'rejection']);
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(1);
});

test('a signal that stops the deposit, then a stray rejection: the rejection is reported, and the exit code is that of the signal', async () => {
  const plan: Fate[] = [{ end: 'hang', turns: 0 }];
  const ended = await push(
    plan,
    [
      { what: 'SIGTERM', at: { deposit: 1 } },
      { what: 'rejection', at: { deposit: 1 } },
    ],
    [],
  );
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(143);
  judge(plan, ended, false);
});
