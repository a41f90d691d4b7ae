import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const MIB = 1 << 20;

/** Datasets are made on the spot, the same every time, and kept for the next run in the same work directory. */
export function dataset(work: string, name: string, fill: (directory: string) => void): string {
  const directory = join(work, 'data', name);
  if (existsSync(directory)) return directory;
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  fill(partial);
  renameSync(partial, directory);
  return directory;
}

/** One file that does not compress: the key stream of a cipher. */
export function noise(mebibytes: number): (directory: string) => void {
  return (directory) => {
    const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
    const zeros = Buffer.alloc(MIB);
    writeAll(join(directory, 'noise.bin'), mebibytes, () => cipher.update(zeros));
  };
}

/** Text as pg_dump writes it: COPY lines with ids, names, amounts and times. */
export function sql(mebibytes: number): (directory: string) => void {
  const words =
    'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua'.split(
      ' ',
    );
  let row = 0;
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  const line = (): string => {
    row++;
    const text = Array.from({ length: 6 + random(10) }, () => words[random(words.length)]).join(' ');
    return `${row}\t${random(1e9)}\t${words[random(words.length)]}@example.com\t${random(100000) / 100}\t2026-${1 + random(12)}-${1 + random(28)} ${random(24)}:${random(60)}:${random(60)}.${random(1e6)}\t${text}\t\\N\tt\n`;
  };
  return (directory) =>
    writeAll(join(directory, 'dump.sql'), mebibytes, () => {
      let block = '';
      while (block.length < MIB) block += line();
      return Buffer.from(block.slice(0, MIB), 'latin1');
    });
}

/** Many files of about 1 KiB, a thousand to a directory; the last `linked` of them are hard links to earlier ones. */
export function small(count: number, { linked = 0, inOneDirectory = false } = {}): (directory: string) => void {
  return (directory) => {
    const fresh = count - linked;
    const perDirectory = inOneDirectory ? count : 1000;
    const nameOf = (i: number): string => nameOfSmall(directory, i, perDirectory);
    for (let i = 0; i < count; i++) {
      if (i % perDirectory === 0) mkdirSync(join(nameOf(i), '..'));
      if (i >= fresh) linkSync(nameOf(i - fresh), nameOf(i));
      else writeFileSync(nameOf(i), contentOf(i));
    }
  };
}

export function nameOfSmall(directory: string, i: number, perDirectory = 1000): string {
  return join(
    directory,
    `d${String(Math.floor(i / perDirectory)).padStart(4, '0')}`,
    `f${String(i % perDirectory).padStart(3, '0')}.json`,
  );
}

/** 700 to 1,300 bytes, half of them text that repeats. */
export function contentOf(i: number): string {
  const digest = createHash('sha512').update(String(i)).digest('base64');
  return `{"id": ${i}, "token": "${digest}", "note": "${'customer record '.repeat(30 + (digest.charCodeAt(0) % 32))}"}\n`;
}

function writeAll(path: string, mebibytes: number, block: () => Uint8Array): void {
  const fd = openSync(path, 'w');
  for (let i = 0; i < mebibytes; i++) writeSync(fd, block());
  closeSync(fd);
}
