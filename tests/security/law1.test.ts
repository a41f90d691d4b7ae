/** Law 1 of docs/architecture.md: only sealed bytes leave. What a server decodes from SFTP is searched for what must never get there. */
import * as openpgp from 'openpgp';
import { hkdfSync } from 'node:crypto';
import { hostname } from 'node:os';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot, passThrough } from '../support/altered.js';
import { type Canary, canary, leaks, textCanary } from '../support/canaries.js';
import { type Receipt } from '../support/cli.js';
import { received } from '../support/received.js';
import { type ScriptedOptions, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';

interface Scene {
  server: ScriptedServer;
  supplier: Supplier;
  canaries: Canary[];
}

const signingPassphrase = 'the signer is locked with these words';
const sshPassword = 'and the server opens to these';

/** A supplier whose every source, name, path, key and secret is a canary. */
async function scene(serverOptions: ScriptedOptions, options: SupplierOptions = {}): Promise<Scene> {
  const server = await startScriptedServer({
    software: 'OpenSSH_9.2',
    fsync: true,
    ...serverOptions,
    password: sshPassword,
  });
  const [contents, name, command, directoryName, sourceName, specification, stderr] = [
    "a file's contents",
    "a file's name",
    "a command's output",
    "a directory's name",
    "a source's name",
    'the specification',
    "a command's stderr",
  ].map(canary);
  const as = sourceName.bytes.toString('hex');
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      ownProcess: true,
      dataset: [
        { directory: 'data', exclude: [`**/${canary('an excluded name').bytes.toString('hex')}`] },
        { command: ['sh', '-c', 'cat command-output; cat command-stderr >&2'], as },
      ],
      top: {
        supplier: {
          name: 'Acme SaaS B.V.',
          signingKey: 'keys/supplier.secret.asc',
          signingKeyPassphraseFile: 'secrets/signer',
        },
      },
      ...options,
      arrangement: { compression: 'none', specification: 'SPECIFICATION.md', ...options.arrangement },
    },
  );
  writeFileSync(
    join(supplier.directory, 'command-output'),
    Buffer.concat([Buffer.alloc(100_000, 'x'), command.bytes, Buffer.alloc(100_000, 'y')]),
  );
  writeFileSync(join(supplier.directory, 'command-stderr'), stderr.bytes.toString('hex'));
  writeFileSync(join(supplier.directory, 'SPECIFICATION.md'), `# ${specification.bytes.toString('hex')}\n`);
  writeFileSync(join(supplier.directory, 'secrets/signer'), signingPassphrase, { mode: 0o600 });
  writeFileSync(Buffer.concat([Buffer.from(`${supplier.data}/`), name.bytes]), contents.bytes);
  writeFileSync(
    join(supplier.data, directoryName.bytes.toString('hex')),
    Buffer.concat([Buffer.alloc(500_000, 1), contents.bytes, Buffer.alloc(5_500_000, 2)]),
  );

  const armored = readFileSync(supplier.signer.secretKey, 'utf8');
  const signer = await openpgp.readPrivateKey({ armoredKey: armored });
  const beneficiary = await openpgp.readPrivateKey({ armoredKey: readFileSync(supplier.recipientKey, 'utf8') });
  const secretParts = [signer, beneficiary]
    .flatMap((key) => [key, ...key.subkeys])
    .flatMap(({ keyPacket }) =>
      Object.values((keyPacket as unknown as { privateParams: Record<string, Uint8Array> }).privateParams).map(
        (bytes) => ({ of: `secret part of ${keyPacket.getFingerprint()}`, bytes: Buffer.from(bytes) }),
      ),
    );
  writeFileSync(
    supplier.signer.secretKey,
    (await openpgp.encryptKey({ privateKey: signer, passphrase: signingPassphrase })).armor(),
    { mode: 0o600 },
  );
  const canaries = [
    contents,
    name,
    command,
    directoryName,
    sourceName,
    specification,
    stderr,
    ...secretParts,
    textCanary('signing passphrase', signingPassphrase),
    textCanary('password', sshPassword),
    textCanary("the dataset's directory", supplier.data),
    ...(hostname().length > 5 ? [textCanary('host name', hostname())] : []),
    // In texts a hex canary stands as it is; the lists of forms are made from bytes.
    ...[directoryName, sourceName, specification, stderr].map((c) =>
      textCanary(`${c.of} as text`, c.bytes.toString('hex')),
    ),
  ];
  return { server, supplier, canaries };
}

