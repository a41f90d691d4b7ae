/** `node:fs` on a file system that takes two names for one where they differ in capitals or in how accents are encoded, as NTFS, exFAT and APFS do. */
import type * as fs from 'node:fs';

const folded = (name: string): string => name.normalize('NFC').toLowerCase();

export function foldingFs(real: typeof fs): typeof fs {
  /** The path under the names that are there. */
  const there = (path: string | Buffer): string | Buffer => {
    const parts = path.toString().split('/');
    for (let i = 1; i < parts.length; i++) {
      if (parts[i] === '') continue;
      let names: string[];
      try {
        names = real.readdirSync(parts.slice(0, i).join('/') || '/');
      } catch {
        break;
      }
      parts[i] =
        names.find((name) => name === parts[i]) ?? names.find((name) => folded(name) === folded(parts[i])) ?? parts[i];
    }
    return parts.join('/');
  };
  const call = (name: string, ...args: unknown[]): unknown =>
    (real as unknown as Record<string, (...args: unknown[]) => unknown>)[name](...args);
  const replaced: Record<string, unknown> = {};
  for (const name of [
    'openSync',
    'lstatSync',
    'statSync',
    'mkdirSync',
    'opendirSync',
    'unlinkSync',
    'rmdirSync',
    'chmodSync',
    'lutimesSync',
  ])
    replaced[name] = (path: string, ...rest: unknown[]) => call(name, there(path), ...rest);
  for (const name of ['linkSync', 'renameSync', 'copyFileSync'])
    replaced[name] = (from: string, to: string, ...rest: unknown[]) => call(name, there(from), there(to), ...rest);
  replaced['symlinkSync'] = (target: string, path: string) => call('symlinkSync', target, there(path));
  return { ...real, ...replaced };
}
