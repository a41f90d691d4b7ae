/**
 * `npm run bench:receipts [-- --count N] [--arrangements N] [--work DIR]`
 *
 * The commands of every day with a long history: a state directory with so many signed receipts of one arrangement, and a dry run of so many small
 * arrangements. Connects to nothing.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSecretKey } from '../src/pgp/keys.js';
import { signDetached } from '../src/pgp/signature.js';
import { nightly, writeHistory } from '../tests/report/history.js';
import { depotCommand, keys } from './depot.js';
import { measure } from './measure.js';

const { values } = parseArgs({
  options: { count: { type: 'string' }, arrangements: { type: 'string' }, work: { type: 'string' } },
});
const count = Number(values.count ?? 20_000);
const arrangements = Number(values.arrangements ?? 500);
const work = values.work ?? mkdtempSync(join(tmpdir(), 'depot-receipts-'));
const program = new URL('../bin/depot.js', import.meta.url).pathname;
const depot = depotCommand({ depot: program });

try {
  const fingerprint = keys({ work, depot: program }, 'compat');
  const signer = await readSecretKey(readFileSync(join(work, 'signer.secret.asc')), () => Promise.resolve(undefined));
  const one = configure('history', ['tenant'], fingerprint);
  mkdirSync(join(work, 'history', 'state'), { mode: 0o700 });
  const supplier = { name: 'Bench', signerFingerprint: signer.fingerprint };
  await writeHistory(join(work, 'history', 'state'), {
    arrangement: 'tenant',
    deposits: nightly(count).map((deposit) => ({ ...deposit, changes: { supplier } })),
    sign: (bytes) => signDetached(bytes, signer),
  });
  const names = Array.from({ length: arrangements }, (_, i) => `tenant-${String(i + 1).padStart(5, '0')}`);
  const many = configure('many', names, fingerprint);
  const rows = [
    [`receipts list, ${count} receipts`, `receipts list --config ${one}`],
    ['receipts verify', `receipts verify --config ${one}`],
    ['report', `report --out ${work}/report.html --config ${one}`],
    [`push --all --dry-run, ${arrangements} arrangements`, `push --all --dry-run --quiet --config ${many}`],
    ['the same with --jobs 16', `push --all --dry-run --jobs 16 --quiet --config ${many}`],
  ];
  print(`${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`);
  print('| | s | CPU s | peak MiB |\n|---|--:|--:|--:|');
  for (const [name, command] of rows) {
    const m = await measure({ script: `${depot} ${command}` });
    print(`| ${name} | ${m.seconds.toFixed(1)} | ${m.cpuSeconds.toFixed(1)} | ${m.peakMiB.toFixed(0)} |`);
  }
} finally {
  if (values.work === undefined) rmSync(work, { recursive: true, force: true });
}

function configure(name: string, all: readonly string[], fingerprint: string): string {
  const directory = join(work, name);
  const config = join(directory, 'depot.yaml');
  for (const arrangement of all) {
    mkdirSync(join(directory, 'data', arrangement), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'data', arrangement, 'file'), arrangement.repeat(1000));
  }
  writeFileSync(
    config,
    `version: 1
supplier: { name: Bench, signingKey: ${work}/signer.secret.asc }
state: state
remote: { host: 127.0.0.1, username: bench, directory: incoming, hostKey: ["SHA256:${'A'.repeat(43)}"] }
arrangements:
${all.map((arrangement) => `  ${arrangement}: { beneficiaries: [{ name: Bench, key: ${work}/compat.public.asc, fingerprint: "${fingerprint}" }], dataset: [{ directory: data/${arrangement} }], every: 24h }`).join('\n')}
`,
    { mode: 0o600 },
  );
  return config;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
