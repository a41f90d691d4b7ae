/**
 * `npm run bench [-- --size MIB] [--runs N] [--only CASE]… [--peers NAME,…] [--against PATH/bin/depot.js] [--work DIR] [--json FILE]`
 *
 * depot against the tools that people use for this work today, on this machine, in this run: every case for depot and each
 * peer in turn, several times; medians, and depot's speed over that of the fastest peer. It measures; it judges nothing.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bothBuilds, comparison } from './against.js';
import type { Case, Contender } from './case.js';
import { cases } from './cases.js';
import { depotKeepers, otherKeepers } from './keepers.js';
import { bytesBelow, measure, median, type Measurement, type Sizes } from './measure.js';
import { emptyTree } from './nights.js';
import { isThere, peers, prepareKeys, versionOf, type Bench } from './peers.js';
import { startServer } from './server.js';

interface Row {
  case: string;
  tool: string;
  seconds: number;
  mibPerSecond: number | null;
  cpuSeconds: number;
  serverCpuSeconds: number;
  peakMiB: number;
  /** Of what was sent; only in pushes. */
  digest: string | null;
  sizes: Sizes;
  /** The fastest peer's seconds over depot's; only on depot's row. */
  ratio: number | null;
  /** The same, of the peers that have a SHA-256 of what they sent. */
  ratioWithDigest: number | null;
  runs: (Measurement & Sizes)[];
}

/** A file that changed a moment ago may be read again the next night, by others for two seconds, by depot for two minutes: of the whole tree that would count. */
const settlingMs = { tree: 125_000, changes: 2500 };

const columns: [title: string, cell: (row: Row) => string | undefined][] = [
  ['s', (r) => r.seconds.toFixed(2)],
  ['MiB/s', (r) => r.mibPerSecond?.toFixed(0)],
  ['CPU s', (r) => r.cpuSeconds.toFixed(2)],
  ['server CPU s', (r) => r.serverCpuSeconds.toFixed(2)],
  ['peak MiB', (r) => r.peakMiB.toFixed(0)],
  ['MiB more at the server', (r) => r.sizes.storedMiB.toFixed(2)],
  [
    'MiB sent, received',
    (r) => (r.sizes.sentMiB === null ? undefined : `${r.sizes.sentMiB.toFixed(2)}, ${r.sizes.receivedMiB!.toFixed(2)}`),
  ],
  ['MiB kept here', (r) => r.sizes.localMiB?.toFixed(2)],
  ['digest of what was sent', (r) => r.digest ?? undefined],
  ['the fastest peer over depot', (r) => (r.ratio === null ? undefined : `**${r.ratio.toFixed(2)}×**`)],
  [
    'the fastest with a SHA-256',
    (r) => (r.ratioWithDigest === null ? undefined : `**${r.ratioWithDigest.toFixed(2)}×**`),
  ],
];

const { values } = parseArgs({
  options: {
    size: { type: 'string' },
    scale: { type: 'string' },
    runs: { type: 'string' },
    only: { type: 'string', multiple: true },
    peers: { type: 'string' },
    against: { type: 'string' },
    work: { type: 'string' },
    json: { type: 'string' },
    keep: { type: 'boolean' },
  },
});
const runs = Number(values.runs ?? 3);
const sizeMiB = Number(values.size ?? 1024);
const work = values.work ?? mkdtempSync(join(tmpdir(), 'depot-bench-'));
mkdirSync(work, { recursive: true });
const depot = new URL('../bin/depot.js', import.meta.url).pathname;
const against = values.against === undefined ? undefined : resolve(values.against);

