/** A stand-in for `node:fs` that takes names for one that differ in capitals, or in the composition of accents, as NTFS and APFS do. */
import type * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

type Fs = typeof fs;
export type Fold = (name: string) => string;

export const foldCase: Fold = (name) => name.toLowerCase();
export const foldForm: Fold = (name) => name.normalize('NFC');

/** `real`, but for the functions with which depot looks names up; `fold` says which names are one. */
export function folding(real: Fs, fold: Fold): Fs {
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
  return {
    ...real,
    openSync: first(real.openSync),
    lstatSync: first(real.lstatSync as never),
    opendirSync: first(real.opendirSync),
    mkdirSync: first(real.mkdirSync as never),
    rmdirSync: first(real.rmdirSync),
    unlinkSync: first(real.unlinkSync),
    chmodSync: first(real.chmodSync),
    lutimesSync: first(real.lutimesSync),
    symlinkSync: (target: fs.PathLike, place: fs.PathLike, type?: fs.symlink.Type | null) =>
      real.symlinkSync(target, there(place), type),
    linkSync: (from: fs.PathLike, to: fs.PathLike) => real.linkSync(there(from), there(to)),
    renameSync: (from: fs.PathLike, to: fs.PathLike) => real.renameSync(there(from), there(to)),
    copyFileSync: (from: fs.PathLike, to: fs.PathLike, mode?: number) =>
      real.copyFileSync(there(from), there(to), mode),
  };
}
