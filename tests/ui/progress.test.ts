import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type Amounts, shareOf, timeLeft } from '../../src/ui/expected.js';
import { Progress } from '../../src/ui/progress.js';
import { bytesText, clockText, percentText, progressText, waitingText } from '../../src/ui/progress-text.js';
import { SteadyEta, SteadyRate } from '../../src/ui/steady.js';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const amounts = { entries: 202, datasetBytes: 27.1 * MiB, sealedBytes: 7 * MiB, acknowledgedBytes: MiB };

describe('the line of a push', () => {
  const at = (columns: number, p: Amounts, left: number | null = 48_000, name = 'acme-crm'): string =>
    progressText(name, p, 1.2 * MiB, left, columns - 4);

  test('says what was read, encrypted and uploaded, and the time left; without a size to go by, no percentage', () => {
    expect(progressText('acme-crm', amounts, null, null)).toBe(
      'acme-crm: 202 entries, 27.1 MiB read, 7.0 MiB encrypted, 1.0 MiB uploaded',
    );
    const known = { ...amounts, totalBytes: 54.2 * MiB };
    expect(progressText('acme-crm', known, 1.2 * MiB, 48_000)).toBe(
      'acme-crm: 202 entries, 27.1 MiB of 54.2 MiB read, 7.0 MiB encrypted, 1.0 MiB uploaded (7 %), 1.2 MiB/s, 0:48 left',
    );
  });

  test('has the percentage behind what was read as long as nothing is uploaded, and in a dry run', () => {
    const total = { totalBytes: 54.2 * MiB };
    expect(progressText('acme-crm', { ...amounts, ...total, sealedBytes: 0, acknowledgedBytes: 0 }, null, null)).toBe(
      'acme-crm: 202 entries, 27.1 MiB of 54.2 MiB read (50 %)',
    );
    expect(progressText('acme-crm', { ...amounts, ...total, acknowledgedBytes: null }, null, null)).toBe(
      'acme-crm: 202 entries, 27.1 MiB of 54.2 MiB read (50 %), 7.0 MiB encrypted',
    );
  });

  test('leaves out what matters least where there is little room, never percentage and time left', () => {
    const last = { datasetBytes: 54.2 * MiB, suitcaseBytes: 14 * MiB };
    const p = { ...amounts, last, limits: [{ spans: [], otherwise: 4 * MiB }] };
    expect(at(130, p)).toBe(
      'acme-crm: 202 entries, 27.1 MiB read, 7.0 MiB encrypted, 1.0 MiB uploaded (~7 %), 1.2 MiB/s (limit 4.0 MiB/s), 0:48 left',
    );
    expect(at(100, p)).toBe(
      'acme-crm: 27.1 MiB read, 7.0 MiB encrypted, 1.0 MiB uploaded (~7 %), 1.2 MiB/s, 0:48 left',
    );
    expect(at(80, p)).toBe('acme-crm: 27.1 MiB read, 1.0 MiB uploaded (~7 %), 1.2 MiB/s, 0:48 left');
    expect(at(80, { ...p, totalBytes: 54.2 * MiB })).toBe(
      'acme-crm: 27.1 MiB read, 1.0 MiB uploaded (~7 %), 1.2 MiB/s, 0:48 left',
    );
    expect(at(60, p)).toBe('acme-crm: 1.0 MiB uploaded (~7 %), 0:48 left');
    expect(at(32, p)).toBe('acme-crm: ~7 %, 0:48 left');
  });

  test.each([80, 60, 40, 24])('is whole on %i columns with the largest numbers and a long name', (columns) => {
    const large = { entries: 123_456_789, datasetBytes: 1023.9 * GiB, sealedBytes: 1023.8 * GiB };
    const p = { ...large, acknowledgedBytes: 999.9 * GiB, totalBytes: 1023.95 * GiB };
    for (const name of ['a', 'acme-crm', 'gemeente-voorbeeld-zaaksysteem-productie']) {
      const line = at(columns, p, 47 * 3_600_000, name);
      expect(line.length, line).toBeLessThanOrEqual(columns - 4);
      expect(line).toMatch(/97 %.*, 47:00:00 left$/);
    }
  });

  test('of a suitcase that is already sealed is about the upload alone', () => {
    const sealed = { entries: 0, datasetBytes: 0, sealedBytes: GiB, suitcaseBytes: GiB };
    expect(progressText('acme-crm', { ...sealed, acknowledgedBytes: GiB / 4 }, MiB, 768_000)).toBe(
      'acme-crm: 1.0 GiB encrypted, 256.0 MiB uploaded (25 %), 1.0 MiB/s, 12:48 left',
    );
  });
});

