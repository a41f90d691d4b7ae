/**
 * docs/operations.md: every command in it is run, or is named here with the reason why not. Its depot.yaml, its databases and its alerts are valid.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, depot, depotScript } from '../support/cli.js';
import { asRoot, peer, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { makeKey, Supplier } from '../support/supplier.js';
import { blocks, page, section } from './operations-page.js';

/** Every command of the page, without its comment: in blocks for the shell, in indented lines, and in the text. */
const text = page.replace(/^```[\s\S]*?^```/gm, '');
const commands = new Set(
  [
    ...blocks(page, 'sh').flatMap((block) => block.split('\n')),
    ...[...text.matchAll(/^ {4}(depot .*)$/gm)].map((m) => m[1]),
    ...[...text.replace(/^ {4}.*$/gm, '').matchAll(/`((?:runuser [^`]*-- )?depot\s[^`]*)`/g)].map((m) =>
      m[1].replace(/\s+/g, ' '),
    ),
  ]
    .map((line) => line.replace(/(?:^|\s+)# .*$/, '').trim())
    .filter((line) => line !== ''),
);

const noAccounts = 'makes an account on this machine';
const noSystemd = 'needs systemd as process 1; tests/commands/schedule.test.ts has systemd-analyze check the units';
const moving = 'tests/docs/operations-steps.test.ts: moving to a new machine';
const replacing = 'tests/docs/operations-steps.test.ts: replacing a key';
const increments = 'needs nights of an arrangement with incremental: tests/e2e/increments-kept.test.ts';
const named = 'the name of a command, which stands in full elsewhere';

const elsewhere: Readonly<Record<string, string>> = {
  'useradd --system --home-dir /var/lib/depot --shell /usr/sbin/nologin depot': noAccounts,
  'systemctl daemon-reload && systemctl enable --now depot.timer depot-status.timer': noSystemd,
  'systemctl disable --now depot.timer depot-status.timer': noSystemd,
  'depot init --yes --config /etc/depot/depot.yaml --schedule systemd':
    'tests/e2e/init-night.test.ts has a stand-in for systemctl',
  'depot init --config /etc/depot/depot.yaml': 'asks a person: tests/e2e/init.test.ts has a terminal',
  'runuser -u depot -- depot push --config /etc/depot/depot.yaml':
    'the push that the scene begins with, as the account of the test',
  'tar -C / -cpf depot-move.tar etc/depot var/lib/depot': moving,
  'tar -C / -xpf depot-move.tar && rm depot-move.tar': moving,
  'depot receipts verify --config /etc/depot/depot.yaml': moving,
  'runuser -u depot -- depot doctor --config /etc/depot/depot.yaml': moving,
  'depot key add acme-crm voorbeeld-2027.asc --fingerprint FINGERPRINT --config /etc/depot/depot.yaml': replacing,
  'runuser -u depot -- depot doctor acme-crm --config /etc/depot/depot.yaml': replacing,
  'runuser -u depot -- depot push acme-crm --config /etc/depot/depot.yaml': replacing,
  'depot kit acme-crm --out kit --config /etc/depot/depot.yaml': replacing,
  'depot key generate signer --name "Acme SaaS B.V." --email ops@acme.example --out /etc/depot/keys/supplier-2027 --passphrase-file /etc/depot/passphrase-2027':
    replacing,
  'chown root:depot /etc/depot/keys/supplier-2027.secret.asc && chmod 640 /etc/depot/keys/supplier-2027.secret.asc':
    replacing,
  'depot login acme-crm --for signing-key --to file --password-stdin --config /etc/depot/depot.yaml < /etc/depot/passphrase-2027':
    replacing,
  'depot kit acme-crm --out kit-2027 --config /etc/depot/depot.yaml': replacing,
  'depot receipts note ID --dropped': 'needs a server that is no longer named: tests/commands/dropped.test.ts',
  'depot push --full': increments,
  'depot push --reread': increments,
  'depot push --one-file-system': 'needs something mounted: tests/commands/push-one-file-system.test.ts',
  'depot receipts list --chain ID': increments,
  'depot login': 'asks a person, or reads standard input: tests/e2e/setup.test.ts',
  'depot key generate': named,
  'depot key add': named,
  'depot trust': named,
  'depot init': named,
  'depot schedule print': named,
  'depot receipts': named,
  'depot push': named,
};

describe.skipIf(peers('sshd', 'ssh-keygen') === undefined)('every command of docs/operations.md', () => {
  test('ends as the page says, when all are run in order', { timeout: 240_000 }, async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server, { arrangement: { every: '24h' } });
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
    const { depositId, receiptFile } = await supplier.deposit();
    const at = (name: string): string => join(supplier.directory, name);
    await mustRun(process.execPath, [
      depotScript,
      'verify',
      '--receipt',
      receiptFile,
      '--signer',
      supplier.signerPublic,
      '--key',
      supplier.recipientKey,
      '--attest',
      at('proof.json'),
    ]);
    const stands: Readonly<Record<string, string>> = {
      'acme-crm_20261122T003000Z_5f0c9a1e77b2d410': depositId,
      '2027-02-01': new Date().toISOString().slice(0, 10),
      'proof.json': at('proof.json'),
      DIR: supplier.state,
      FILE: at('depot.prom'),
      'signer.public.asc': supplier.signerPublic,
      NAME: 'acme-crm',
      F: server.fingerprints[0].split(' ').at(-1)!,
      'i/4': '1/4',
      '/etc/depot/depot.yaml': supplier.config,
      '/etc/systemd/system': tempDir('depot-units'),
    };
    const runs: Readonly<Record<string, (out: string) => void>> = {
      'depot doctor': (out) => {
        expect(out).toMatch(/^push +A push should work\./m);
      },
      'depot doctor acme-crm --write-test': (out) => {
        expect(out).toMatch(/✓ rename +allowed[\s\S]*left there +nothing/);
      },
      'depot status': (out) => {
        expect(out).toMatch(/^acme-crm +20/m);
      },
      'depot push --dry-run --list': (out) => {
        expect(out).toMatch(/^file +\d.* data\//m);
      },
      'depot config example': (out) => {
        expect(out).toContain('arrangements:');
      },
      'depot config check': (out) => {
        expect(out).toMatch(/^result +valid, /m);
      },
      'depot runs': (out) => {
        expect(out).toContain(`  deposited  `);
      },
      'depot runs --json': (out) => {
        expect(JSON.parse(out)).toMatchObject({ runs: [{ result: 'deposited' }] });
      },
      'depot runs acme-crm --failed': (out) => {
        expect(out).toBe(`no run failed in ${supplier.state}\n`);
      },
      'depot status --max-age 26h --quiet': (out) => {
        expect(out).toBe('');
      },
      'depot status --quiet': (out) => {
        expect(out).toBe('');
      },
      'depot status --json': (out) => {
        expect(JSON.parse(out)).toMatchObject({ ok: true });
      },
      'depot status --prometheus': (out) => {
        expect(out).toContain('depot_last_success_timestamp_seconds{arrangement="acme-crm"}');
      },
      'depot status --prometheus --out FILE': () => {
        expect(readFileSync(at('depot.prom'), 'utf8')).toContain('depot_stale');
      },
      'depot receipts verify': (out) => {
        expect(out).toMatch(/✓ acme-crm/);
      },
      'depot receipts list': (out) => {
        expect(out).toContain(depositId);
      },
      'depot receipts list --from 2026-11-01 --to 2026-11-30 --json': (out) => {
        expect(JSON.parse(out)).toMatchObject({ ok: true, possible: [], unreadable: [] });
      },
      'depot report --out report.html': () => {
        expect(readFileSync(at('report.html'), 'utf8')).toContain(depositId);
      },
      'depot report acme-crm --out november.html --from 2026-11-01 --to 2026-11-30': () => {
        expect(existsSync(at('november.html'))).toBe(true);
      },
      'depot report --state DIR --signer signer.public.asc --out report.html': () => {
        expect(readFileSync(at('report.html'), 'utf8')).toContain(depositId);
      },
      'depot kit acme-crm --out kit': () => {
        expect(readdirSync(at('kit')).length).toBeGreaterThan(3);
      },
      'depot receipts import-attestation proof.json': (out) => {
        expect(out).toContain('proven');
      },
      'depot push --all --jobs 4 --if-older-than 20h --quiet': (out) => {
        expect(out).toBe('');
      },
      'depot push --all --if-none-since 01:30 --if-not-running --quiet': (out) => {
        expect(out).toBe('');
      },
      'depot push --all --shard i/4': (out) => {
        expect(out).not.toContain('failed');
      },
      'depot push --dry-run': (out) => {
        expect(out).toMatch(/^dry run /m);
      },
      'depot push --dry-run --rehearse': (out) => {
        expect(out).toContain('rehears');
      },
      'depot push --rehearse': (out) => {
        expect(out).toContain('deposited');
      },
      'depot trust NAME --fingerprint F': () => undefined,
      'depot login --to systemd': (out) => {
        expect(out).toContain('LoadCredentialEncrypted=');
      },
      'depot schedule print systemd --at 01:30 --config /etc/depot/depot.yaml --requires openvpn-client@softcrow.service --on-failure alarm.service --out /etc/systemd/system':
        () => {
          expect(readFileSync(join(stands['/etc/systemd/system'], 'depot.service'), 'utf8')).toMatch(
            /Requires=openvpn-client@softcrow\.service\nOnFailure=alarm\.service/,
          );
        },
      'depot schedule print systemd --at 01:30 --until 07:30 --prometheus-file /var/lib/node_exporter/textfile_collector/depot.prom':
        (out) => {
          expect(out).toContain('OnCalendar=*-*-* 02,03,04,05,06:30:00');
          expect(out).toMatch(/^ExecStart=.* status --prometheus --out .*depot\.prom/m);
        },
      'depot schedule print cron --at 01:30': (out) => {
        expect(out).toMatch(/^30 1,2,3,4,5,6 \* \* \* /m);
      },
      'depot schedule print systemd --at 01:30 --config /etc/depot/depot.yaml --out /etc/systemd/system': () => {
        expect(readdirSync(stands['/etc/systemd/system']).sort()).toEqual([
          'depot-status.service',
          'depot-status.timer',
          'depot.service',
          'depot.timer',
        ]);
      },
      // Comes last, since afterwards it is no longer the last deposit.
      'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --destroyed 2027-02-01': (out) => {
        expect(out).toContain(depositId);
      },
    };
    // A new command on the page has to be run here, and one that is gone from the page has to go from here.
    expect([...commands].sort()).toEqual([...Object.keys(runs), ...Object.keys(elsewhere)].sort());

    for (const [line, check] of Object.entries(runs)) {
      const words = line
        .split(' ')
        .slice(1)
        .map((word) => stands[word] ?? word);
      const config = words.includes('--config') || words.includes('--state') ? [] : ['--config', supplier.config];
      const { code, stdout, stderr } = await depot([...words, ...config], { cwd: supplier.directory });
      expect(code, `${line}\n${stdout}${stderr}`).toBe(0);
      check(stdout);
    }
  });
});

