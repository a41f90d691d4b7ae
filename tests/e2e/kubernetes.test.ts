/** The manifests' volumes as the kubelet mounts them with `fsGroup`: of root and the pod's group, files behind links. */
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { tempDir } from '../support/cleanup.js';
import { checkout, type JsonDocument } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peers } from '../support/peers.js';
import { eventually, type Finished, run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

interface Spec {
  containers: { name: string; command: string[] }[];
  securityContext: { runAsUser: number; runAsGroup: number; fsGroup: number };
  volumes: {
    name: string;
    projected?: { defaultMode: number; sources: Record<string, { items: { key: string; path: string }[] }>[] };
  }[];
}
// Kubernetes reads YAML 1.1: 0440 is octal.
const manifest = (name: string): unknown =>
  parse(readFileSync(join(checkout, 'docs/deploy', name), 'utf8'), { version: '1.1' });
const job = (manifest('kubernetes-job.yaml') as { spec: { template: { spec: Spec } } }).spec.template.spec;
const metrics = (manifest('kubernetes-metrics.yaml') as { spec: { template: { spec: Spec } } }).spec.template.spec;
const { runAsUser: uid, runAsGroup: gid, fsGroup } = job.securityContext;

/** What a projected volume of the pod holds, out of the contents of ConfigMap and Secret. */
function mount({ volumes }: Spec, place: string, contents: Record<string, string>): void {
  const { defaultMode, sources } = volumes.find(({ name }) => name === 'config')!.projected!;
  const data = join(place, '..2026_11_29_01_30_00.123456789');
  mkdirSync(data, { recursive: true });
  for (const { key, path } of sources.flatMap((source) => Object.values(source).flatMap(({ items }) => items))) {
    mkdirSync(join(data, dirname(path)), { recursive: true });
    writeFileSync(join(data, path), contents[key]);
    chownSync(join(data, path), 0, fsGroup);
    chmodSync(join(data, path), defaultMode);
  }
  symlinkSync('..2026_11_29_01_30_00.123456789', join(place, '..data_tmp'));
  renameSync(join(place, '..data_tmp'), join(place, '..data'));
  for (const name of new Set(
    sources.flatMap((source) =>
      Object.values(source).flatMap(({ items }) => items.map(({ path }) => path.split('/')[0])),
    ),
  ))
    symlinkSync(`..data/${name}`, join(place, name));
  for (const directory of [data, join(data, 'keys'), join(data, 'secrets'), place]) {
    try {
      chownSync(directory, 0, fsGroup);
      chmodSync(directory, 0o3777);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** A volume that the kubelet gave to the pod's group. */
function volume(place: string): void {
  mkdirSync(place);
  chownSync(place, 0, fsGroup);
  chmodSync(place, 0o2775);
}

const here = peers('sshd', 'ssh-keygen', 'promtool') !== undefined && asRoot();

describe.skipIf(!here)('in a pod', () => {
  let etc: string;
  let metricsEtc: string;
  let pod: (args: readonly string[]) => Promise<Finished>;
  let root: string;
  let shim: string;
  beforeAll(async () => {
    const server = await startSshd({ login: 'password' });
    const supplier = await Supplier.create(server, { login: 'password' });
    root = tempDir('depot-pod');
    chmodSync(root, 0o755);
    for (const name of ['state', 'srv']) volume(join(root, name));
    writeFileSync(join(root, 'srv/customers.csv'), 'id;name\n');
    supplier.writeConfig({ top: { state: join(root, 'state') }, dataset: [{ directory: join(root, 'srv') }] });
    const read = (name: string): string => readFileSync(join(supplier.directory, name), 'utf8');
    const contents = {
      'depot.yaml': read('depot.yaml').replaceAll(`${supplier.directory}/`, ''),
      'beneficiary.public.asc': read('keys/beneficiary.public.asc'),
      'supplier.secret.asc': read('keys/supplier.secret.asc'),
      password: read('secrets/password'),
      'signing-key-passphrase': 'not used\n',
    };
    [etc, metricsEtc] = ['etc', 'etc-metrics'].map((name) => join(root, name));
    mount(job, etc, contents);
    mount(metrics, metricsEtc, contents);
    const { node, script } = installed();
    shim = join(root, 'bin');
    mkdirSync(shim);
    writeFileSync(join(shim, 'depot'), `#!/bin/sh\nexec '${node}' '${script}' "$@"\n`, { mode: 0o755 });
    pod = (args) =>
      run(node, [script, ...args], { uid, gid, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' } });
  }, 120_000);

  test('depot takes these volumes as they are: doctor finds nothing to say, and a push deposits', async () => {
    const config = join(etc, 'depot.yaml');
    const doctor = await pod(['doctor', '--json', '--config', config]);
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).not.toMatch(/"name":"account"/);
    expect(doctor.stdout).not.toContain('sudo');
    const pushed = await pod(['push', '--all', '--json', '--config', config]);
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    expect((JSON.parse(pushed.stdout) as JsonDocument).ok).toBe(true);
  });

  test('the metrics are written without the secrets, and the shell ends when it is told to', async () => {
    const [sh, flag, script] = metrics.containers[0].command;
    const out = join(root, 'metrics');
    volume(out);
    let kill: (signal: NodeJS.Signals) => void = () => undefined;
    const ended = run(
      `/bin/${sh}`,
      [flag, script.replaceAll('/metrics/', `${out}/`).replaceAll('/etc/depot/', `${metricsEtc}/`)],
      {
        uid,
        gid,
        cwd: '/',
        env: { PATH: `${shim}:/usr/bin:/bin` },
        started: (child) => {
          kill = child.kill;
        },
      },
    );
    const file = join(out, 'depot.prom');
    const text = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    await eventually(() => text() !== '', 60_000);
    kill('SIGTERM');
    expect((await ended).code).toBe(0);
    expect(text()).toMatch(/^depot_status_success 1$/m);
    expect(text()).toMatch(/^depot_key_expiry_timestamp_seconds\{.*role="recipient"/m);
  });
});
