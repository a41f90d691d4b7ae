/** A stand-in for `node:fs` that takes names for one that differ in capitals, or in the composition of accents, as NTFS and APFS do. */
import type * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

type Fs = typeof fs;
export type Fold = (name: string) => string;

export const foldCase: Fold = (name) => name.toLowerCase();
export const foldForm: Fold = (name) => name.normalize('NFC');

/** `real`, but for the functions with which depot looks names up; `fold` says which names are one, `refuses` which are none. */
export function folding(real: Fs, fold: Fold, refuses: (name: string) => boolean = () => false): Fs {
  const taken = (place: fs.PathLike): fs.PathLike => {
    if (refuses(basename(String(place)))) throw Object.assign(new Error('no such name'), { code: 'EINVAL' });
    return there(place);
  };
  const there = (place: fs.PathLike): fs.PathLike => {
    const text = Buffer.isBuffer(place) ? place.toString() : String(place);
    return Buffer.from(text).equals(Buffer.isBuffer(place) ? place : Buffer.from(text)) ? found(text) : place;
  };
  const found = (path: string): string => {
    if (path === '/' || path === '.' || path === dirname(path)) return path;
    const directory = found(dirname(path));
    const name = basename(path);
    let names: string[] = [];
    try {
      names = real.readdirSync(directory);
    } catch {
      // Then the real function says what is wrong.
    }
    const same = names.includes(name) ? name : names.find((one) => fold(one) === fold(name));
    return join(directory, same ?? name);
  };
  const first = <F extends (place: fs.PathLike, ...rest: never[]) => unknown>(work: F): F =>
    ((place: fs.PathLike, ...rest: never[]) => work(there(place), ...rest)) as F;
  const named = <F extends (place: fs.PathLike, ...rest: never[]) => unknown>(work: F): F =>
    ((place: fs.PathLike, ...rest: never[]) => work(taken(place), ...rest)) as F;
  return {
    ...real,
    openSync: named(real.openSync as never),
    writeFileSync: named(real.writeFileSync as never),
    lstatSync: named(real.lstatSync as never),
    readdirSync: first(real.readdirSync as never),
    mkdirSync: named(real.mkdirSync as never),
    rmdirSync: first(real.rmdirSync),
    unlinkSync: first(real.unlinkSync),
    chmodSync: first(real.chmodSync),
    lutimesSync: first(real.lutimesSync),
    symlinkSync: (target: fs.PathLike, place: fs.PathLike, type?: fs.symlink.Type | null) =>
      real.symlinkSync(target, taken(place), type),
    linkSync: (from: fs.PathLike, to: fs.PathLike) => real.linkSync(there(from), taken(to)),
    renameSync: (from: fs.PathLike, to: fs.PathLike) => real.renameSync(there(from), taken(to)),
    copyFileSync: (from: fs.PathLike, to: fs.PathLike, mode?: number) =>
      real.copyFileSync(there(from), there(to), mode),
  };
}
