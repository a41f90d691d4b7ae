/** `ping:` tells a monitor how a push went, and cannot affect it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkout, depot } from '../support/cli.js';
import { type Behaviour, behaviours, type Monitor, type Pinged, startMonitor } from '../support/monitor.js';
import { peer } from '../support/peers.js';
import { eventually, mustRun } from '../support/process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

let server: ScriptedServer;
let supplier: Supplier;

beforeAll(async () => {
  server = await startScriptedServer({ directories: ['/in'] });
  supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  writeFileSync(join(supplier.data, 'x'), 'data');
});

function ping(
  url: string,
  more: Record<string, unknown> = {},
  others: Parameters<Supplier['writeConfig']>[0] = {},
): void {
  supplier.writeConfig({ ...others, top: { ping: { url, ...more } } });
}
const paths = ({ pinged }: { pinged: Pinged[] }): string[] => pinged.map(({ path }) => path);

describe('a push', () => {
  test('pings at its start and after its success, with its arrangement and exit code and nothing else', async () => {
    const monitor = await startMonitor();
    ping(monitor.url);
    await supplier.deposit();
    expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm']);
    for (const { method, agent, headers } of monitor.pinged) {
      expect([method, agent]).toEqual(['POST', 'depot']);
      expect([...headers].sort()).toEqual(['connection', 'content-length', 'content-type', 'host', 'user-agent']);
    }
    expect(monitor.pinged.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { arrangement: 'acme-crm' },
      { arrangement: 'acme-crm', exit: 0 },
    ]);
  });

  test('pings its exit code when it failed, even before it connected, and is up again after a success', async () => {
    const monitor = await startMonitor();
    ping(monitor.url, {}, { dataset: [{ directory: 'nowhere' }] });
    expect((await supplier.push()).code).toBe(3);
    ping(monitor.url, {}, { remote: { passwordFile: 'secrets/nowhere' } });
    expect((await supplier.push()).code).toBe(17);
    expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm/3', '/acme-crm/start', '/acme-crm/17']);
    expect(monitor.down()).toEqual(['acme-crm']);
    ping(monitor.url);
    await supplier.deposit();
    expect(monitor.down()).toEqual([]);
  });

  test('that finds a fresh deposit is a success without a start; one that finds another running says nothing', async () => {
    const monitor = await startMonitor();
    ping(monitor.url);
    await supplier.deposit();
    monitor.pinged.length = 0;
    expect((await supplier.push(['--if-older-than', '1h'])).result.because).toBe('recent');
    expect(monitor.pinged.map(({ path, body }) => [path, body])).toEqual([
      ['/acme-crm', '{"arrangement":"acme-crm","exit":0}'],
    ]);
    monitor.pinged.length = 0;
    const slow = { command: ['sh', '-c', 'touch reading; until [ -e go ]; do sleep 0.05; done; echo x'], as: 'x' };
    ping(monitor.url, {}, { dataset: [slow] });
    const running = depot(['push', '--config', supplier.config], { cwd: supplier.directory });
    await eventually(() => existsSync(join(supplier.directory, 'reading')), 60_000, 'the first push');
    expect((await supplier.push(['--if-not-running'])).result.because).toBe('running');
    expect(paths(monitor)).toEqual(['/acme-crm/start']);
    writeFileSync(join(supplier.directory, 'go'), '');
    expect((await running).code).toBe(0);
    expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm']);
  });

  test('tells only what is asked for, and a dry run nothing', async () => {
    const monitor = await startMonitor();
    ping(monitor.url, { on: ['failure'] });
    await supplier.deposit();
    ping(monitor.url);
    expect((await supplier.depot(['push', '--dry-run'])).code).toBe(0);
    expect(monitor.pinged).toEqual([]);
  });

  test('of each arrangement pings an address of its own, and of one address a warning says so', async () => {
    const monitor = await startMonitor();
    const one = {
      beneficiaries: [{ name: 'V', key: supplier.recipient.publicKey, fingerprint: supplier.recipient.fingerprint }],
      dataset: [{ directory: 'data' }],
    };
    const both = { 'acme-crm': one, 'acme-erp': one };
    supplier.writeConfig({ top: { ping: { url: monitor.url } } });
    const written = parse(readFileSync(supplier.config, 'utf8')) as Record<string, unknown>;
    const write = (url: string): void =>
      writeFileSync(supplier.config, stringify({ ...written, ping: { url }, arrangements: both }), { mode: 0o600 });
    write(monitor.url);
    const each = await supplier.depot(['push', '--all', '--jobs', '2']);
    expect(each.code, each.stderr).toBe(0);
    expect(each.stderr).not.toContain('warning');
    expect(paths(monitor).sort()).toEqual(['/acme-crm', '/acme-crm/start', '/acme-erp', '/acme-erp/start']);
    write(monitor.url.replace('/{arrangement}', ''));
    expect((await supplier.depot(['push', '--all', '--dry-run'])).stderr).toContain(
      'ping.url does not contain {arrangement}, so one check stands for 2 arrangements',
    );
  });

  test.each<[keyof typeof behaviours, string]>([
    ['hangs', 'no answer in 4.5 s'],
    ['fails', 'it answered 500'],
    ['does not know the check', 'it answered 404'],
    ['redirects', 'it answered 301, a redirect, which depot does not follow: set the final address in depot.yaml'],
    ['resets', 'it closed the connection without an answer'],
    ['sends headers without an end', 'no answer in 4.5 s'],
  ])('deposits all the same, and in time, where the monitor %s', async (what, why) => {
    const monitor = await startMonitor();
    const behaviour: Behaviour = behaviours[what];
    monitor.behave(behaviour);
    ping(monitor.url, { on: ['success', 'failure'] });
    const began = performance.now();
    const finished = await supplier.depot(['push', '--quiet']);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect([finished.code, finished.stdout]).toEqual([0, '']);
    expect(finished.stderr).toBe(`depot: warning: acme-crm: ${new URL(monitor.url).host} was not pinged: ${why}\n`);
    expect(supplier.runs().at(-1)).toMatchObject({ exit: 0, code: null });
  });

  test('does not read an answer without an end, and does not wait for it', async () => {
    const monitor = await startMonitor();
    monitor.behave(behaviours['answers without an end']);
    ping(monitor.url);
    const finished = await supplier.depot(['push', '--quiet']);
    expect([finished.code, finished.stdout, finished.stderr]).toEqual([0, '', '']);
    expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm']);
  });

  test('is not held up by a monitor that refuses connections, nor by a name server that does not answer', async () => {
    ping('http://127.0.0.1:1/ping/KEY/{arrangement}');
    expect((await supplier.depot(['push', '--quiet'])).stderr).toContain(
      '127.0.0.1:1 was not pinged: it refused the connection',
    );
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.close();
    });
    ping('https://hc.example/ping/KEY/{arrangement}');
    const preload = pathToFileURL(join(checkout, 'tests/support/preload-dns.mjs')).href;
    const began = performance.now();
    const { code, stderr } = await depot(['push', '--quiet', '--config', supplier.config], {
      env: { NODE_OPTIONS: `--import ${preload}`, DEPOT_DNS: `127.0.0.1:${silent.address().port}` },
    });
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /warning: acme-crm: hc\.example was not pinged: .*DNS did not answer; 1 more ping failed\n$/,
    );
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('nothing shows the address, which is a secret', async () => {
    ping('http://127.0.0.1:1/ping/KEY/{arrangement}');
    for (const args of [['push'], ['push', '--json'], ['doctor', '--json'], ['status']]) {
      const { stdout, stderr } = await supplier.depot(args, { env: { DEPOT_DEBUG: '1' } });
      expect(stdout + stderr, args.join(' ')).not.toContain('KEY');
    }
    expect((await supplier.depot(['doctor'])).stdout).toMatch(
      /^ping {11}127\.0\.0\.1:1 \(start, success, failure\); not sent now$/m,
    );
    for (const wrong of [
      'ftp://hc.example/KEY',
      'https://u:p@hc.example/KEY',
      'https://hc.example/KEY#x',
      'hc.example/KEY',
    ]) {
      ping(wrong);
      const { code, stderr } = await supplier.depot(['push']);
      expect(code).toBe(10);
      expect(stderr).not.toContain('KEY');
    }
    supplier.writeConfig({ top: { ping: 'https://hc.example/ping/KEY' } });
    expect((await supplier.depot(['push'])).stderr).toMatch(/(?!.*KEY)expected a mapping with url and on/);
  });

  test.skipIf(peer('openssl') === undefined)(
    'over TLS, it is told only if its certificate is one that is trusted',
    async () => {
      const [key, cert] = [join(supplier.directory, 'monitor.key'), join(supplier.directory, 'monitor.crt')];
      await mustRun('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=monitor', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
      ]);
      const monitor = await startMonitor({ key: readFileSync(key), cert: readFileSync(cert) });
      ping(monitor.url);
      const push = (env: NodeJS.ProcessEnv): ReturnType<typeof depot> =>
        depot(['push', '--quiet', '--config', supplier.config], { cwd: supplier.directory, env });
      const refused = await push({});
      expect([refused.code, monitor.pinged]).toEqual([0, []]);
      expect(refused.stderr).toMatch(
        /was not pinged: its certificate is not one that this machine trusts \(.*\); 1 more ping failed\n$/,
      );
      const trusted = await push({ NODE_EXTRA_CA_CERTS: cert });
      expect([trusted.code, trusted.stderr]).toEqual([0, '']);
      expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm']);
    },
  );

  test('without TLS a warning says so, but not where the monitor is on this machine', async () => {
    ping('http://192.0.2.1/ping/KEY');
    expect((await supplier.depot(['push', '--dry-run'])).stderr).toContain('ping.url begins with http');
    ping('http://localhost:8000/ping/KEY');
    expect((await supplier.depot(['push', '--dry-run'])).stderr).not.toContain('ping.url');
  });
});

describe('status', () => {
  let monitor: Monitor;

  test('pings for what is stale, and for what was killed, and says nothing of what is well', async () => {
    monitor = await startMonitor();
    ping(monitor.url);
    await supplier.deposit();
    monitor.pinged.length = 0;
    expect((await supplier.depot(['status', '--quiet'])).code).toBe(0);
    expect(monitor.pinged).toEqual([]);
    expect((await supplier.depot(['status', '--quiet', '--max-age', '0s'])).code).toBe(31);
    expect(paths(monitor)).toEqual(['/acme-crm/31']);
    expect(JSON.parse(monitor.pinged[0].body)).toEqual({ arrangement: 'acme-crm', exit: 31 });
    monitor.pinged.length = 0;
    const slow = {
      command: ['sh', '-c', 'touch killable; depot=$PPID; while kill -0 $depot; do sleep 0.1; done'],
      as: 'x',
    };
    ping(monitor.url, {}, { dataset: [slow] });
    const pushing = depot(['push', '--config', supplier.config], {
      cwd: supplier.directory,
      started: ({ kill }) => {
        void eventually(() => existsSync(join(supplier.directory, 'killable')), 60_000, 'the push').then(() =>
          kill('SIGKILL'),
        );
      },
    });
    expect((await pushing).signal).toBe('SIGKILL');
    expect((await supplier.depot(['status', '--prometheus'])).code).toBe(0);
    expect(paths(monitor)).toEqual(['/acme-crm/start', '/acme-crm/137']);
    ping(monitor.url);
    await supplier.deposit();
    expect(monitor.down()).toEqual([]);
  });
});