const server = await startServer(work);
const rows: Row[] = [];
const left: string[] = [];
try {
  const bench: Bench = {
    work,
    server,
    port: server.port,
    depot,
    keys: prepareKeys(work),
  };
  printMachine();
  for (const one of cases(sizeMiB, Number(values.scale ?? 1))) {
    if (values.only !== undefined && !values.only.some((name) => one.name.includes(name))) continue;
    rows.push(...(await runCase(bench, one)));
  }
  process.stdout.write(`\n${against === undefined ? table(rows) : comparison(rows)}\n`);
  for (const line of left) process.stdout.write(`left out: ${line}\n`);
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify({ date: new Date().toISOString(), machine: machine(), rows }, null, 2)}\n`,
    );
} finally {
  server.stop();
  if (values.work === undefined && values.keep !== true) rmSync(work, { recursive: true, force: true });
}

/** All contenders in turn, `runs` times: a machine that slows down slows all of them down. */
async function runCase(bench: Bench, one: Case): Promise<Row[]> {
  process.stderr.write(`\n${one.name}\n`);
  bench.port = await server.through(one.roundTripMs ?? 0, one.megabits ?? 0);
  const contenders: Contender[] = [];
  for (const contender of against === undefined ? one.contenders(bench) : bothBuilds(one, bench, against)) {
    if (!isWanted(contender.name)) continue;
    const absent = contender.needs?.find((program) => !isThere(program));
    if (absent === undefined) contenders.push(contender);
    else left.push(`${one.name}: ${contender.name}: ${absent} is not installed`);
  }
  const measured = new Map<string, (Measurement & Sizes)[]>(contenders.map(({ name }) => [name, []]));
  /** Runs something of a contender's; a peer that fails is left out from then on. */
  const attempt = async (contender: Contender, what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (error) {
      if (contender.name.startsWith('depot')) throw error;
      left.push(
        `${one.name}: ${contender.name}: ${(error as Error).message.split('\n').slice(-3).join(' ').slice(0, 300)}`,
      );
      contenders.splice(contenders.indexOf(contender), 1);
      measured.delete(contender.name);
    }
  };
  await earlierNights(bench, one, contenders, attempt);
  // One run says too little of a difference.
  const times = against === undefined ? (one.runs ?? runs) : Math.max(one.runs ?? 0, runs);
  for (let run = 0; run < times; run++) {
    for (const contender of [...contenders]) {
      await attempt(contender, async () => {
        const m = await measuredRun(contender, `r${run}-${measured.size}-${Math.random().toString(36).slice(2)}`);
        measured.get(contender.name)!.push(m);
        process.stderr.write(`  ${contender.name}: ${m.seconds.toFixed(2)} s${sizesOf(m)}\n`);
      });
      for (const name of readdirSync(server.directory))
        rmSync(join(server.directory, name), { recursive: true, force: true });
      if (contender.clean) contender.clean();
    }
  }
  for (const contender of contenders) contender.end?.();
  return rowsOf(one, measured);
}

async function measuredRun(contender: Contender, run: string): Promise<Measurement & Sizes> {
  const before = contender.before?.();
  if (before !== undefined) await measure({ script: before });
  const stored = contender.stored ?? server.directory;
  const storedBefore = bytesBelow(stored);
  const [sent, received] = await server.relayed();
  const m = await measure({ script: contender.script(run) }, server.processes());
  const [sentAfter, receivedAfter] = await server.relayed();
  const mebibytes = (bytes: number): number => bytes / 2 ** 20;
  const sizes: Sizes = {
    storedMiB: mebibytes(bytesBelow(stored) - storedBefore),
    sentMiB: sentAfter > sent ? mebibytes(sentAfter - sent) : null,
    receivedMiB: sentAfter > sent ? mebibytes(receivedAfter - received) : null,
    localMiB: contender.local === undefined ? null : mebibytes(bytesBelow(contender.local)),
  };
  const check = contender.check?.();
  if (check !== undefined) await measure({ script: check });
  return { ...m, ...sizes };
}

/** Makes the tree of the case, and brings every contender to the night before the one that is measured. */
async function earlierNights(
  bench: Bench,
  { nights }: Case,
  contenders: readonly Contender[],
  attempt: (contender: Contender, what: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if (nights === undefined) return;
  emptyTree(bench);
  const tree = nights.tree(bench);
  tree.make();
  for (let night = 1; night <= nights.earlier; night++) {
    if (night > 1) tree.next();
    await setTimeout(night > 1 ? settlingMs.changes : settlingMs.tree);
    for (const contender of [...contenders]) {
      await attempt(contender, async () => {
        const storedBefore = existsSync(contender.stored!) ? bytesBelow(contender.stored!) : 0;
        const { seconds } = await measure({ script: contender.earlier!(night) });
        const stored = (bytesBelow(contender.stored!) - storedBefore) / 2 ** 20;
        process.stderr.write(
          `  night ${night}: ${contender.name}: ${seconds.toFixed(2)} s, ${stored.toFixed(2)} MiB more at the server${
            contender.local === undefined ? '' : `, ${(bytesBelow(contender.local) / 2 ** 20).toFixed(2)} MiB here`
          }\n`,
        );
      });
    }
  }
  if (nights.changes) tree.next();
  await setTimeout(settlingMs.changes);
}

/** All, or those that `--peers` names, and depot and what it is timed against outside pushes. */
function isWanted(name: string): boolean {
  const wanted = values.peers?.split(',');
  const isPeer = [...peers, ...otherKeepers].some((peer) => peer.name === name);
  return wanted === undefined || !isPeer || wanted.some((part) => name.includes(part));
}

function rowsOf(one: Case, measured: Map<string, (Measurement & Sizes)[]>): Row[] {
  type Run = Measurement & Sizes;
  const of = (pick: (m: Run) => number, list: Run[]): number => median(list.map(pick));
  const counted = (pick: (m: Run) => number | null, list: Run[]): number | null => {
    const values = list.map(pick).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  };
  const isPush = one.name.startsWith('push') || (one.nights !== undefined && one.name.startsWith('nights: the'));
  const digestOf = (tool: string): string | null =>
    isPush ? ([...peers, ...depotKeepers, ...otherKeepers].find(({ name }) => name === tool)?.digest ?? null) : null;
  const fastest = (fits: (tool: string) => boolean): number =>
    Math.min(
      ...[...measured]
        .filter(([name]) => !name.startsWith('depot') && fits(name))
        .map(([, list]) => of((m) => m.seconds, list)),
    );
  const any = fastest(() => true);
  const withDigest = fastest((tool) => digestOf(tool)?.startsWith('SHA-256') === true);
  return [...measured].map(([tool, list]) => {
    const seconds = of((m) => m.seconds, list);
    const ratio = (peer: number): number | null =>
      tool.startsWith('depot') && Number.isFinite(peer) ? peer / seconds : null;
    return {
      case: one.name,
      tool,
      seconds,
      mibPerSecond: one.mebibytes === undefined ? null : one.mebibytes / seconds,
      cpuSeconds: of((m) => m.cpuSeconds, list),
      serverCpuSeconds: of((m) => m.serverCpuSeconds, list),
      peakMiB: of((m) => m.peakMiB, list),
      digest: digestOf(tool),
      sizes: {
        storedMiB: of((m) => m.storedMiB, list),
        sentMiB: counted((m) => m.sentMiB, list),
        receivedMiB: counted((m) => m.receivedMiB, list),
        localMiB: counted((m) => m.localMiB, list),
      },
      ratio: ratio(any),
      ratioWithDigest: ratio(withDigest),
      runs: list,
    };
  });
}

/** Behind the seconds of a run. */
function sizesOf({ storedMiB, sentMiB, receivedMiB, localMiB }: Sizes): string {
  const part = (value: number | null, what: string): string =>
    value === null ? '' : `, ${value.toFixed(2)} MiB ${what}`;
  return `${part(storedMiB, 'more at the server')}${part(sentMiB, 'sent')}${part(receivedMiB, 'received')}${part(localMiB, 'kept here')}`;
}

function table(all: Row[]): string {
  const lines = all.map(
    (row) =>
      `| ${row.case} | ${row.tool.replaceAll('|', '\\|')} | ${columns.map(([, cell]) => cell(row) ?? '').join(' | ')} |`,
  );
  const titles = columns.map(([title]) => title);
  return [`| case | tool | ${titles.join(' | ')} |`, `|---|---${'|--:'.repeat(titles.length)}|`, ...lines].join('\n');
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

function printMachine(): void {
  process.stdout.write(`${machine()}\n`);
  for (const { name, needs, version } of [...peers, ...otherKeepers]) {
    if (needs.every(isThere)) process.stdout.write(`${name}: ${versionOf(version)}\n`);
  }
  process.stdout.write(`openssh: ${versionOf(['ssh', ['-V']])}\n`);
}
