/**
 * Every exit status that a push can have, provoked from outside: what it says was published is what is on the server, and the
 * next run is an ordinary one. (20 stands in gnupg.test.ts, 3 in sources.test.ts, 21 to 24 in damage.test.ts.)
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { freePort } from '../support/ports.js';
import { eventually, mustRun, run } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { type Sshd, type SshdOptions, startSshd } from '../support/sshd.js';
import { makeKey, Supplier, type SupplierOptions } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen');
const root = asRoot();

async function ready(
  options: SupplierOptions = {},
  serverOptions: SshdOptions = {},
): Promise<{ server: Sshd; supplier: Supplier }> {
  const server = await startSshd(serverOptions);
  const supplier = await Supplier.create(server, { ...options, ownProcess: true });
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n1;Voorbeeld\n');
  return { server, supplier };
}

/** A push that must fail like this, with nothing at the agent afterwards, and leave the next one unharmed. */
async function refused(
  supplier: Supplier,
  server: Pick<Sshd, 'names'> | undefined,
  exit: number,
  code: string,
  more: { env?: NodeJS.ProcessEnv } = {},
) {
  const before = server?.names();
  const { result, code: status, stdout, stderr } = await supplier.push([], more);
  expect(result.error, stdout + stderr).toMatchObject({ code, exit, published: 'no' });
  expect(status).toBe(exit);
  expect(result.error!.hint, 'a hint starts with a verb').toMatch(/^[a-z]/);
  expect(server?.names()).toEqual(before);
  return result.error!;
}

/** A source that says in a file that it was started: before login and keys are settled, none may be. */
function tellsTale(directory: string): { dataset: Record<string, unknown>[]; started: () => boolean } {
  const tale = join(directory, 'started');
  return {
    dataset: [{ command: ['sh', '-c', `echo x > '${tale}'; echo data`], as: 'x' }],
    started: () => existsSync(tale),
  };
}

describe.skipIf(!ssh)('usage and configuration', () => {
  test('2: an unknown arrangement, flag or command, each with a suggestion', async () => {
    const { supplier } = await ready();
    for (const args of [['push', 'acme-crn'], ['push', '--dryrun'], ['psuh']]) {
      const result = await supplier.depot([...args, '--json']);
      expect(result.code, args.join(' ')).toBe(2);
      expect(json(result).error).toMatchObject({ code: 'usage', exit: 2 });
      expect(JSON.stringify(json(result).error)).toMatch(/acme-crm|--dry-run|push/);
    }
  });

  test('10: all mistakes at once, each with its line and column', async () => {
    const { supplier } = await ready();
    writeFileSync(
      supplier.config,
      'version: 1\nsupplier: { name: Acme, signingKey: k.asc }\nremote: { host: h, prot: 22, directory: /in, lanes: 9 }\narrangements:\n  Acme CRM: { beneficiaries: [], dataset: [{ directroy: d }] }\n',
      { mode: 0o600 },
    );
    const result = await supplier.depot(['push', '--json']);
    expect(result.code).toBe(10);
    const { error } = json(result);
    expect(error!.code).toBe('config-invalid');
    for (const what of [
      /depot\.yaml:3:\d+/,
      /depot\.yaml:5:\d+/,
      /prot/,
      /port/,
      /lanes|9/,
      /directroy/,
      /did you mean/,
    ])
      expect(error!.message).toMatch(what);
    const shown = await supplier.depot(['push']);
    expect(shown.stderr).toContain('depot: error: ');
    expect(shown.stdout).toBe('');
  });

  test('10: no configuration, and one that others can write to', async () => {
    const { supplier } = await ready();
    chmodSync(supplier.config, 0o666);
    expect(json(await supplier.depot(['push', '--json'])).error).toMatchObject({ code: 'config-insecure', exit: 10 });
    rmSync(supplier.config);
    expect(json(await supplier.depot(['push', '--json'])).error).toMatchObject({ code: 'config-not-found', exit: 10 });
  });
});