describe('how far a push is', () => {
  const last = { datasetBytes: 1000, suitcaseBytes: 500 };
  const p = { entries: 1, datasetBytes: 500, sealedBytes: 250, acknowledgedBytes: 100 };

  test('is told by the last deposit, and marked as a guess', () => {
    expect(shareOf({ ...p, last })).toEqual({ done: 0.2, isGuess: true });
    expect(percentText({ done: 0.2, isGuess: true })).toBe('~20 %');
  });

  test('is never more than 99 % before the end, nor more than 97 % of a dataset that has outgrown the last one', () => {
    expect(percentText({ done: 1, isGuess: false })).toBe('99 %');
    const grown = { ...p, datasetBytes: 3000, sealedBytes: 1500, acknowledgedBytes: 1500, last };
    expect(shareOf({ ...grown, acknowledgedBytes: null })!.done).toBeCloseTo(0.97);
    expect(shareOf(grown)!.done).toBeCloseTo(0.97, 1);
    expect(timeLeft(grown, { sent: 1, read: 1 }, 0), 'how much more, nobody knows').toBeNull();
  });

  test('is exact once the suitcase is sealed, and where the sources have a size', () => {
    expect(shareOf({ ...p, last, suitcaseBytes: 200 })).toEqual({ done: 0.5, isGuess: false });
    expect(shareOf({ ...p, totalBytes: 1000 })).toEqual({ done: 0.2, isGuess: false });
    expect(shareOf({ ...p, totalBytes: 0, datasetBytes: 0, sealedBytes: 0 })).toEqual({ done: 1, isGuess: false });
  });

  test('is what was read for an increment of which nothing is new yet', () => {
    const increment = { ...p, sealedBytes: 0, acknowledgedBytes: 0, last: { ...last, suitcaseBytes: null } };
    expect(shareOf(increment)).toEqual({ done: 0.5, isGuess: true });
    expect(timeLeft(increment, { sent: 0, read: 100 }, 0)).toBe(5000);
  });

  test('is not told without a last deposit, where the sources have no size', () => {
    expect(shareOf(p)).toBeNull();
    expect(timeLeft(p, { sent: 1, read: 1 }, 0)).toBeNull();
  });

  test('promises no time while it is not known how much of the dataset made what is sealed', () => {
    const sent = { entries: 1, totalBytes: 61 * MiB, sealedBytes: 24 * MiB, acknowledgedBytes: 18 * MiB };
    const limits = [{ spans: [], otherwise: 4 * MiB }];
    const left = (datasetBytes: number): number | null =>
      timeLeft({ ...sent, datasetBytes, limits }, { sent: 4 * MiB, read: null }, Date.now());
    expect(left(0)).toBeNull();
    expect(left(24 * MiB)).toBeCloseTo(((61 - 18) / 4) * 1000, 5);
  });

  test('takes as long as the slower of reading and sending', () => {
    const total = { ...p, totalBytes: 1000 };
    expect(timeLeft(total, { sent: 10, read: 50 }, 0), 'reading: little waits to be sent').toBe(10_000);
    const waiting = { ...total, datasetBytes: 50 * MiB, sealedBytes: 25 * MiB, totalBytes: 100 * MiB };
    expect(timeLeft({ ...waiting, acknowledgedBytes: 10 * MiB }, { sent: MiB, read: 99 * MiB }, 0)).toBe(40_000);
  });
});

