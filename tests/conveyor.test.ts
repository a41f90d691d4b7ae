/** Both ends in one thread; tests/open/beside.test.ts has them in two. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Feeder, newConveyor, Taker } from '../src/conveyor.js';
import { DepotError } from '../src/errors.js';

let ends: ReturnType<typeof newConveyor>;
let to: Feeder<number, string>;
let from: Taker<number, string>;

beforeEach(() => {
  ends = newConveyor(3, 1000);
  to = new Feeder(ends.filling);
  from = new Taker(ends.emptying);
});
afterEach(() => ends.filling.port.close());

const passed = (note: number): Uint8Array<ArrayBuffer> => {
  const block = new Uint8Array(to.memory(), 0, note + 1).fill(note);
  to.pass(block, note);
  return block;
};
const waits = async (promise: Promise<unknown>): Promise<boolean> => {
  const turns = new Promise((done) => setTimeout(done, 20));
  return (await Promise.race([promise.then(() => 'done'), turns])) !== 'done';
};

test('blocks arrive in order, with their notes, and then the end, whichever way the taker waits', async () => {
  for (const note of [0, 1, 2]) passed(note);
  to.end();
  expect((await from.next())?.bytes).toEqual(Uint8Array.of(0));
  expect(await from.next()).toEqual({ bytes: Uint8Array.of(1, 1), note: 1 });
  expect((await from.next())?.note).toBe(2);
  expect([await from.next(), await from.next()]).toEqual([null, null]);

  const other = newConveyor(3, 1000);
  const filling = new Feeder(other.filling);
  filling.pass(Uint8Array.of(7));
  filling.end();
  const emptying = new Taker(other.emptying);
  expect([emptying.nextHere()?.bytes[0], emptying.nextHere()]).toEqual([7, null]);
});

test('a block that was passed on or given back is empty, so that nobody reads the next bytes in it by mistake', async () => {
  const block = passed(5);
  expect(block.length).toBe(0);
  const { bytes } = (await from.next())!;
  from.done(bytes);
  expect(bytes.length).toBe(0);
});

test('the feeder waits while all blocks are under way; they come back in any order, and their memory is used again', async () => {
  for (const note of [0, 1, 2]) {
    await to.ready();
    passed(note);
  }
  const ready = to.ready();
  expect(await waits(ready)).toBe(true);
  const [, second] = [await from.next(), (await from.next())!];
  from.done(second.bytes);
  await ready;
  expect(new Uint8Array(to.spare()!)[0]).toBe(1);
  expect(to.spare()).toBeUndefined();
  expect(to.memory().byteLength).toBe(1000);
});

test('a block that the taker keeps makes room for another without coming back', async () => {
  for (const note of [0, 1, 2]) passed(note);
  const { bytes } = (await from.next())!;
  from.keep();
  await to.ready();
  expect([to.spare(), bytes[0]]).toEqual([undefined, 0]);
});

test('an answer comes back with the block', () => {
  passed(0);
  from.done(from.nextHere()!.bytes, 'digest');
  to.settleHere();
  expect(to.answer).toBe('digest');
});

const ours = new DepotError('local-disk-full', 'no room', { hint: 'make some' });
const theirs = Object.assign(new Error('bad descriptor'), { code: 'EBADF' });

test.each([
  ['of ours', ours, { code: 'local-disk-full', message: 'no room', hint: 'make some' }],
  ['of the system', theirs, { code: 'EBADF', message: 'bad descriptor' }],
])('an error %s at either end is thrown at the other from then on', async (_, error, expected) => {
  const next = from.next();
  to.fail(error);
  await expect(next).rejects.toMatchObject(expected);
  await expect(from.next()).rejects.toMatchObject(expected);

  from.fail(error);
  expect(() => to.settleHere()).toThrow(expect.objectContaining(expected));
  await expect(to.ready()).rejects.toMatchObject(expected);
});

test('an end that gives up stops waiting', async () => {
  const next = from.next();
  from.giveUp(new Error('interrupted'));
  await expect(next).rejects.toThrow('interrupted');
});
