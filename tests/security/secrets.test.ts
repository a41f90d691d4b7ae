/** No secret in what depot says, in its records, or in argv and environment of what it starts: over runs that succeed and runs that fail. */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Canary, leaks, textCanary } from '../support/canaries.js';
import { tempDir } from '../support/cleanup.js';
import { depot } from '../support/cli.js';
import { type Finished } from '../support/process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { makeKey, Supplier } from '../support/supplier.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { randomBytes } from 'node:crypto';

const word = (): string => randomBytes(18).toString('hex');
const password = word();
const signingPassphrase = word();
const sshPassphrase = word();
const wrong = word();
const canaries: Canary[] = [
  textCanary('password', password),
  textCanary('signing passphrase', signingPassphrase),
  textCanary('SSH passphrase', sshPassphrase),
  textCanary('a wrong secret', wrong),
];
const sshKeygen = peer('ssh-keygen');

interface Scene {
  supplier: Supplier;
  /** Where the processes that depot starts note their arguments and environment. */
  notes: string;
}

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer({ password });
});

/** A source, an alert and a password command that write down how they were started; the source also prints its environment and fails, when told. */
async function scene(
  o: { failing?: boolean; login?: 'file' | 'command' | 'failing command' | 'environment' } = {},
): Promise<Scene> {
  const notes = tempDir('depot-notes');
  const note = join(notes, 'note.sh');
  writeFileSync(
    note,
    `#!/bin/sh\n{ cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline | tr '\\0' '\\n'; env; } > "${notes}/$1.$$"\n`,
  );
  chmodSync(note, 0o755);
  const source = join(notes, 'source.sh');
  writeFileSync(source, `#!/bin/sh\n"${note}" source\nenv >&2\necho data\n${o.failing ? 'exit 3' : ''}\n`);
  chmodSync(source, 0o755);
  const ask = join(notes, 'ask.sh');
  writeFileSync(
    ask,
    `#!/bin/sh\n"${note}" ask\n${o.login === 'failing command' ? `echo ${password}; echo no luck >&2; exit 7` : `echo ${password}`}\n`,
  );
  chmodSync(ask, 0o755);
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      ownProcess: true,
      dataset: [{ command: [source], as: 'x' }],
      remote: {
        passwordFile: o.login === undefined || o.login === 'file' ? 'secrets/password' : undefined,
        ...(o.login === 'command' || o.login === 'failing command' ? { passwordCommand: [ask] } : {}),
      },
      top: {
        supplier: { name: 'Acme', signingKey: 'keys/locked.secret.asc', signingKeyPassphraseFile: 'secrets/signer' },
        notify: { command: [note, 'notify'], on: ['failure', 'stale'] },
      },
    },
  );
  await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', signingPassphrase);
  writeFileSync(join(supplier.directory, 'secrets/signer'), signingPassphrase, { mode: 0o600 });
  return { supplier, notes };
}

/** Everything that is left of a run but what holds secrets on purpose: output, state directory, notes of the children. */
function traces({ supplier, notes }: Scene, finished: Finished): [string, Buffer][] {
  const files = existsSync(supplier.state)
    ? readdirSync(supplier.state, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];
  const noted = readdirSync(notes)
    .filter((name) => !name.endsWith('.sh'))
    .map((name) => join(notes, name));
  return [
    ['stdout', finished.bytes],
    ['stderr', Buffer.from(finished.stderr)],
    ...[...files, ...noted].map((file): [string, Buffer] => [file, readFileSync(file)]),
  ];
}

/** Runs push and expects this exit status, children that were seen, and no secret anywhere. */
async function expectSilence(
  s: Scene,
  exit: number,
  o: { env?: NodeJS.ProcessEnv; children: string[]; json?: boolean },
): Promise<void> {
  const finished = await s.supplier.depot(['push', ...(o.json === true ? ['--json'] : [])], {
    env: { DEPOT_DEBUG: '1', DEPOT_LOG: 'debug', ...o.env },
  });
  expect(finished.code, finished.stdout + finished.stderr).toBe(exit);
  // Whether an alert goes out is another test's matter; when one does, what it was given is searched too.
  const noted = new Set(
    readdirSync(s.notes)
      .filter((name) => !name.endsWith('.sh'))
      .map((name) => name.split('.')[0]),
  );
  noted.delete('notify');
  expect([...noted].sort()).toEqual(o.children);
  expect(leaks(traces(s, finished), canaries)).toEqual([]);
}

