/** Random trees, and what happens to them from one night to the next. Seeded: the same numbers give the same tree. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pattern } from '../../support/awkward.js';

/** Numbers from 0 to 1, by mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NAMES = ['a', 'b', 'a.b', 'a b', 'ä', '-rf', "quo'te", 'back\\slash', 'line\nbreak', 'a-', 'Z', '~', 'a!', '%41'];

/** Does `count` things to what is below `root`, each to something that is there by chance. */
export function edit(root: string, next: () => number, count: number): void {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)];
  for (let i = 0; i < count; i++) {
    const paths = below(root);
    const directories = [root, ...paths.filter((path) => lstatSync(path).isDirectory())];
    const files = paths.filter((path) => lstatSync(path).isFile());
    const fresh = join(pick(directories), `${pick(NAMES)}${Math.floor(next() * 4)}`);
    const file = files.length === 0 ? null : pick(files);
    const any = paths.length === 0 ? null : pick(paths);
    const time = 1_700_000_000 + Math.floor(next() * 1e6) + Math.floor(next() * 1e6) / 1e6;
    const seed = Math.floor(next() * 1000);
    switch (Math.floor(next() * 16)) {
      case 0:
      case 1:
        if (!isThere(fresh)) writeFileSync(fresh, pattern(Math.floor(next() * 3000), seed));
        break;
      case 2:
        if (!isThere(fresh)) mkdirSync(fresh);
        break;
      case 3:
        if (!isThere(fresh)) symlinkSync(pick(['target', '../x', '/etc/passwd', 'ü']), fresh);
        break;
      case 4:
        if (file !== null && !isThere(fresh)) linkSync(file, fresh);
        break;
      case 5:
        if (!isThere(fresh)) writeFileSync(fresh, pattern(1_100_000 + Math.floor(next() * 1_500_000), seed));
        break;
      case 6:
      case 7:
        // Something in the middle of a file, so that the rest moves.
        if (file !== null) {
          const content = readFileSync(file);
          const at = Math.floor(next() * content.length);
          writeFileSync(
            file,
            Buffer.concat([
              content.subarray(0, at),
              pattern(seed, seed),
              content.subarray(at + Math.floor(next() * 200)),
            ]),
          );
        }
        break;
      case 8:
        if (file !== null) truncateSync(file, Math.floor(next() * 2 * lstatSync(file).size));
        break;
      case 9:
        if (any !== null) rmSync(any, { recursive: true });
        break;
      case 10:
      case 11:
        // Not into itself.
        if (any !== null && !isThere(fresh) && !fresh.startsWith(`${any}/`)) renameSync(any, fresh);
        break;
      case 12:
        if (file !== null) chmodSync(file, pick([0o600, 0o644, 0o755, 0o4755]));
        break;
      case 13:
        if (any !== null) (lstatSync(any).isSymbolicLink() ? lutimesSync : utimesSync)(any, time, time);
        break;
      case 14:
        // A file that becomes a directory, or the other way round.
        if (any !== null) {
          const wasDirectory = lstatSync(any).isDirectory();
          rmSync(any, { recursive: true });
          if (wasDirectory) writeFileSync(any, pattern(seed, seed));
          else mkdirSync(any);
        }
        break;
      case 15:
        // Two names are exchanged.
        if (file !== null && any !== null && any !== file && !lstatSync(any).isDirectory()) {
          renameSync(file, `${file}.x`);
          renameSync(any, file);
          renameSync(`${file}.x`, any);
        }
    }
  }
}

/** Links that lead nowhere are there, too. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function below(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((found) => {
      const path = join(directory, found.name);
      return found.isDirectory() ? [path, ...below(path)] : [path];
    });
}
