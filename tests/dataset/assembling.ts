/** Chains that are unpacked and put together, for tests of that. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { assemble, type AssembleOptions } from '../../src/dataset/assemble/assemble.js';
import { LocalNames } from '../../src/dataset/extract/local-names.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { sandbox, unpack } from '../support/extraction.js';
import { incrementTar, type Increment, type Step } from '../support/increment-tar.js';

export const refused = expect.objectContaining({ code: 'archive-refused' });
export const deposits = Array.from({ length: 9 }, (_, n) => ({
  depositId: `acme-crm_20261122T00300${n}Z_5f0c9a1e77b2d410`,
  bytes: 1,
  sha256: String(n).repeat(64),
}));

export type Night = Partial<Increment> & { steps: Step[] };

/** Opens a chain; `out` holds the dataset then. */
export function restore(
  members: Member[],
  nights: Night[],
  o: Partial<AssembleOptions> = {},
  sources = ['crm', 'dump'],
) {
  const { out, beside } = sandbox();
  const work = join(out, '.depot-work');
  const names = new Map<string, LocalNames>();
  const unpackTo = (directory: string, tar: Buffer) => {
    const own = new LocalNames();
    names.set(directory, own);
    unpack(tar, directory, own);
  };
  if (!o.salvage?.missing.includes(0)) unpackTo(out, depotTar(members).tar);
  mkdirSync(work);
  nights.forEach((night, i) => {
    if (o.salvage?.missing.includes(i + 1)) return;
    const directory = join(work, String(i + 1));
    mkdirSync(directory);
    unpackTo(directory, incrementTar({ chain: { sources, deposits: deposits.slice(0, i + 1) }, ...night }));
  });
  const done = assemble({
    directory: out,
    work,
    increments: nights.length,
    sources,
    names,
    warn: () => undefined,
    progress: () => undefined,
    ...o,
  });
  expect(beside()).toEqual(['outside']);
  return { out, done };
}

/** Every path below `data`, with its kind, mode and content. */
export function listing(out: string, path = 'data'): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(out, path))
      .sort()
      .flatMap((name) => {
        const below = `${path}/${name}`;
        const found = lstatSync(join(out, below));
        const mode = (found.mode & 0o7777).toString(8);
        if (found.isSymbolicLink()) return [[below, `-> ${readlinkSync(join(out, below))}`]];
        if (found.isDirectory()) return [[below, mode], ...Object.entries(listing(out, below))];
        return [[below, `${mode} ${readFileSync(join(out, below), 'utf8')}`]];
      }),
  );
}

export const crm: Member = { path: 'data/crm', type: 'directory' };
export const sub: Member = { path: 'data/crm/sub', type: 'directory', mode: 0o700 };
export const first: Member[] = [
  crm,
  { path: 'data/crm/a', body: 'a of the first' },
  { path: 'data/crm/b', body: 'b of the first', mode: 0o600 },
  { path: 'data/crm/link', type: 'symlink', link: 'a' },
  sub,
  { path: 'data/crm/sub/x', body: 'x of the first' },
  { path: 'data/dump', body: '0123456789'.repeat(50), partBytes: 130 },
];