describe.skipIf(process.platform !== 'linux')(
  'with DEPOT_DEBUG=1 and DEPOT_LOG=debug, no secret is shown by a push',
  () => {
    test('that succeeds, with a password from a file, a command or the environment', async () => {
      await expectSilence(await scene(), 0, { children: ['source'] });
      await expectSilence(await scene({ login: 'command' }), 0, { children: ['ask', 'source'], json: true });
      await expectSilence(await scene({ login: 'environment' }), 0, {
        children: ['source'],
        env: {
          DEPOT_PASSWORD: password,
          DEPOT_SIGNING_KEY_PASSPHRASE: signingPassphrase,
          DEPOT_PASSPHRASE: wrong,
          CREDENTIALS_DIRECTORY: `/${wrong}`,
        },
      });
    });

    test('whose source prints its environment and fails', async () => {
      await expectSilence(await scene({ failing: true, login: 'environment' }), 3, {
        children: ['source'],
        env: { DEPOT_PASSWORD: password, DEPOT_SIGNING_KEY_PASSPHRASE: signingPassphrase },
      });
    });

    test('whose password command fails after it printed the password', async () => {
      await expectSilence(await scene({ login: 'failing command' }), 17, { children: ['ask'] });
    });

    test('with a wrong password', async () => {
      const s = await scene({ login: 'environment' });
      await expectSilence(s, 12, { children: [], env: { DEPOT_PASSWORD: wrong } });
      await expectSilence(s, 12, { children: [], env: { DEPOT_PASSWORD: wrong }, json: true });
    });

    test('with a wrong passphrase of the signing key', async () => {
      const s = await scene();
      writeFileSync(join(s.supplier.directory, 'secrets/signer'), wrong, { mode: 0o600 });
      await expectSilence(s, 17, { children: [] });
    });

    test.skipIf(sshKeygen === undefined)(
      'with an SSH key: the wrong passphrase, and the right one, before a login by password',
      async () => {
        const s = await scene();
        const key = join(s.supplier.directory, 'keys/ssh');
        await mustRun(sshKeygen!, ['-q', '-t', 'ed25519', '-a', '1', '-N', sshPassphrase, '-f', key]);
        s.supplier.writeConfig({ remote: { privateKey: 'keys/ssh', passwordFile: 'secrets/password' } });
        await expectSilence(s, 17, { children: [], env: { DEPOT_PRIVATE_KEY_PASSPHRASE: wrong } });
        await expectSilence(s, 0, { children: ['source'], env: { DEPOT_PRIVATE_KEY_PASSPHRASE: sshPassphrase } });
      },
    );

    test("control: a password in a source's own env is passed on, and the search finds it", async () => {
      const s = await scene();
      s.supplier.writeConfig({
        dataset: [{ command: [join(s.notes, 'source.sh')], as: 'x', env: { PGPASSWORD: password } }],
      });
      const finished = await s.supplier.depot(['push']);
      expect(finished.code).toBe(0);
      expect(leaks(traces(s, finished), canaries)).not.toEqual([]);
    });
  },
);

test('decrypt and verify do not show a wrong passphrase', async () => {
  const directory = tempDir();
  const ours = await makeKey(join(directory, 'ours'), 'Gemeente', 'compat', signingPassphrase);
  const encryptionKeys = (await openpgp.readKey({ armoredKey: readFileSync(ours.publicKey, 'utf8') })).toPublic();
  writeFileSync(
    join(directory, 'x'),
    (await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: new Uint8Array(100) }),
      encryptionKeys,
      format: 'binary',
    })) as Uint8Array,
  );
  for (const args of [
    ['decrypt', 'x', '--key', ours.secretKey, '--out', 'y'],
    ['verify', 'x', '--no-signature', '--key', ours.secretKey],
  ]) {
    const finished = await depot(args, { cwd: directory, env: { DEPOT_DEBUG: '1', DEPOT_PASSPHRASE: wrong } });
    expect(finished.code, finished.stderr).toBe(17);
    expect(
      leaks(
        [
          ['stdout', finished.bytes],
          ['stderr', Buffer.from(finished.stderr)],
        ],
        canaries,
      ),
    ).toEqual([]);
  }
});