describe.skipIf(!ssh)('before any source is started', () => {
  test.skipIf(!root)('12: a wrong password', async () => {
    const server = await startSshd({ login: 'password' });
    const tale = tellsTale(tempDir());
    const supplier = await Supplier.create(server, { login: 'password', dataset: tale.dataset, ownProcess: true });
    writeFileSync(join(supplier.directory, 'secrets/password'), 'not the password\n');
    const error = await refused(supplier, server, 12, 'login-refused');
    expect(JSON.stringify(error)).not.toContain('not the password');
    expect(error.message).toMatch(/the server refused the password from file .*secrets\/password/);
    expect(error.hint).toMatch(/^correct the password in .*secrets\/password, which passwordFile in depot.yaml names/);
    expect(tale.started()).toBe(false);
    writeFileSync(join(supplier.directory, 'secrets/password'), `${server.password}\n`);
    await supplier.deposit();
  });

  test('12: a key that the server does not know', async () => {
    const { supplier, server } = await ready();
    rmSync(join(supplier.directory, 'keys/ssh'));
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(supplier.directory, 'keys/ssh')]);
    await refused(supplier, server, 12, 'login-refused');
  });

  test('13: a host key that is not known, and one that changed', async () => {
    const tale = tellsTale(tempDir());
    const { supplier, server } = await ready({ remote: { hostKey: undefined }, dataset: tale.dataset });
    await refused(supplier, server, 13, 'host-key-unknown');
    const wrong = `SHA256:${'A'.repeat(43)}`;
    expect((await supplier.depot(['trust', 'acme-crm', '--fingerprint', wrong])).code).toBe(13);
    supplier.writeConfig({ remote: { hostKey: [wrong] } });
    await refused(supplier, server, 13, 'host-key-changed');
    const { error } = (await supplier.push()).result;
    expect(error!.message).toContain('no password and no data were sent to it');
    expect(error!.hint).toContain('until you know, the next scheduled try does no harm');
    const change = async (pinnedAt: string): Promise<void> => {
      const { error: told } = json(await supplier.depot(['trust', 'acme-crm', '--json'])) as {
        error: { code: string; message: string };
      };
      expect(told.code).toBe('host-key-changed');
      expect(told.message).toMatch(
        /^pinned for .* SHA256:.*; the server now shows another key\. Do not accept it before/,
      );
      expect(told.message).toContain(pinnedAt);
    };
    await change(`${wrong} (${join(supplier.directory, 'depot.yaml')}:`);
    expect(tale.started()).toBe(false);
    supplier.writeConfig({ remote: { hostKey: undefined } });
    const [other, knownHosts] = [join(tempDir(), 'other'), join(supplier.directory, 'known_hosts')];
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    writeFileSync(
      knownHosts,
      `# the agent\n[${server.host}]:${server.port} ${readFileSync(`${other}.pub`, 'utf8').replace(/ [^ ]*$/, '')}\n`,
    );
    await change(` (${knownHosts}:2)`);
    expect((await supplier.depot(['trust', 'acme-crm', '--fingerprint', server.fingerprints[0]])).code).toBe(0);
    await supplier.deposit();
  });

  test('14: no answer within retryFor, with a hint about the VPN', async () => {
    const tale = tellsTale(tempDir());
    const { supplier } = await ready({ dataset: tale.dataset });
    supplier.writeConfig({ remote: { port: await freePort(), retryFor: '1s' } });
    const began = Date.now();
    const error = await refused(supplier, undefined, 14, 'unreachable');
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(error.hint).toMatch(/VPN/);
    expect(tale.started()).toBe(false);
    expect(supplier.runs().at(-1)).toMatchObject({ exit: 14, published: 'no' });
  });

  test.skipIf(!root)('15: no such directory, and no permission to write there', async () => {
    const tale = tellsTale(tempDir());
    const { supplier, server } = await ready({ dataset: tale.dataset });
    supplier.writeConfig({ remote: { directory: `${server.remoteDirectory}/not-there` } });
    await refused(supplier, server, 15, 'remote-no-directory');
    supplier.writeConfig();
    chmodSync(server.incoming, 0o555);
    await refused(supplier, server, 15, 'remote-permission');
    expect(tale.started()).toBe(false);
    chmodSync(server.incoming, 0o755);
    await supplier.deposit();
  });

  test.skipIf(!root)('17: no password anywhere, and one in a file that others can read', async () => {
    const { supplier, server } = await ready({ login: 'password' }, { login: 'password' });
    supplier.writeConfig({ remote: { passwordFile: undefined } });
    await refused(supplier, server, 17, 'secret-missing');
    supplier.writeConfig();
    chmodSync(join(supplier.directory, 'secrets/password'), 0o644);
    await refused(supplier, server, 17, 'secret-insecure');
    chmodSync(join(supplier.directory, 'secrets/password'), 0o600);
    await supplier.deposit();
  });

  test('17: a signer whose passphrase is missing, and a wrong one', async () => {
    const { supplier, server } = await ready();
    const locked = await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', 'the passphrase');
    supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: locked.secretKey } } });
    await refused(supplier, server, 17, 'secret-missing');
    await refused(supplier, server, 17, 'passphrase-wrong', { env: { DEPOT_SIGNING_KEY_PASSPHRASE: 'another' } });
    expect((await supplier.push([], { env: { DEPOT_SIGNING_KEY_PASSPHRASE: 'the passphrase' } })).code).toBe(0);
  });
});

