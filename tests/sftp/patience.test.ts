import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { Patience } from '../../src/sftp/patience.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

function clock(limitMs: number): {
  patience: Patience;
  expired: string[];
  begin: (name: string) => () => void;
  holdOff: { ms: number };
} {
  const expired: string[] = [];
  const holdOff = { ms: 0 };
  const patience = new Patience(limitMs, {
    holdOff: () => holdOff.ms,
    error: () => new DepotError('connection-lost', 'quiet'),
  });
  return {
    patience,
    expired,
    holdOff,
    begin: (name) => patience.begin((error) => expired.push(`${name}: ${error.message}`)),
  };
}

test('after the limit without progress, everybody who waits is told once', () => {
  const { expired, begin } = clock(1000);
  begin('a');
  vi.advanceTimersByTime(400);
  begin('b');
  vi.advanceTimersByTime(599);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(5000);
  expect(expired).toEqual(['a: quiet', 'b: quiet']);
});

test('progress restarts the clock', () => {
  const { patience, expired, begin } = clock(1000);
  begin('a');
  for (let i = 0; i < 10; i++) {
    vi.advanceTimersByTime(900);
    patience.progressed();
  }
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(1001);
  expect(expired).toHaveLength(1);
});

test('time in which nobody waits does not count, and does not reset the clock', () => {
  const { patience, expired, begin } = clock(1000);
  for (let i = 0; i < 3; i++) {
    const end = begin('a');
    vi.advanceTimersByTime(300);
    end();
    vi.advanceTimersByTime(3_600_000);
  }
  expect(patience.quietMs).toBe(900);
  begin('b');
  vi.advanceTimersByTime(101);
  expect(expired).toEqual(['b: quiet']);
});

test('the clock holds off while a connection is being made, and shortly after', () => {
  const { patience, expired, begin, holdOff } = clock(1000);
  begin('a');
  holdOff.ms = Infinity;
  vi.advanceTimersByTime(5000);
  expect(expired).toEqual([]);
  holdOff.ms = 200;
  patience.check();
  holdOff.ms = 0;
  vi.advanceTimersByTime(199);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(expired).toHaveLength(1);
});

test('after it expired, the clock starts anew for the cleaning up', () => {
  const { expired, begin } = clock(1000);
  begin('a');
  vi.advanceTimersByTime(1001);
  begin('b');
  vi.advanceTimersByTime(999);
  expect(expired).toHaveLength(1);
});
