import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/cli.js';
import { type TargetName } from './targets.js';

/** mulberry32: small, and the same numbers everywhere for the same seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** The seeds of the corpus for this target, in the order of their names. */
export function corpus(target: TargetName): Buffer[] {
  const folders = target === 'tar' ? ['fuzz/tar', 'hostile-tar'] : [`fuzz/${target}`];
  return folders.flatMap((folder) => {
    const directory = join(checkout, 'test-fixtures', folder);
    return readdirSync(directory)
      .sort()
      .map((name) => readFileSync(join(directory, name)));
  });
}

const interesting = [0, 1, 0x0a, 0x22, 0x2f, 0x5c, 0x7f, 0x80, 0xc0, 0xe0, 0xfe, 0xff];
const LARGEST = 1 << 18;

/** The input that belongs to this seed: a changed member of the corpus, or now and then any bytes at all. */
export function inputOf(seeds: Buffer[], seed: number): Uint8Array<ArrayBuffer> {
  const random = numbers(seed);
  if (random(20) === 0) return Uint8Array.from({ length: random(2000) }, () => random(256));
  const pick = (): Buffer => seeds[random(seeds.length)];
  let bytes = Uint8Array.from(pick());
  for (let changes = 1 + random(6); changes > 0; changes--) bytes = change(bytes, random, pick);
  return bytes.slice(0, LARGEST);
}

function change(
  bytes: Uint8Array<ArrayBuffer>,
  random: (below: number) => number,
  pick: () => Buffer,
): Uint8Array<ArrayBuffer> {
  const at = random(bytes.length + 1);
  const length = Math.min(bytes.length - at, random(4) === 0 ? random(bytes.length + 1) : random(16));
  const joined = (...pieces: Uint8Array[]): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.concat(pieces));
  switch (random(8)) {
    case 0:
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << random(8)) : byte));
    case 1:
      return bytes.map((byte, i) => (i === at ? interesting[random(interesting.length)] : byte));
    case 2:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 3:
      return joined(bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at));
    case 4:
      return joined(
        bytes.subarray(0, at),
        Uint8Array.from({ length: random(8) }, () => random(256)),
        bytes.subarray(at),
      );
    case 5:
      return bytes.slice(0, at);
    case 6: {
      const other = pick();
      const from = random(other.length + 1);
      return joined(bytes.subarray(0, at), other.subarray(from, from + random(200)), bytes.subarray(at));
    }
    default:
      return bytes.map((byte, i) => (i >= at && i < at + length ? random(256) : byte));
  }
}
