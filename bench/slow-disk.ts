/**
 * `npx tsx bench/slow-disk.ts [--against CHECKOUT] [--size MIB] [--disk MB_PER_S] [--rtt MS] [--mbit N] [--runs N]`
 *
 * A push to a server whose disk is slow: an answer to fsync comes when a disk of `--disk` MB/s would have stored what was written since
 * the last one. The link has a round trip of `--rtt` and this bandwidth (0: unlimited). With `--against`, this checkout and another one (both built) in turn.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cleanUp } from '../tests/support/cleanup.js';
import { startScriptedServer } from '../tests/support/scripted-server.js';
import { dataset, noise } from './data.js';
import { configure, depotCommand } from './depot.js';
import { measure, median, type Measurement } from './measure.js';
import { run, type Server } from './server.js';

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    size: { type: 'string', default: '128' },
    disk: { type: 'string', default: '100' },
    rtt: { type: 'string', default: '40' },
    mbit: { type: 'string', default: '100' },
    runs: { type: 'string', default: '5' },
  },
});
const work = mkdtempSync(join(tmpdir(), 'depot-slow-disk-'));
const checkout = new URL('..', import.meta.url).pathname.replace(/\/$/, '');

run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(work, 'client')]);
let waiting = 0;
let diskFreeAt = 0;
const server = await startScriptedServer({
  software: 'OpenSSH_9.9',
  fsync: true,
  limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 1020 },
  publicKey: readFileSync(join(work, 'client.pub'), 'utf8'),
  script: ({ type, data }) => {
    // What was sent is in the file; the list of requests would keep it a second time.
    server.payloads.length = server.requests.length = 0;
    if (type === 'write') waiting += data.length;
    if (type !== 'fsync') return undefined;
    diskFreeAt = Math.max(performance.now(), diskFreeAt) + waiting / (Number(values.disk) * 1000);
    waiting = 0;
    return { wait: sleep(diskFreeAt - performance.now()) };
  },
});
const relay = spawn(
  process.execPath,
  ['--import', 'tsx', join(checkout, 'bench/proxy.ts'), String(server.port), values.rtt, values.mbit],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
const port = Number(String((await once(relay.stdout, 'data'))[0]));

const bench = {
  work,
  depot: checkout,
  port,
  keys: { gnupgHome: '', ageRecipient: '', agePassphraseFree: '' },
  server: {
    username: server.username,
    identity: join(work, 'client'),
    directory: '/in',
    fingerprint: server.fingerprints[0],
  } as Server,
};
try {
  const mebibytes = Number(values.size);
  const config = configure(bench, dataset(work, `noise-${mebibytes}`, noise(mebibytes)), {
    encryption: 'modern',
    compression: 'none',
  });
  const programs = new Map<string, Measurement[]>(
    [checkout, ...(values.against === undefined ? [] : [values.against])].map((depot) => [depot, []]),
  );
  for (let i = 0; i < Number(values.runs); i++) {
    for (const [depot, measured] of programs) {
      measured.push(await measure({ script: `${depotCommand({ depot })} push --quiet --config ${config}` }));
      server.files.clear();
    }
  }
  process.stdout.write(
    `push of ${mebibytes} MiB, ${values.rtt} ms, ${values.mbit} Mbit/s, disk of ${values.disk} MB/s\n`,
  );
  for (const [depot, measured] of programs) {
    const seconds = measured.map((m) => m.seconds);
    const text = `${median(seconds).toFixed(2)} s (${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}), ${median(measured.map((m) => m.cpuSeconds)).toFixed(2)} CPU s`;
    process.stdout.write(`${depot === checkout ? 'this checkout' : 'the other'}: ${text}\n`);
  }
} finally {
  relay.kill();
  await cleanUp();
  rmSync(work, { recursive: true, force: true });
}
