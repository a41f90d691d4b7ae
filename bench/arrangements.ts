/**
 * `npm run bench:arrangements [-- --count N] [--processes N] [--jobs N] [--work DIR]`
 *
 * Many small arrangements, divided over processes that share a state directory: none missed, none twice, every ledger whole; and what
 * one of them costs, next to a push of one alone. It fails when anything of the first sentence is not so.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { depotCommand, keys } from './depot.js';
import { measure, median } from './measure.js';
import { startServer } from './server.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string' },
    processes: { type: 'string' },
    jobs: { type: 'string' },
    work: { type: 'string' },
  },
});
const count = Number(values.count ?? 1000);
const processes = Number(values.processes ?? 4);
const jobs = Number(values.jobs ?? 1);
const singles = 7;
const work = values.work ?? mkdtempSync(join(tmpdir(), 'depot-arrangements-'));
const program = new URL('../bin/depot.js', import.meta.url).pathname;
const depot = depotCommand({ depot: program });

const server = await startServer(work);
try {
  const fingerprint = keys({ work, depot: program }, 'compat');
  const names = Array.from({ length: count }, (_, i) => `tenant-${String(i + 1).padStart(5, '0')}`);
  const alone = configure('alone', ['tenant-alone'], fingerprint);
  const all = configure('all', names, fingerprint);

  const single = [];
  for (let i = 0; i < singles; i++) single.push(await measure({ script: `${depot} push --quiet --config ${alone}` }));
  const shards = Array.from(
    { length: processes },
    (_, i) => `${depot} push --all --quiet --jobs ${jobs} --shard ${i + 1}/${processes} --config ${all} & pids+=($!)`,
  );
  const together = await measure({
    script: [...shards, 'for pid in "${pids[@]}"; do wait "$pid" || exit 1; done'].join('\n'),
  });
  const status = await measure({ script: `${depot} status --quiet --config ${all}` });
  const verified = await measure({ script: `${depot} receipts verify --quiet --config ${all}` });
  const counted = check(names, all);

  const [seconds, cpu] = [median(single.map((m) => m.seconds)), median(single.map((m) => m.cpuSeconds))];
  print([
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`,
    `${count} arrangements of 1 MiB, ${processes} processes, --jobs ${jobs}: ${counted}`,
    '',
    '| | s for each | CPU s for each | peak MiB of each process |',
    '|---|--:|--:|--:|',
    `| \`depot push\` of one | ${seconds.toFixed(3)} | ${cpu.toFixed(3)} | ${median(single.map((m) => m.peakMiB)).toFixed(0)} |`,
    `| \`depot push --all --shard i/${processes}\` | ${(together.seconds / count).toFixed(3)} | ${(together.cpuSeconds / count).toFixed(3)} | ${(together.peakMiB / processes).toFixed(0)} |`,
    `| | ${(together.seconds / count / seconds).toFixed(2)}× | ${(together.cpuSeconds / count / cpu).toFixed(2)}× | |`,
    '',
    `in all ${together.seconds.toFixed(1)} s; depot status ${status.seconds.toFixed(2)} s; depot receipts verify ${verified.seconds.toFixed(1)} s`,
  ]);
} finally {
  server.stop();
  if (values.work === undefined) rmSync(work, { recursive: true, force: true });
}

function configure(name: string, arrangements: readonly string[], fingerprint: string): string {
  const directory = join(work, name);
  const config = join(directory, 'depot.yaml');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const one of arrangements) {
    mkdirSync(join(directory, 'data', one), { recursive: true });
    writeFileSync(join(directory, 'data', one, 'noise.bin'), randomBytes(1 << 20));
  }
  writeFileSync(
    config,
    `version: 1
supplier: { name: Bench, signingKey: ${work}/signer.secret.asc }
state: state
remote:
  host: 127.0.0.1
  port: ${server.port}
  username: ${server.username}
  privateKey: ${server.identity}
  directory: ${server.directory}
  hostKey: ["${server.fingerprint}"]
arrangements:
${arrangements.map((one) => `  ${one}: { beneficiaries: [{ name: Bench, key: ${work}/compat.public.asc, fingerprint: "${fingerprint}" }], dataset: [{ directory: data/${one} }], every: 24h }`).join('\n')}
`,
    { mode: 0o600 },
  );
  return config;
}

/** Looks at what the server has and at what the state directory says. */
function check(names: readonly string[], config: string): string {
  const delivered = new Map<string, number>();
  for (const file of readdirSync(server.directory)) {
    const name = file.split('_')[0];
    if (file.endsWith('.pgp') && name !== 'tenant-alone') delivered.set(name, (delivered.get(name) ?? 0) + 1);
  }
  const missed = names.filter((name) => !delivered.has(name));
  const twice = names.filter((name) => (delivered.get(name) ?? 0) > 1);
  const { status, stdout } = spawnSync('sh', ['-c', `${depot} receipts verify --json --config ${config}`], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const ledgers = (JSON.parse(stdout) as { arrangements: { receipts: number; lines: number; problems: unknown[] }[] })
    .arrangements;
  const whole = ledgers.filter(
    ({ receipts, lines, problems }) => receipts === 1 && lines === 1 && problems.length === 0,
  ).length;
  if (status !== 0 || missed.length + twice.length > 0 || whole !== names.length) {
    throw new Error(
      `missed: ${missed.join(' ') || 'none'}; twice: ${twice.join(' ') || 'none'}; ${whole} of ${names.length} ledgers are whole with one deposit`,
    );
  }
  return `none missed, none twice, ${whole} ledgers whole`;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
