/**
 * A push of any number of arrangements, disturbed at any moment, ends with 0 if and only if each was deposited or had a reason to be skipped.
 * Every other arrangement has its exit code, its line, its run record and its notification.
 */
import fc from 'fast-check';
import { test } from 'vitest';
import { type Disturbance, type Fate, judge, push } from './simulated-push.js';

const fate = fc.record({
  end: fc.constantFrom<Fate['end']>('deposit', 'deposit', 'deposit', 'deaf', 'skip', 'fail', 'break', 'hang', 'no key'),
  turns: fc.nat(4),
});
const disturbance = fc.record({
  what: fc.constantFrom<Disturbance['what']>('SIGHUP', 'SIGINT', 'SIGTERM', 'SIGTERM', 'rejection', 'exception'),
  at: fc.oneof(fc.record({ turns: fc.nat(150) }), fc.record({ deposit: fc.integer({ min: 1, max: 5 }) })),
});

test('exit 0 if and only if each was deposited or skipped for a reason; every other one is reported, recorded and notified', async () => {
  // Not fast-check's own time limit, which would start the next test while a push still runs.
  const until = Date.now() + 15_000;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { minLength: 1, maxLength: 6 }),
      fc.array(disturbance, { maxLength: 2 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (plan, disturbances, jobs, asJson) => {
        if (Date.now() > until) return;
        judge(
          plan,
          await push(plan, disturbances, ['--jobs', String(jobs), ...(asJson ? ['--json'] : [])], true),
          asJson,
        );
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
}, 120_000);