/** The session keys of every suitcase that a receipt or a pending record of this supplier is about. */
async function sessionKeys(supplier: Supplier): Promise<Canary[]> {
  const key = await openpgp.readPrivateKey({ armoredKey: readFileSync(supplier.recipientKey, 'utf8') });
  const receipts = supplier.stateFiles().filter((name) => name.endsWith('.receipt.json'));
  const found: Canary[] = [];
  for (const name of receipts) {
    const receipt = JSON.parse(readFileSync(join(supplier.state, 'acme-crm', name), 'utf8')) as Receipt;
    // OpenPGP.js wants a whole message: an empty one behind the PKESKs will do.
    const modern = receipt.encryption.packet === 'SEIPDv2';
    const body = modern ? Buffer.from(receipt.keyProof.head, 'base64') : Buffer.from([1]);
    const message = await openpgp.readMessage({
      binaryMessage: Buffer.concat([
        Buffer.from(receipt.keyProof.pkesk, 'base64'),
        Buffer.from([0xc0 | 18, 255, 0, 0, 0, body.length]),
        body,
      ]),
    });
    const [{ data }] = await openpgp.decryptSessionKeys({ message, decryptionKeys: key });
    found.push({ of: `session key of ${receipt.depositId}`, bytes: Buffer.from(data) });
    if (modern) {
      const head = Buffer.from(receipt.keyProof.head, 'base64');
      const derived = Buffer.from(
        hkdfSync('sha256', data, head.subarray(4, 36), Buffer.concat([Buffer.from([0xd2]), head.subarray(0, 4)]), 32),
      );
      found.push({ of: `message key of ${receipt.depositId}`, bytes: derived });
    }
    expect(Buffer.from(data)).toHaveLength(32);
  }
  return found;
}

/** The link drops once, on the way. */
const dropOnce = (): NonNullable<ScriptedOptions['script']> => {
  let dropped = false;
  return (request) => {
    if (dropped || request.type !== 'write' || request.offset < 2_000_000) return undefined;
    dropped = true;
    return { then: 'drop' };
  };
};
const failing = {
  dataset: [
    { directory: 'data' },
    { command: ['sh', '-c', 'cat command-output; cat command-stderr >&2; exit 7'], as: 'x' },
  ],
};

interface Case {
  what: string;
  server?: () => ScriptedOptions;
  options?: SupplierOptions;
  exit?: number;
}

const cases: Case[] = [
  { what: 'compat, renamed' },
  { what: 'modern', options: { profile: 'modern' } },
  {
    what: 'published directly, on one lane',
    server: () => ({ software: 'other' }),
    options: { remote: { publish: 'direct' } },
  },
  { what: 'sealed to a local file first', options: { arrangement: { spool: true } } },
  { what: 'a link that drops', server: () => ({ script: dropOnce() }) },
  { what: 'a source that fails after half its output', options: failing, exit: 3 },
  { what: 'a server that runs full', server: () => ({ quota: 2_000_000 }), exit: 15 },
  {
    what: 'a rename that is refused',
    server: () => ({ script: (r) => (r.type === 'rename' ? { status: 3 } : undefined) }),
    exit: 15,
  },
  {
    what: 'a rename whose answer is lost',
    server: () => ({
      collect: 'rename',
      script: (r) => (r.type === 'rename' ? { do: true, then: 'drop' } : undefined),
    }),
    exit: 18,
  },
];

let unsealed: string;
beforeAll(async () => {
  unsealed = await alteredDepot({ 'pgp/writer.ts': () => passThrough });
});

describe.each(cases)('$what', ({ server: serverOptions = () => ({}), options = {}, exit = 0 }) => {
  test('nothing but sealed bytes, receipts and covers reaches the server', async () => {
    const { server, supplier, canaries } = await scene(serverOptions(), options);
    const { code, stdout, stderr } = await supplier.push();
    expect(code, stdout + stderr).toBe(exit);
    const bytes = received(server);
    expect(bytes.reduce((sum, [, b]) => sum + b.length, 0)).toBeGreaterThan(1_000_000);
    expect(leaks(bytes, [...canaries, ...(await sessionKeys(supplier))])).toEqual([]);
  });

  test('control: a program that does not encrypt is caught', async () => {
    const { server, supplier, canaries } = await scene(serverOptions(), options);
    await supplier.push([], { script: unsealed });
    const found = leaks(received(server), canaries).join('\n');
    // In the order of the names: a run that ends half-way does not get to all of them.
    const reached =
      exit === 3 || exit === 15 ? [] : ["a file's name, raw", "a source's name", "a command's output, raw"];
    for (const what of ["a file's contents, raw", "a directory's name", 'the specification', ...reached])
      expect(found).toContain(what);
  });
});

test('control: secrets in any form are found in what the server received', async () => {
  const { server, supplier, canaries } = await scene({});
  await supplier.deposit();
  const secrets = [...canaries, ...(await sessionKeys(supplier))].filter((c) => /key|secret|pass/.test(c.of));
  expect(secrets.length).toBeGreaterThan(6);
  for (const secret of secrets) {
    server.payloads.push({ path: '/in/planted', offset: 5, data: Buffer.from(secret.bytes.toString('base64')) });
    expect(leaks(received(server), [secret]).length, secret.of).toBeGreaterThan(0);
    server.payloads.pop();
  }
});