describe.skipIf(!asRoot())('the Ansible task', () => {
  test('sets up a machine that can push', async () => {
    const root = tempDir('depot-ansible');
    chmodSync(root, 0o755);
    for (const directory of ['etc/depot/incoming', 'srv/crm/export'])
      mkdirSync(join(root, directory), { recursive: true });
    const beneficiary = await makeKey(join(root, 'etc/depot/incoming/voorbeeld'), 'Gemeente Voorbeeld', 'compat');
    renameSync(beneficiary.publicKey, join(root, 'etc/depot/incoming/voorbeeld.asc'));
    for (const name of ['passphrase', 'password'])
      writeFileSync(join(root, 'etc/depot', name), 'correct horse\n', { mode: 0o600 });
    const variables: Readonly<Record<string, string>> = {
      '"{{ voorbeeld_fingerprint }}"': beneficiary.fingerprint,
      '"{{ softcrow_host_key }}"': `SHA256:${'A'.repeat(43)}`,
      depot: 'daemon',
    };
    const [, ...words] = /argv: \[([\s\S]*?)\]/
      .exec(page)![1]
      .split(/,\s*/)
      .map((word) => (variables[word] ?? word).replace(/^\/(?=etc|srv)/, `${root}/`));
    const made = await depot([...words, '--state', join(root, 'state'), '--json'], { cwd: root, env: { HOME: root } });
    expect(made.code, made.stdout + made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ ok: true, account: 'daemon', missing: [] });
  });
});

