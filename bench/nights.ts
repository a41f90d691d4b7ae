/**
 * Night after night: what a tool sends, and how long it takes, when little has changed since the night before.
 * The cases have names that begin with `nights:`. Every tool keeps its own repository of the same tree, and all see the same changes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Case, Contender } from './case.js';
import { depotKeepers, homeOf, otherKeepers, type Keeper } from './keepers.js';
import {
  LargeFileTree,
  RewrittenTree,
  SmallFilesTree,
  SupplierTree,
  supplier,
  type Size,
  type Tree,
} from './nights-data.js';
import type { Bench } from './peers.js';

/** `scale`: 1 for the whole dataset. */
export function nightCases(scale: number): Case[] {
  const size: Size = {
    rows: Math.round(supplier.rows * scale),
    attachments: Math.round(supplier.attachments * scale),
    media: Math.ceil(supplier.media * scale),
  };
  const files = Math.round(1_000_000 * scale);
  const large = Math.round(16_384 * scale);
  const plain = (directory: string): Tree => new SupplierTree(directory, size);
  const all = [...depotKeepers, ...otherKeepers];
  return [
    night('nights: the first', plain, 0, all),
    night('nights: the second, loopback', plain, 1, all),
    { ...night('nights: the second, 40 ms, 100 Mbit/s', plain, 1, all), roundTripMs: 40, megabits: 100 },
    night('nights: the second, dump renamed', (d) => new SupplierTree(d, size, 'dated'), 1, all),
    night('nights: the second, block moved', (d) => new SupplierTree(d, size, 'moved'), 1, all),
    night('nights: the second, attachments rewritten', (d) => new RewrittenTree(d, size), 1, all),
    night(`nights: the second of ${files} small files`, (d) => new SmallFilesTree(d, files), 1, all),
    night('nights: the thirtieth', plain, 29, all),
    restore('nights: restore of the second', plain, 2, all),
    restore('nights: restore of the thirtieth', plain, 30, all),
    night(`nights: the second of ${large} MiB, memory`, (d) => new LargeFileTree(d, large), 1, depotKeepers),
    restore(
      `nights: restore of the second of ${large} MiB, memory`,
      (d) => new LargeFileTree(d, large),
      2,
      depotKeepers,
    ),
    restore(
      `nights: restore of the second of ${files} small files`,
      (d) => new SmallFilesTree(d, files),
      2,
      depotKeepers,
    ),
    bounds('nights: differences of the second dump alone', size),
  ];
}

/** The tree of a case: the directory has the same name in every case, and in no two at once. */
const treeDirectory = (b: Bench): string => join(b.work, 'nights', 'tree');

/** The night after `earlier` others. */
function night(name: string, tree: (directory: string) => Tree, earlier: number, keepers: Keeper[]): Case {
  return {
    name,
    nights: { tree: (b) => tree(treeDirectory(b)), earlier, changes: earlier > 0 },
    contenders: (b) => keepers.map((keeper) => keeping(b, keeper, earlier)),
  };
}

function keeping(b: Bench, keeper: Keeper, earlier: number): Contender {
  const home = homeOf(b, keeper);
  const data = treeDirectory(b);
  const kept = `${dirname(home.server)}.kept`;
  const fresh = `rm -rf ${dirname(home.server)} && mkdir -p ${home.server} ${home.local} && ${keeper.create(b, home, data)}`;
  // What is at the server is never written to again, so a second name for each file is enough.
  const again = `if [ ! -e ${kept} ]; then mv ${dirname(home.server)} ${kept}; fi && rm -rf ${dirname(home.server)} && mkdir ${dirname(home.server)} && cp -al ${kept}/server ${home.server} && cp -a ${kept}/local ${home.local}`;
  const clear = keeper.clear?.(home) ?? 'true';
  return {
    name: keeper.name,
    needs: keeper.needs,
    stored: home.server,
    local: home.local,
    earlier: (night) =>
      `${night === 1 ? `rm -rf ${kept} && ( ${fresh} ) && ` : ''}${clear} && ( ${keeper.keep(b, home, data)} )`,
    before: () => `( ${earlier === 0 ? fresh : again} ) && ${clear}`,
    script: () => keeper.keep(b, home, data),
    end: () => [dirname(home.server), kept].forEach((path) => rmSync(path, { recursive: true, force: true })),
  };
}

/** A restore to a new directory of the last of `earlier` nights, on a machine that has seen none of them. */
function restore(name: string, tree: (directory: string) => Tree, earlier: number, keepers: Keeper[]): Case {
  return {
    name,
    nights: { tree: (b) => tree(treeDirectory(b)), earlier, changes: false },
    contenders: (b) =>
      keepers.map((keeper) => {
        const home = homeOf(b, keeper);
        const out = join(b.work, 'nights', 'restored');
        return {
          ...keeping(b, keeper, earlier),
          before: () => `rm -rf ${out} ${out}.*`,
          script: () => keeper.restore(b, home, treeDirectory(b), out),
          check: () => `diff -r ${treeDirectory(b)} ${join(out, keeper.under ?? '')}`,
          clean: () => rmSync(out, { recursive: true, force: true }),
        };
      }),
  };
}

/** What tools for the difference of two files make of the dump alone: no encryption, no upload, and the old file is at hand. */
function bounds(name: string, size: Size): Case {
  const contenders = (b: Bench): Contender[] => {
    const dump = join(treeDirectory(b), 'dump', 'crm.sql');
    const old = join(b.work, 'nights', 'old.sql');
    const signature = join(b.work, 'nights', 'signature');
    const to = join(b.server.directory, 'difference');
    const one = (tool: string, needs: string[], script: string): Contender => ({
      name: tool,
      needs,
      stored: b.server.directory,
      earlier: () => `cp ${dump} ${old}`,
      before: () => `rm -f ${signature}`,
      script: () => script,
    });
    return [
      one('zstd --patch-from', ['zstd'], `zstd -q -3 --long=31 --patch-from=${old} ${dump} -o ${to}`),
      one('xdelta3', ['xdelta3'], `xdelta3 -e -B 536870912 -s ${old} ${dump} ${to}`),
      one(
        'rdiff | zstd',
        ['rdiff', 'zstd'],
        `rdiff -b 1024 signature ${old} ${signature} && rdiff delta ${signature} ${dump} - | zstd -q > ${to}`,
      ),
    ];
  };
  return {
    name,
    nights: {
      tree: (b) => new SupplierTree(treeDirectory(b), { ...size, attachments: 0, media: 0 }),
      earlier: 1,
      changes: true,
    },
    contenders,
  };
}

export function emptyTree(b: Bench): void {
  rmSync(treeDirectory(b), { recursive: true, force: true });
  mkdirSync(treeDirectory(b), { recursive: true });
}