describe.skipIf(!ssh || !root)('during the upload', () => {
  test("15: the server's disk runs full half way; with room again, the next run publishes", async () => {
    const { supplier, server } = await ready({ arrangement: { compression: 'none' } }, { tmpfs: '4m' });
    writeFileSync(join(supplier.data, 'big'), pattern(8_000_000));
    await refused(supplier, server, 15, 'remote-no-space');
    rmSync(join(supplier.data, 'big'));
    await supplier.deposit();
  });

  test('16: the server goes down and stays down', async () => {
    const { supplier, server } = await ready({
      arrangement: { compression: 'none' },
      remote: { retryFor: '1s' },
      dataset: [
        {
          command: [
            'sh',
            '-c',
            'head -c 3000000 /dev/zero; while [ ! -e go ]; do read -t 0.1 x < /dev/null; done; head -c 30000000 /dev/zero',
          ],
          as: 'x',
        },
      ],
    });
    const pushing = supplier.push();
    await eventually(() => server.names().length > 0);
    await server.kill();
    writeFileSync(join(supplier.directory, 'go'), '');
    const { result, code } = await pushing;
    expect(result.error).toMatchObject({ code: 'connection-lost', exit: 16, published: 'no' });
    expect(code).toBe(16);
    expect(server.names()).toEqual([expect.stringMatching(/^\..*\.partial$/)]);
    await server.start();
    const next = await supplier.push();
    expect(next.code, next.stdout).toBe(0);
    expect(next.stderr).toMatch(/started by an earlier run, was not deposited; nothing of it is left at the agent/);
    expect(server.names()).toHaveLength(4);
    expect(server.names().filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe("when the server's last answers are lost", () => {
  test('18: unconfirmed, with a receipt that says so; the next run confirms it', async () => {
    const server = await startScriptedServer({
      collect: 'rename',
      script: (r) => (r.type === 'rename' && r.nth === 1 ? { do: true, then: 'drop' } : undefined),
    });
    const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' }, { ownProcess: true });
    writeFileSync(join(supplier.data, 'x'), 'x');
    const { result, code } = await supplier.push();
    expect(result.error).toMatchObject({
      code: 'unconfirmed',
      exit: 18,
      published: 'unknown',
      depositId: expect.any(String) as string,
    });
    expect(code).toBe(18);
    const receipts = supplier.stateFiles().filter((name) => name.endsWith('.receipt.json'));
    expect(receipts).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(supplier.state, 'acme-crm', receipts[0]), 'utf8'))).toMatchObject({
      transfer: { status: 'unconfirmed' },
    });
    const next = await supplier.push();
    expect(next.code, next.stdout).toBe(0);
    expect((await supplier.depot(['receipts', 'verify'])).code).toBe(0);
  });

  test('30: deposited, and the sidecars refused: they go first in the next push', async () => {
    let refusing = true;
    const server = await startScriptedServer({
      script: (r) => (refusing && r.type === 'open' && /cover|receipt/.test(r.path) ? { status: 3 } : undefined),
    });
    const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' }, { ownProcess: true });
    writeFileSync(join(supplier.data, 'x'), 'x');
    const { result, code } = await supplier.push();
    expect(result.error).toMatchObject({ code: 'sidecars-pending', exit: 30, published: 'yes' });
    expect(code).toBe(30);
    const id = result.error!.depositId!;
    expect([...server.files.keys()].filter((name) => name.includes(id))).toHaveLength(1);
    refusing = false;
    expect((await supplier.push()).code).toBe(0);
    expect([...server.files.keys()].filter((name) => name.includes(id))).toHaveLength(4);
    expect(supplier.stateFiles('pending')).toEqual([]);
  });
});

describe.skipIf(!ssh)('several arrangements or pushes at once', () => {
  test('4: one arrangement fails and does not stop the others', async () => {
    const { supplier, server } = await ready();
    const broken = readFileSync(supplier.config, 'utf8')
      .replace(/[\s\S]*?^arrangements:/m, 'arrangements:')
      .replace('acme-crm:', 'acme-broken:')
      .replace('directory: data', 'directory: nowhere');
    writeFileSync(join(supplier.directory, 'more.yaml'), broken, { mode: 0o600 });
    supplier.writeConfig({ top: { include: ['more.yaml'] } });
    const result = await supplier.depot(['push', '--all', '--json']);
    expect(result.code, result.stdout).toBe(4);
    const { results } = json(result);
    expect(results!.map((r) => [r.arrangement, r.ok]).sort()).toEqual([
      ['acme-broken', false],
      ['acme-crm', true],
    ]);
    expect(server.names()).toHaveLength(4);
  });

  test('11: a second push of the same arrangement', async () => {
    const { supplier, server } = await ready({
      dataset: [{ command: ['sh', '-c', 'while [ ! -e go ]; do read -t 0.1 x < /dev/null; done; echo data'], as: 'x' }],
    });
    const first = supplier.push();
    await eventually(() => server.names().length > 0);
    await refused(supplier, server, 11, 'locked');
    writeFileSync(join(supplier.directory, 'go'), '');
    expect((await first).code).toBe(0);
    await supplier.deposit();
  });

  test.each([
    ['SIGINT', 130, 'interrupted'],
    ['SIGTERM', 143, 'terminated'],
    ['SIGHUP', 129, 'hung-up'],
  ] as const)('%s: %i, the source is ended and the partial file is gone', async (signal, exit, code) => {
    const { supplier, server } = await ready({
      dataset: [{ command: ['sh', '-c', 'echo $$ > pid; head -c 3000000 /dev/zero; exec tail -f /dev/null'], as: 'x' }],
    });
    let kill: (signal: NodeJS.Signals) => void = () => undefined;
    const pushing = supplier.push([], {
      started: (child) => {
        kill = child.kill;
      },
    });
    await eventually(
      () =>
        server.names().length > 0 &&
        existsSync(join(supplier.directory, 'pid')) &&
        readFileSync(join(supplier.directory, 'pid'), 'utf8') !== '',
    );
    const source = Number(readFileSync(join(supplier.directory, 'pid'), 'utf8'));
    kill(signal);
    const { result, code: status } = await pushing;
    expect(result.error).toMatchObject({ code, exit, published: 'no' });
    expect(status).toBe(exit);
    expect(server.names()).toEqual([]);
    expect(supplier.stateFiles('pending')).toEqual([]);
    await eventually(() => !existsSync(`/proc/${source}`), 5000, "the source's end");
    supplier.writeConfig({ dataset: [{ directory: 'data' }] });
    await supplier.deposit();
  });
});

describe.skipIf(!ssh)('on this machine', () => {
  test.skipIf(!root)(
    '5: the state directory cannot be written, or its disk is full: nothing is published',
    async () => {
      const { supplier, server } = await ready();
      mkdirSync(supplier.state, { mode: 0o700 });
      await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'depot-test', supplier.state]);
      cleanup(() => run('umount', ['-l', supplier.state]));
      writeFileSync(join(supplier.state, 'fill'), '');
      expect(() => {
        for (;;) appendFileSync(join(supplier.state, 'fill'), Buffer.alloc(4096));
      }).toThrow(/ENOSPC/);
      await refused(supplier, server, 5, 'local-disk-full');
      rmSync(join(supplier.state, 'fill'));
      await mustRun('mount', ['-o', 'remount,ro', supplier.state]);
      await refused(supplier, server, 5, 'local-not-writable');
      await mustRun('mount', ['-o', 'remount,rw,size=10m', supplier.state]);
      await supplier.deposit();
    },
  );

  test('31 and 32: stale, and a ledger that was tampered with', async () => {
    const { supplier } = await ready({ arrangement: { every: '24h' } });
    const deposit = await supplier.deposit();
    expect((await supplier.depot(['status'])).code).toBe(0);
    expect((await supplier.depot(['status', '--max-age', '0s'])).code).toBe(31);
    expect((await supplier.depot(['receipts', 'verify'])).code).toBe(0);
    const ledger = join(supplier.state, 'acme-crm/ledger.ndjson');
    const line = readFileSync(ledger, 'utf8');
    await supplier.deposit();
    writeFileSync(ledger, readFileSync(ledger, 'utf8').replace(line, line.replace(/[0-9a-f]{8}/, '00000000')));
    expect((await supplier.depot(['receipts', 'verify'])).code).toBe(32);
    expect(readdirSync(join(supplier.state, 'acme-crm'))).toContain(`${deposit.depositId}.receipt.json`);
  });
});
