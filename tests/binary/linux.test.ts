import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { schemaNames } from '../../src/commands/schema.js';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, depot, json } from '../support/cli.js';
import { directory, executable, linux, withoutPath } from '../support/executable.js';
import { asRoot, peer, peers } from '../support/peers.js';
import { eventually, mustRun, run } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { terminal } from '../support/terminal.js';
import { lookMyself } from '../e2e/machine.js';
import { freshPath, makeKey, Supplier } from '../support/supplier.js';

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

test('the demo runs without Node, a PATH or a HOME, without a warning, and leaves nothing behind', async () => {
  const place = tempDir();
  const { code, stdout, stderr } = await executable(['demo'], { cwd: place, env: withoutPath({ TMPDIR: place }) });
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^compared {3}2,066 files/m);
  expect(readdirSync(place)).toEqual([]);
});

describe('on the command line', () => {
  test.each([
    ['its version', '--version'],
    ['help', '--help'],
    ['the help of a command', 'push --help'],
    ['a flag that Node has, too', '--eval 1'],
    ['a misspelt command', 'psuh'],
    ['a missing configuration', 'push'],
    ['a missing suitcase', 'verify nothing.tar.gz.pgp'],
    ['what is no suitcase', 'verify /etc/passwd'],
    ['JSON', 'status --json'],
  ])('it says and answers the same as the package: %s', async (_, line) => {
    const cwd = tempDir();
    const args = line.split(' ');
    const [one, other] = await Promise.all([executable(args, { cwd, env: bareEnvironment() }), depot(args, { cwd })]);
    expect(one).toEqual(other);
    expect(one.stdout + one.stderr).not.toContain(basename(linux));
  });

  test('it fails when its answer cannot be written', async () => {
    const full = await run('sh', ['-c', `${quoted([linux, 'push', '--help'])} > /dev/full`]);
    expect(full.code).toBe(5);
    const closed = await run('sh', ['-c', `${quoted([linux, 'push', '--help'])} | head -c 1`]);
    expect(closed).toMatchObject({ code: 0, stdout: 'U', stderr: '' });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends it with %i', async (signal, status) => {
    const fifo = join(tempDir(), 'suitcase');
    await mustRun('mkfifo', [fifo]);
    let child: { pid: number; kill: (signal: NodeJS.Signals) => void } | undefined;
    const ended = executable(['verify', fifo], {
      started: (started) => {
        child = started;
      },
    });
    await eventually(
      () =>
        child !== undefined &&
        /^SigCgt:\t0*[0-9a-f]*[4-7c-f]...$/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')),
    );
    child!.kill(signal);
    const { code, signal: by } = await ended;
    expect(by === signal || code === status, `${code ?? ''} ${by ?? ''}`).toBe(true);
  });
});

