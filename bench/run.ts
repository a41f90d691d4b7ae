/**
 * `npm run bench [-- --size MIB] [--runs N] [--only CASE]… [--peers NAME,…] [--against PATH/bin/depot.js] [--work DIR] [--json FILE]`
 *
 * depot against the tools that people use for this work today, on this machine, in this run: every case for depot and each
 * peer in turn, several times; medians, and depot's speed over that of the fastest peer. It measures; it judges nothing.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bothBuilds, comparison } from './against.js';
import { cases, type Case, type Contender } from './cases.js';
import { measure, median, type Measurement } from './measure.js';
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
  /** The fastest peer's seconds over depot's; only on depot's row. */
  ratio: number | null;
  runs: Measurement[];
}

const { values } = parseArgs({
  options: {
    size: { type: 'string' },
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
  for (const one of cases(sizeMiB)) {
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
  const measured = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]));
  // One run says too little of a difference.
  const times = against === undefined ? (one.runs ?? runs) : Math.max(one.runs ?? 0, runs);
  for (let run = 0; run < times; run++) {
    for (const contender of [...contenders]) {
      try {
        const m = await measure(
          { script: contender.script(`r${run}-${measured.size}-${Math.random().toString(36).slice(2)}`) },
          server.processes(),
        );
        measured.get(contender.name)!.push(m);
        process.stderr.write(`  ${contender.name}: ${m.seconds.toFixed(2)} s\n`);
      } catch (error) {
        if (contender.name.startsWith('depot')) throw error;
        left.push(
          `${one.name}: ${contender.name}: ${(error as Error).message.split('\n').slice(-3).join(' ').slice(0, 300)}`,
        );
        contenders.splice(contenders.indexOf(contender), 1);
        measured.delete(contender.name);
      }
      for (const name of readdirSync(server.directory))
        rmSync(join(server.directory, name), { recursive: true, force: true });
      if (contender.clean) contender.clean();
    }
  }
  return rowsOf(one, measured);
}

/** All, or those that `--peers` names, and depot and what it is timed against outside pushes. */
function isWanted(name: string): boolean {
  const wanted = values.peers?.split(',');
  return (
    wanted === undefined || !peers.some((peer) => peer.name === name) || wanted.some((part) => name.includes(part))
  );
}

function rowsOf(one: Case, measured: Map<string, Measurement[]>): Row[] {
  const of = (pick: (m: Measurement) => number, list: Measurement[]): number => median(list.map(pick));
  const fastest = Math.min(
    ...[...measured].filter(([name]) => !name.startsWith('depot')).map(([, list]) => of((m) => m.seconds, list)),
  );
  return [...measured].map(([tool, list]) => {
    const seconds = of((m) => m.seconds, list);
    return {
      case: one.name,
      tool,
      seconds,
      mibPerSecond: one.mebibytes === undefined ? null : one.mebibytes / seconds,
      cpuSeconds: of((m) => m.cpuSeconds, list),
      serverCpuSeconds: of((m) => m.serverCpuSeconds, list),
      peakMiB: of((m) => m.peakMiB, list),
      ratio: tool.startsWith('depot') && Number.isFinite(fastest) ? fastest / seconds : null,
      runs: list,
    };
  });
}

function table(all: Row[]): string {
  const head =
    '| case | tool | s | MiB/s | CPU s | server CPU s | peak MiB | depot over the fastest peer |\n|---|---|--:|--:|--:|--:|--:|--:|';
  const lines = all.map(
    (r) =>
      `| ${r.case} | ${r.tool.replaceAll('|', '\\|')} | ${r.seconds.toFixed(2)} | ${r.mibPerSecond?.toFixed(0) ?? ''} | ${r.cpuSeconds.toFixed(2)} | ${r.serverCpuSeconds.toFixed(2)} | ${r.peakMiB.toFixed(0)} | ${r.ratio === null ? '' : `**${r.ratio.toFixed(2)}×**`} |`,
  );
  return [head, ...lines].join('\n');
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

function printMachine(): void {
  process.stdout.write(`${machine()}\n`);
  for (const { name, needs, version } of peers) {
    if (needs.every(isThere)) process.stdout.write(`${name}: ${versionOf(version)}\n`);
  }
  process.stdout.write(`openssh: ${versionOf(['ssh', ['-V']])}\n`);
}