test('verify and decrypt have a percentage and the time left, where the file has a size', () => {
  expect(bytesText('verifying', 12 * GiB, 51 * GiB, 480 * MiB, 81_000)).toBe(
    'verifying: 12.0 GiB of 51.0 GiB (23 %), 480.0 MiB/s, 1:21 left',
  );
  expect(bytesText('verifying', 12 * GiB, 51 * GiB, 480 * MiB, 81_000, 50)).toBe(
    'verifying: 12.0 GiB of 51.0 GiB (23 %), 1:21 left',
  );
  expect(bytesText('verifying', 12 * GiB, null, 480 * MiB, null)).toBe('verifying: 12.0 GiB, 480.0 MiB/s');
});

test('a lost connection says since when and until when it is waited for, and what stops that', () => {
  const w = { address: '203.0.113.10:22', since: '01:12:33', until: '01:42:33' };
  const at = (columns: number): string => waitingText('acme-crm', w, columns - 4);
  expect(at(100)).toBe('acme-crm: 203.0.113.10:22 unreachable since 01:12:33; trying until 01:42:33; Ctrl-C to stop');
  expect(at(80)).toBe('acme-crm: unreachable since 01:12:33; trying until 01:42:33; Ctrl-C to stop');
  expect(at(40)).toBe('unreachable; trying until 01:42:33');
});

test('a time left reads like a clock', () => {
  expect([900, 48_000, 725_000, 3_720_000, 200_000_000].map(clockText)).toEqual([
    '0:01',
    '0:48',
    '12:05',
    '1:02:00',
    '2 d 7 h',
  ]);
});

describe('the figures', () => {
  test('a time left counts down and does not jump with the rate', () => {
    const eta = new SteadyEta();
    const total = 1_000_000_000;
    expect(eta.left(total, null, 0)).toBeNull();
    expect(eta.left(total, 1_000_000, 1000), 'one second is too short for a forecast').toBeNull();
    const shown: number[] = [];
    for (let s = 3; s < 300; s++) {
      // The measured rate of a link goes up and down by a twentieth.
      shown.push(eta.left(total - s * 1_000_000, 1_000_000 * (1 + 0.05 * Math.sin(s)), s * 1000)!);
    }
    const ups = shown.filter((ms, i) => i > 0 && ms > shown[i - 1]).length;
    expect(ups, 'it never goes up').toBe(0);
    expect(shown[0]).toBe(17 * 60_000);
    expect(shown.at(-1)! / 1000).toBeGreaterThan(600);
    expect(eta.left(700_000_000, 100_000, 301_000), 'a real change of the rate shows at once').toBe(7_020_000);
  });

  test('a rate is there from the second measurement on, and a short stall hardly changes it', () => {
    const rate = new SteadyRate();
    rate.sample(0, 0);
    expect(rate.perSecond).toBeNull();
    for (let s = 1; s <= 60; s++) rate.sample(s * 1_000_000, s * 1000);
    expect(rate.perSecond).toBeCloseTo(1_000_000, -2);
    rate.sample(60_000_000, 62_000);
    expect(rate.perSecond).toBeGreaterThan(800_000);
  });

  test('a rate begins anew with the next file', () => {
    const rate = new SteadyRate();
    rate.sample(0, 0);
    rate.sample(1_000_000, 1000);
    rate.sample(1000, 1300);
    expect(rate.perSecond).toBeNull();
    rate.sample(501_000, 2300);
    expect(rate.perSecond).toBeCloseTo(500_000, -1);
  });
});

test('while there is no connection the line says so, and afterwards it has the amounts again', () => {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 80,
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
  });
  let written = '';
  stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const progress = new Progress(stream as unknown as NodeJS.WriteStream, { color: false, redraws: true });
  const line = (): string => {
    // What was drawn last.
    written = '';
    progress.pause()();
    return written;
  };
  progress.phase('acme-crm', 'sealing');
  progress.update({ ...amounts, acknowledgedBytes: 0 }, 1000);
  expect(line()).toContain('27.1 MiB read');
  progress.waiting('acme-crm', { address: '10.20.0.5:22', since: '01:12:33', until: '01:42:33' });
  progress.update(amounts, 2000);
  progress.phase('acme-crm', 'uploading');
  expect(line()).toContain('unreachable since 01:12:33; trying until 01:42:33; Ctrl-C to stop');
  progress.waiting('acme-crm', null);
  progress.update(amounts, 3000);
  expect(line()).toContain('27.1 MiB read');
  progress.stop();
});
