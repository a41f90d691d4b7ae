/** kill -9 at every named step of a push: after each, laws 3 and 8 of docs/architecture.md hold, and the next push settles it. */
import { describe, expect, test } from 'vitest';
import { stepNames, type Step } from '../../src/push/steps.js';
import { Scene } from './scene.js';

const onlyWithSpool: Step[] = ['first-block-spooled', 'spool-verified', 'checkpoint-written'];
const onlyOfEarlierRuns: Step[] = ['earlier-receipt-filed', 'resumed', 'settled-earlier'];
/** Steps from which on the killed run's deposit counts, or is finished by the next run, which then makes a second one. */
const survives: Step[] = [
  'draft-written',
  'published',
  'outcome-written',
  'receipt-filed',
  'sidecars-pending',
  'sidecar-delivered',
  'settled',
];
const plain = stepNames.filter((name) => !onlyWithSpool.includes(name) && !onlyOfEarlierRuns.includes(name));

async function settled(scene: Scene, expected: string): Promise<void> {
  await scene.checkLaws();
  const next = await scene.push({ inside: true });
  expect(next.exit, JSON.stringify(next)).toBe(0);
  expect(scene.atAgent()).toBe(expected);
  expect(await scene.pending()).toEqual([]);
  expect(scene.supplier.stateFiles('spool')).toEqual([]);
  expect(scene.receipts().map((receipt) => receipt.transfer.status)).toEqual(
    scene.receipts().map(() => 'acknowledged'),
  );
  await scene.checkLaws();
}

describe('the next push settles a push that was killed at', () => {
  test.each(plain)('%s', async (step) => {
    const scene = await Scene.create({ bytes: 200_000 });
    expect((await scene.push({ at: step })).exit).toBe('killed');
    await settled(scene, survives.includes(step) ? '2 × deposit' : 'deposit');
  });
});

describe('with a spool, the next push settles a push that was killed at', () => {
  test.each([...plain, ...onlyWithSpool])('%s', async (step) => {
    const scene = await Scene.create({ bytes: 14_000_000, supplier: { arrangement: { spool: true } } });
    expect((await scene.push({ at: step })).exit).toBe('killed');
    // What was only sealed becomes the next run's own deposit; what had its draft is a deposit of the killed run.
    await settled(scene, survives.includes(step) ? '2 × deposit' : 'deposit');
  });
});

describe('the next push settles a push that was killed while it settled an earlier one', () => {
  test.each<[Step, Step, string]>([
    ['published', 'earlier-receipt-filed', '2 × deposit'],
    ['published', 'settled-earlier', '2 × deposit'],
    ['partial-created', 'settled-earlier', 'deposit'],
    ['draft-written', 'outcome-written', '2 × deposit'],
  ])('first at %s, then at %s', async (first, second, expected) => {
    const scene = await Scene.create({ bytes: 200_000 });
    expect((await scene.push({ at: first })).exit).toBe('killed');
    expect((await scene.push({ at: second })).exit).toBe('killed');
    await settled(scene, expected);
  });

  test.each<[Step, string]>([
    ['spool-verified', 'deposit'],
    ['partial-created', 'deposit'],
    ['draft-written', '2 × deposit'],
    ['receipt-filed', '2 × deposit'],
    ['resumed', '2 × deposit'],
  ])('with a spool: first at checkpoint-written, then at %s', async (step, expected) => {
    const scene = await Scene.create({ bytes: 14_000_000, supplier: { arrangement: { spool: true } } });
    expect((await scene.push({ at: 'checkpoint-written' })).exit).toBe('killed');
    expect((await scene.push({ at: step })).exit).toBe('killed');
    await settled(scene, expected);
  });
});

test('a push passes every step that is tested', () => {
  expect(new Set([...plain, ...onlyWithSpool, ...onlyOfEarlierRuns])).toEqual(new Set(stepNames));
});
