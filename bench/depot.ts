import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './peers.js';

export interface DepotCase {
  encryption: 'compat' | 'modern';
  compression: 'auto' | 'none';
  incremental?: boolean;
}

export function depotCommand(bench: Pick<Bench, 'depot'>): string {
  return `${process.execPath} ${bench.depot}`;
}

/** Keys and a configuration for one kind of push; returns the path of depot.yaml. */
export function configure(
  bench: Bench,
  dataset: string,
  { encryption, compression, incremental }: DepotCase,
  {
    directory = join(bench.work, `depot-${encryption}-${compression}-${bench.port}-${dataset.split('/').at(-1)!}`),
    state = 'state',
    remote = bench.server.directory,
  } = {},
): string {
  const config = join(directory, 'depot.yaml');
  if (existsSync(config)) return config;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fingerprint = keys(bench, encryption);
  const { server } = bench;
  writeFileSync(
    config,
    `version: 1
supplier: { name: Bench, signingKey: ${bench.work}/signer.secret.asc }
state: ${state}
remote:
  host: 127.0.0.1
  port: ${bench.port}
  username: ${server.username}
  privateKey: ${server.identity}
  directory: ${remote}
  hostKey: ["${server.fingerprint}"]
arrangements:
  bench:
    beneficiaries: [{ name: Bench, key: ${bench.work}/${encryption}.public.asc, fingerprint: "${fingerprint}" }]
    dataset: [{ directory: ${dataset}, as: data }]
    compression: ${compression}
    encryption: ${encryption}
${incremental === true ? '    incremental: { fullEvery: 30d, agentKeeps: 90d }\n' : ''}`,
    { mode: 0o600 },
  );
  return config;
}

/** Makes signer and recipient once; returns the recipient's fingerprint. */
export function keys(bench: Pick<Bench, 'work' | 'depot'>, profile: 'compat' | 'modern'): string {
  generate(bench, 'signer', 'signer', []);
  generate(bench, 'arrangement', profile, ['--profile', profile]);
  const { stdout } = spawnSync(
    'sh',
    ['-c', `${depotCommand(bench)} key show --json ${bench.work}/${profile}.public.asc`],
    { encoding: 'utf8' },
  );
  return (JSON.parse(stdout) as { fingerprint: string }).fingerprint;
}

function generate(bench: Pick<Bench, 'work' | 'depot'>, kind: string, name: string, more: string[]): void {
  if (existsSync(join(bench.work, `${name}.secret.asc`))) return;
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      bench.depot,
      'key',
      'generate',
      kind,
      '--name',
      'Bench',
      '--email',
      'bench@example.com',
      '--out',
      join(bench.work, name),
      '--no-passphrase',
      ...more,
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
}