test('the depot.yaml in docs/operations.md is valid', async () => {
  const [yaml] = blocks(section('depot.yaml'), 'yaml');
  await expect(
    parseConfig(
      yaml
        .replaceAll('"…"', `"${'A'.repeat(40)}"`)
        .replace('SHA256:…', `SHA256:${'A'.repeat(43)}`)
        .replace(/^include:.*$/m, ''),
      '/etc/depot/depot.yaml',
      { env: {}, cwd: '/', platform: 'linux', home: undefined },
    ),
  ).resolves.toBeDefined();
});

const rules = join(checkout, 'docs/deploy/prometheus-rules.yaml');

test('the alert rules on the page are those of docs/deploy', () => {
  expect(readFileSync(rules, 'utf8').replace(/^#.*\n/, '')).toBe(blocks(section('Monitoring'), 'yaml')[0]);
});

test.skipIf(peer('promtool') === undefined)('Prometheus accepts the alert rules', async () => {
  expect((await mustRun('promtool', ['check', 'rules', rules])).stdout).toContain('6 rules found');
});

describe('databases', () => {
  const databases = blocks(section('Databases'), 'yaml');

  test.each(databases)('example %# on the page is a valid dataset', async (yaml) => {
    const config = [
      'version: 1',
      'supplier: { name: Acme, signingKey: k.asc }',
      'remote: { host: 10.20.0.5, username: acme, directory: /incoming }',
      'arrangements:',
      '  acme-crm:',
      `    beneficiaries: [{ name: V, key: v.asc, fingerprint: "${'A'.repeat(40)}" }]`,
      '    dataset:',
      // One is for Windows, and its name for what a backup is called is taken from a path of here.
      ...yaml
        .replaceAll('D:\\stage\\', '/srv/stage/')
        .trimEnd()
        .split('\n')
        .map((line) => `      ${line}`),
      '',
    ].join('\n');
    const { arrangements } = await parseConfig(config, '/etc/depot/depot.yaml', {
      env: {},
      cwd: '/',
      platform: 'linux',
      home: undefined,
    });
    expect(arrangements.get('acme-crm')!.dataset).toHaveLength(1);
  });

  test('the page has examples for PostgreSQL, MariaDB, SQLite, SQL Server and RavenDB', () => {
    expect(databases.map((yaml) => /postgresql|mariadb|sqlite|sqlserver|smuggler/.exec(yaml)?.[0])).toEqual([
      'postgresql',
      'mariadb',
      'sqlite',
      'sqlserver',
      'sqlserver',
      'smuggler',
    ]);
  });
});