describe('what is inside', () => {
  test('the opener page is that of the package, byte for byte', async () => {
    const page = join(tempDir(), 'opener.html');
    const { code, stdout } = await executable(['opener', '--out', page]);
    expect(code).toBe(0);
    expect(sha256(page)).toBe(sha256(join(checkout, 'dist/opener.html')));
    expect(stdout).toContain(sha256(page));
  });

  test('every schema is', async () => {
    for (const name of schemaNames) {
      const { stdout } = await executable(['schema', name]);
      expect(stdout).toBe(readFileSync(join(checkout, 'schemas', `${name}.schema.json`), 'utf8'));
    }
  });

  test('the checksums hold, and each executable has a bill of materials that names its Node', async () => {
    await mustRun('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: directory });
    const wanted = JSON.parse(readFileSync(join(checkout, 'nodes/package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const [target, node] of [
      ['linux-x64', wanted.dependencies['linux']],
      ['win-x64.exe', wanted.dependencies['windows']],
    ]) {
      const file = readdirSync(directory).find((name) => name.endsWith(`${target}.sbom.cdx.json`))!;
      const { components } = JSON.parse(readFileSync(join(directory, file), 'utf8')) as {
        components: { purl: string }[];
      };
      const purls = components.map(({ purl }) => purl);
      expect(purls).toContain(`pkg:${node.replace(':', '/')}`);
      for (const name of ['openpgp', 'ssh2', 'ssh2-sftp-client', 'commander', 'yaml'])
        expect(
          purls.some((purl) => purl.startsWith(`pkg:npm/${name}@`)),
          name,
        ).toBe(true);
      expect(purls.join(' ')).not.toContain('cpu-features');
    }
  });
});

const server = peers('sshd', 'ssh-keygen', 'tar', 'python3');

describe.skipIf(server === undefined)('against a real server', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });

  test('what it deposits the package opens, and the other way round, increments too', async () => {
    const supplier = await Supplier.create(sshd, { arrangement: { incremental: { agentKeeps: '90d' } } });
    const config = ['--config', supplier.config];
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n'.repeat(300_000));
    const push = async (how: typeof executable): Promise<string> => {
      const pushed = await how(['push', '--json', ...config]);
      expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
      return join(sshd.incoming, json(pushed).results![0].deposit!.suitcase);
    };
    const full = await push(executable);
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n'.repeat(300_001));
    const increment = await push(executable);
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n'.repeat(300_002));
    const last = await push(depot);
    for (const how of [executable, depot]) {
      const out = freshPath();
      const opened = await how(['decrypt', full, increment, last, '--key', supplier.recipientKey, '--out', out]);
      expect(opened.code, opened.stderr).toBe(0);
      expect(readFileSync(join(out, 'data/data/customers.csv'), 'utf8')).toBe('id;name\n'.repeat(300_002));
    }
  });

  test.skipIf(peer('strace') === undefined)(
    'it loads no code from a disk: not from the current directory, its own, a cache or a home',
    async () => {
      const supplier = await Supplier.create(sshd);
      const place = tempDir();
      copyFileSync(linux, join(place, 'depot'));
      chmodSync(join(place, 'depot'), 0o755);
      const [marker, trace] = [join(place, 'marker'), join(place, 'trace')];
      for (const name of ['openpgp', 'ssh2', 'cpu-features', '@napi-rs/keyring', 'keytar', 'commander']) {
        mkdirSync(join(place, 'node_modules', name), { recursive: true });
        writeFileSync(
          join(place, 'node_modules', name, 'index.js'),
          `require('node:fs').writeFileSync(${JSON.stringify(marker)}, ${JSON.stringify(name)}); throw new Error(${JSON.stringify(name)});`,
        );
      }
      writeFileSync(join(place, 'package.json'), '{"type": "module"}');
      writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n');
      const traced = await run(
        peer('strace')!,
        [
          ...['-f', '-o', trace, '-e', 'trace=open,openat,execve'],
          ...[join(place, 'depot'), 'push', '--json', '--config', supplier.config],
        ],
        // With a session bus a keychain is asked, where there is a module for it.
        {
          cwd: place,
          env: withoutPath({ HOME: place, TMPDIR: place, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' }),
        },
      );
      expect(traced.code, traced.stdout + traced.stderr).toBe(0);
      expect(existsSync(marker)).toBe(false);
      const files = [...readFileSync(trace, 'latin1').matchAll(/(?:open|openat|execve)\([^"]*"([^"]+)"/g)].map(
        ([, name]) => name,
      );
      expect(
        files.some((file) => file.endsWith('customers.csv')),
        'the trace sees what is opened',
      ).toBe(true);
      expect(files.filter((file) => /node_modules|package\.json|\.[cm]?js$|\.node$|\.wasm$/.test(file))).toEqual([]);
      const written = readdirSync(place).filter(
        (name) => !['depot', 'node_modules', 'package.json', 'trace'].includes(name),
      );
      expect(written).toEqual([]);
    },
  );

  test('schedule print starts the executable itself; the line deposits', async () => {
    const supplier = await Supplier.create(sshd);
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n');
    const print = async (...more: string[]): Promise<string> => {
      const printed = await executable(['schedule', 'print', ...more, '--at', '01:30', '--config', supplier.config]);
      expect(printed.code, printed.stderr).toBe(0);
      return printed.stdout;
    };
    expect(await print('windows', '--user', 'depot')).toMatch(
      new RegExp(`<Command>${linux}</Command>\\s*<Arguments>push --all`),
    );
    expect(await print('systemd')).toMatch(new RegExp(`^ExecStart="?${linux}"? "?push"? "?--all"? `, 'm'));
    const cron = await print('cron');
    const [, line] = /^30 1,2,3,4,5,6 \* \* \* (.*)$/m.exec(cron)!;
    expect(line).toContain(`${linux} push --all`);
    await mustRun('/bin/sh', ['-c', line.replaceAll('\\%', '%')], { env: withoutPath() });
    expect(supplier.runs()).toMatchObject([{ exit: 0 }]);
  });

  test('init runs doctor as the executable, and puts the schema beside depot.yaml, which names it', async () => {
    const place = tempDir();
    const password = await startSshd({ login: 'password' });
    mkdirSync(join(place, 'data'));
    writeFileSync(join(place, 'data/customers.csv'), 'id;name\n');
    const beneficiary = await makeKey(join(place, 'beneficiary'), 'Gemeente Voorbeeld', 'compat');
    const made = await terminal(
      [
        ...['--config', join(place, 'depot.yaml'), '--state', join(place, 'state')],
        ...['--supplier', 'Acme', '--arrangement', 'acme-crm', '--beneficiary', 'Voorbeeld'],
        ...['--beneficiary-key', beneficiary.publicKey, '--fingerprint', beneficiary.fingerprint],
        ...['--signer-email', 'ops@acme.example', '--no-passphrase', '--source', join(place, 'data')],
        ...['--host', password.host, '--port', String(password.port), '--username', password.username],
        ...['--directory', password.remoteDirectory, '--host-key', password.fingerprints[0]],
        ...['--every', '24h', '--at', '02:15', '--schedule', 'none', ...(asRoot() ? ['--user', 'root'] : [])],
      ],
      {
        cwd: place,
        program: { node: linux, script: 'init' },
        dialogue: [
          ['How does depot log in there?', '\r'],
          ['Is this right?', '\r'],
          ['Password of', `${password.password}\r`],
          ['Do a trial run now?', '\r'],
          ...lookMyself,
        ],
      },
    );
    expect(made.code, made.text).toBe(0);
    expect(made.text).toMatch(/a push should work[\s\S]*dry run[\s\S]*nothing is deposited yet\. Next:/i);
    expect(readFileSync(join(place, 'depot.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=depot\.schema\.json$/m,
    );
    expect(sha256(join(place, 'depot.schema.json'))).toBe(sha256(join(checkout, 'schemas/depot.schema.json')));
    expect(statSync(join(place, 'depot.schema.json')).mode & 0o777).toBe(0o644);
  });
});

test.skipIf(!asRoot() || peer('setpriv') === undefined)(
  'an account without a home, which may write nowhere, can use it',
  async () => {
    const place = tempDir();
    chmodSync(place, 0o755);
    copyFileSync(linux, join(place, 'depot'));
    chmodSync(join(place, 'depot'), 0o755);
    const { code, stdout, stderr } = await run(
      peer('setpriv')!,
      [
        ...['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'],
        join(place, 'depot'),
        'verify',
        '/etc/passwd',
      ],
      { cwd: place, env: withoutPath({ HOME: '/nonexistent', TMPDIR: '/nonexistent' }) },
    );
    expect({ code, stdout }, stderr).toMatchObject({ code: 21 });
  },
);
