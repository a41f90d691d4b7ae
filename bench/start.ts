/**
 * `npm run bench:start [-- --runs N] [--size MiB]`
 *
 * Linux's executable next to the package, on this Node and on the executable's own: how large it is, how long depot takes to start, and what a push
 * costs without the compiled parts of ssh2, which an executable has not. In turn. Of starts the shortest counts, since
 * whatever else the machine does only adds to it; of pushes the median.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keys } from './depot.js';
import { measure, median } from './measure.js';
import { startServer } from './server.js';

const { values } = parseArgs({ options: { runs: { type: 'string' }, size: { type: 'string' } } });
const runs = Number(values.runs ?? 25);
const mebibytes = Number(values.size ?? 256);
const root = new URL('..', import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const executable = join(root, 'binary', `depot-${version}-linux-x64`);
const program = join(root, 'bin/depot.js');
const node = join(root, 'nodes/node_modules/linux/bin/node');
const withoutCompiled = `NODE_OPTIONS='--require ${root}tests/sftp/children/without-native.cjs'`;
const ways: [name: string, command: string][] = [
  ['package, this Node', `${process.execPath} ${program}`],
  ["package, the executable's Node", `${node} ${program}`],
  ["package, the executable's Node, without compiled parts", `${withoutCompiled} ${node} ${program}`],
  ['executable', executable],
];
const work = mkdtempSync(join(tmpdir(), 'depot-start-'));
const server = await startServer(work);
try {
  const config = configure(keys({ work, depot: program }, 'compat'));
  const lines = ['--version', `status --config ${config}`, `push --quiet --config ${config}`];
  // Without a deposit, status exits with 31.
  await measure({ script: `${ways[0][1]} ${lines[2]}` });
  const measured = ways.map(() => lines.map((): Awaited<ReturnType<typeof measure>>[] => []));
  for (let run = 0; run < runs; run++)
    // A push takes longer, and varies less.
    for (const [way, [, command]] of ways.entries())
      for (const [line, args] of (run < 3 ? lines : lines.slice(0, 2)).entries())
        measured[way][line].push(await measure({ script: `${command} ${args}` }));
  const milliseconds = (all: { seconds: number }[]): string =>
    (1000 * Math.min(...all.map((m) => m.seconds))).toFixed(0);
  const table = ways.map(([name], way) => {
    const [start, status, push] = measured[way];
    return `| ${name} | ${milliseconds(start)} | ${milliseconds(status)} | ${median(push.map((m) => m.cpuSeconds)).toFixed(2)} | ${median(push.map((m) => m.peakMiB)).toFixed(0)} |`;
  });
  const sizes = [executable, executable.replace(/linux-x64$/, 'win-x64.exe')].map(
    (file) => `${file.slice(file.lastIndexOf('/') + 1)}: ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`,
  );
  process.stdout.write(
    `${[
      `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, this Node is ${process.versions.node}`,
      sizes.join(', '),
      '',
      `| | --version, ms | status, ms | push of ${mebibytes} MiB, CPU s | its peak, MiB |`,
      '|---|--:|--:|--:|--:|',
      ...table,
    ].join('\n')}\n`,
  );
} finally {
  server.stop();
  rmSync(work, { recursive: true, force: true });
}

function configure(fingerprint: string): string {
  mkdirSync(join(work, 'data'));
  writeFileSync(join(work, 'data/noise.bin'), randomBytes(mebibytes * 2 ** 20));
  const config = join(work, 'depot.yaml');
  writeFileSync(
    config,
    `version: 1
supplier: { name: Bench, signingKey: signer.secret.asc }
state: state
remote: { host: 127.0.0.1, port: ${server.port}, username: ${server.username}, privateKey: ${server.identity}, directory: ${server.directory}, hostKey: ["${server.fingerprint}"] }
arrangements:
  bench: { beneficiaries: [{ name: Bench, key: compat.public.asc, fingerprint: "${fingerprint}" }], dataset: [{ directory: data }], every: 24h }
`,
    { mode: 0o600 },
  );
  return config;
}
