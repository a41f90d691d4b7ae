/** A log is made to be sent to others: it has what was agreed and answered, and nothing of the dataset and no secret. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Canary, canary, leaks, textCanary } from '../support/canaries.js';
import type { Finished } from '../support/process.js';
import { type ScriptedOptions, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

const password = 'the server opens to these words';
const line = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:info |debug) /;

interface Scene {
  server: ScriptedServer;
  supplier: Supplier;
  canaries: Canary[];
}

async function scene(options: ScriptedOptions = {}, more: Record<string, unknown> = {}): Promise<Scene> {
  const server = await startScriptedServer({ software: 'OpenSSH_9.2', password, ...options });
  const [contents, name, printed, told] = ["a file's contents", "a file's name", "a command's output", 'stderr'].map(
    canary,
  );
  const hex = (one: Canary): string => one.bytes.toString('hex');
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      ownProcess: true,
      dataset: [{ directory: 'data' }, { command: ['sh', '-c', 'cat printed; cat told >&2'], as: 'x' }],
      arrangement: { compression: 'none', ...more },
    },
  );
  writeFileSync(join(supplier.directory, 'printed'), printed.bytes);
  writeFileSync(join(supplier.directory, 'told'), hex(told));
  mkdirSync(join(supplier.data, hex(name)));
  writeFileSync(join(supplier.data, hex(name), `${hex(name)}.txt`), Buffer.concat([contents.bytes, Buffer.alloc(3e6)]));
  return { server, supplier, canaries: [contents, name, printed, told, textCanary('password', password)] };
}

/** The lines of the log; errors and warnings, which are for the person who runs it, name files. */
function logOf({ stderr }: Finished): string[] {
  return stderr.split('\n').filter((one) => line.test(one));
}

async function logged(s: Scene, args: string[], code: number): Promise<string[]> {
  const finished = await s.supplier.depot(args, { env: { DEPOT_LOG: 'debug' } });
  expect(finished.code, finished.stderr).toBe(code);
  const log = logOf(finished);
  expect(log.length).toBeGreaterThan(3);
  expect(leaks([['the log', Buffer.from(log.join('\n'))]], s.canaries)).toEqual([]);
  return log;
}

describe('the log of a push', () => {
  test('tells what was agreed and what the server answered', async () => {
    const s = await scene({ fsync: true });
    const log = (await logged(s, ['push'], 0)).join('\n');
    for (const expected of [
      /configuration \S+depot\.yaml/,
      /acme-crm: connecting to 127\.0\.0\.1:\d+/,
      /identifies itself as SSH-2\.0-OpenSSH_9\.2/,
      /agreed on key exchange \S+, host key ssh-ed25519, cipher \S+, MAC .*, compression none/,
      /shows the host key ssh-ed25519 SHA256:\S+, which is pinned/,
      /offers password/,
      /sending the password from file \S+/,
      /accepted the login/,
      /with the extensions .*fsync@openssh\.com 1/,
      /source 1 of 2 \(directory\) is read, entries: 3, bytes: 3000032/,
      /source 2 of 2 \(command\) is read, entries: 1, bytes: 32/,
      /sftp \d+ > #\d+ OPEN \/in\/\.\S+\.partial write,create,exclusive/,
      /sftp \d+ < #\d+ handle [0-9a-f]+, [\d.]+ ms/,
      /sftp \d+ > #\d+ WRITE handle [0-9a-f]+ offset 0 length \d+/,
      /sftp \d+ < #\d+ status 2 \(.*\), [\d.]+ ms/,
      /sftp \d+ > #\d+ RENAME \/in\/\.\S+\.partial to \/in\/\S+\.pgp/,
      /the suitcase is published as/,
      /the run ends after .*: exit 0, published: yes/,
    ])
      expect(log).toMatch(expected);
  });

  test('answers to questions of the server are not in it', async () => {
    const s = await scene({
      methods: ['keyboard-interactive'],
      prompts: [{ prompt: 'Password: ', echo: false, answer: password }],
    });
    expect((await logged(s, ['push'], 0)).join('\n')).toMatch(/asks: 'Password:'/);
  });

  test('nor is a file of the dataset where one is at fault', async () => {
    const s = await scene({}, { shrink: 'off' });
    const failing = { command: ['sh', '-c', 'cat told >&2; exit 3'], as: 'y' };
    s.supplier.writeConfig({ dataset: [{ directory: 'data' }, failing] });
    const log = (await logged(s, ['push'], 3)).join('\n');
    expect(log).toMatch(/acme-crm: the packing thread failed: source-failed/);
    expect(log).toMatch(/the run ends after .*: exit 3 \(source-failed\), published: no/);
  });

  test('with --jobs each line names its arrangement', async () => {
    const s = await scene();
    const config = readFileSync(s.supplier.config, 'utf8');
    const [, body = ''] = /\n {2}acme-crm:\n((?: {4}.*\n?)+)/.exec(config) ?? [];
    writeFileSync(
      s.supplier.config,
      config.replace(/\n {2}acme-crm:\n/, `\n  acme-hr:\n${body.trimEnd()}\n  acme-crm:\n`),
    );
    const log = await logged(s, ['push', '--all', '--jobs', '2'], 0);
    for (const name of ['acme-crm', 'acme-hr']) {
      const own = log.filter((one) => one.includes(` ${name}: `)).join('\n');
      expect(own).toMatch(/OPEN \/in\/\.\S+\.partial/);
      const foreign = name === 'acme-crm' ? 'acme-hr_' : 'acme-crm_';
      expect(own).not.toContain(foreign);
    }
  });
});

test('verify and decrypt log without a word of the contents', async () => {
  const s = await scene();
  expect((await s.supplier.depot(['push'])).code).toBe(0);
  const suitcase = [...s.server.files.entries()].find(([name]) => name.endsWith('.pgp'))!;
  const file = join(s.supplier.directory, 'x.tar.pgp');
  writeFileSync(file, suitcase[1]);
  const key = ['--key', s.supplier.recipientKey];
  const verified = await logged(s, ['verify', file, ...key, '--deep', '--no-signature'], 0);
  expect(verified.join('\n')).toMatch(/check contents: /);
  const out = join(s.supplier.directory, 'opened');
  expect((await logged(s, ['decrypt', file, ...key, '--out', out], 0)).join('\n')).toMatch(/the opening thread begins/);
  expect(readdirSync(out)).not.toEqual([]);
});

test('--verbose logs phases and no requests; with --json the document stays alone on standard output', async () => {
  const s = await scene();
  const { code, stdout, stderr } = await s.supplier.depot(['push', '--json', '-v']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  const log = stderr.split('\n').filter((one) => line.test(one));
  expect(log.join('\n')).toMatch(/info {2}acme-crm: phase sealing/);
  expect(log.filter((one) => one.includes(' debug '))).toEqual([]);
});

test('a DEPOT_LOG that is neither info nor debug is said, and without one nothing is logged', async () => {
  const s = await scene();
  const wrong = await s.supplier.depot(['push', '--dry-run'], { env: { DEPOT_LOG: 'trace' } });
  expect(wrong.stderr).toContain('depot: warning: DEPOT_LOG is info or debug, not "trace"');
  expect(logOf(wrong)).toEqual([]);
  expect(logOf(await s.supplier.depot(['push', '--dry-run']))).toEqual([]);
});
