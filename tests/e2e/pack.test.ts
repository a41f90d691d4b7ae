import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, json } from '../support/cli.js';
import { packed } from '../support/packed.js';
import { peers } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { freshPath, Supplier } from '../support/supplier.js';

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  bundleDependencies: string[];
  files: string[];
}
const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as Manifest;
const onPath = peers('tar');

let program: string;
let contents: string[];

beforeAll(async () => {
  ({ program, contents } = await packed());
}, 300_000);

describe.skipIf(onPath === undefined)('the package', () => {
  test('contains every dependency', () => {
    expect([...manifest.bundleDependencies].sort()).toEqual(Object.keys(manifest.dependencies).sort());
    for (const name of manifest.bundleDependencies) expect(contents).toContain(`node_modules/${name}/package.json`);
  });

  test('contains no TypeScript, no binary compiled on this machine, no tests and no keys', () => {
    const unwanted = contents.filter((file) =>
      /(?<!\.d)\.ts$|\.node$|\.map$|(?:^|\/)tests?\/fixtures\/|_(?:rsa|dsa|ecdsa|ed25519)(?:_|$)|\.pem$|\.secret\.asc$|^src\/|^tests\//.test(
        file,
      ),
    );
    expect(unwanted).toEqual([]);
  });

  test('contains the schemas, the documents and the licences of bundled code', () => {
    for (const file of [
      'schemas/receipt-1.schema.json',
      'schemas/attestation-2.schema.json',
      'schemas/receipt-2.schema.json',
      'docs/exit-codes.md',
      'docs/pictures/parties.svg',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'dist/LICENSES.txt',
      'dist/sbom.cdx.json',
      'README.md',
    ])
      expect(contents).toContain(file);
    for (const name of ['commander', 'yaml', 'valibot'])
      expect(readFileSync(join(program, '../../dist/LICENSES.txt'), 'utf8')).toContain(`${name} `);
  });

  test('contains a bill of materials that names every package in it', () => {
    const { components } = JSON.parse(readFileSync(join(program, '../../dist/sbom.cdx.json'), 'utf8')) as {
      components: { group?: string; name: string; properties: { value: string }[] }[];
    };
    const inside = contents.map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
    const named = components
      .filter(({ properties }) => properties.some(({ value }) => value === 'node_modules'))
      .map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
    expect(new Set(named)).toEqual(new Set(inside.filter((name) => name !== undefined)));
  });

  test('prints its version when installed without network and install scripts', async () => {
    expect((await mustRun(process.execPath, [program, '--version'], { env: bareEnvironment() })).stdout).toBe(
      `${manifest.version}\n`,
    );
  });

  test('makes a key, seals, and tells a usage error from a failure', async () => {
    const cwd = tempDir();
    const env = bareEnvironment({ HOME: cwd });
    const depot = (...args: string[]) => run(process.execPath, [program, ...args], { cwd, env });
    const made = await depot(
      'key',
      'generate',
      'arrangement',
      '--name',
      'Gemeente Voorbeeld',
      '--email',
      'ict@voorbeeld.example',
      '--out',
      'them',
      '--no-passphrase',
      '--json',
    );
    expect(made.code, made.stderr).toBe(0);
    expect(
      (
        await depot(
          'key',
          'generate',
          'signer',
          '--name',
          'Acme',
          '--email',
          'ops@acme.example',
          '--out',
          'us',
          '--no-passphrase',
        )
      ).code,
    ).toBe(0);
    const { fingerprint } = JSON.parse(made.stdout) as { fingerprint: string };
    mkdirSync(join(cwd, 'data'));
    writeFileSync(join(cwd, 'data/customers.csv'), 'id;name\n'.repeat(10_000));
    writeFileSync(
      join(cwd, 'depot.yaml'),
      [
        'version: 1',
        'supplier: { name: Acme, signingKey: us.secret.asc }',
        'remote: { host: 127.0.0.1, username: acme, directory: /incoming }',
        'arrangements: { acme-crm: { beneficiaries: [{ name: G, key: them.public.asc, fingerprint: "' +
          fingerprint +
          '" }], dataset: [{ directory: data }] } }',
        '',
      ].join('\n'),
      { mode: 0o600 },
    );
    const dry = await depot('push', '--dry-run', '--json');
    expect(dry.code, dry.stdout + dry.stderr).toBe(0);
    expect(json(dry)).toMatchObject({ ok: true, results: [{ dryRun: { entries: 2 } }] });
    expect((await depot('psuh')).code).toBe(2);
    expect((await depot('verify', 'depot.yaml')).code).toBe(21);
  });
});

describe.skipIf(onPath === undefined || peers('sshd', 'ssh-keygen') === undefined)(
  'the installed program on a real server',
  () => {
    test('deposits, verifies and opens', async () => {
      const server = await startSshd();
      const supplier = await Supplier.create(server);
      writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n'.repeat(1000));
      const deposit = await supplier.deposit([], { script: program });
      const proof = [
        join(server.incoming, deposit.suitcase),
        '--receipt',
        deposit.receiptFile,
        '--signer',
        supplier.signerPublic,
        '--key',
        supplier.recipientKey,
      ];
      const verified = await supplier.depot(['verify', ...proof, '--deep', '--json'], { script: program });
      expect(json(verified)).toMatchObject({ ok: true, result: 'passed' });
      const out = freshPath();
      expect((await supplier.depot(['decrypt', ...proof, '--out', out], { script: program })).code).toBe(0);
      expect(readFileSync(join(out, 'data/data/customers.csv'), 'utf8')).toBe('id;name\n'.repeat(1000));
    });
  },
);
