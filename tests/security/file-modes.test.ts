import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { json, depot } from '../support/cli.js';
import { makeKey, type Server, Supplier } from '../support/supplier.js';

/** Nothing listens there: a refused mode is reported before depot connects to anything. */
const nobody: Server = {
  host: '127.0.0.1',
  port: 9,
  username: 'acme',
  password: 'unused',
  remoteDirectory: '/incoming',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};
/** What root owns may be read by its group (a secret handed to a service account); the unit tests of `exposure` have all modes. */
const modes = [0o644, 0o602, ...(process.geteuid?.() === 0 ? [] : [0o640])];

async function refusal(supplier: Supplier, ...args: string[]) {
  const result = await supplier.depot([...args, '--json']);
  const { error, results } = json(result);
  return { ...(error ?? results![0].error!), status: result.code };
}

test.skipIf(process.platform === 'win32')(
  'push and doctor refuse a state directory that others can write to, and write nothing there',
  async () => {
    const supplier = await Supplier.create(nobody);
    mkdirSync(supplier.state, { recursive: true });
    chmodSync(supplier.state, 0o777);
    expect(await refusal(supplier, 'push')).toMatchObject({
      status: 5,
      code: 'state-insecure',
      published: 'no',
      hint: expect.stringContaining(`chmod go-w ${supplier.state}`) as string,
    });
    const { code, stdout, stderr } = await supplier.depot(['doctor']);
    expect(code).toBe(5);
    expect(stdout + stderr).toContain(`${supplier.state} can be changed by other accounts (mode 0777)`);
    expect(readdirSync(supplier.state)).toEqual([]);
  },
);

describe.skipIf(process.platform === 'win32')(
  'before connecting, depot refuses a private key that others can read or change',
  () => {
    test.each(modes)('a signing key with mode %o', async (mode) => {
      const supplier = await Supplier.create(nobody);
      chmodSync(supplier.signer.secretKey, mode);
      const error = await refusal(supplier, 'push');
      expect(error).toMatchObject({
        status: 17,
        code: 'secret-insecure',
        published: 'no',
        hint: `chmod 600 ${supplier.signer.secretKey}`,
      });
      expect(error.message).toContain(`mode 0${mode.toString(8)}`);
    });

    test('a signing key that is locked with a passphrase, also in a dry run', async () => {
      const supplier = await Supplier.create(nobody);
      const locked = await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', 'correct horse');
      supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: locked.secretKey } } });
      chmodSync(locked.secretKey, 0o644);
      for (const args of [['push'], ['push', '--dry-run']])
        expect(await refusal(supplier, ...args), args.join(' ')).toMatchObject({ status: 17, code: 'secret-insecure' });
      chmodSync(locked.secretKey, 0o600);
      expect(await refusal(supplier, 'push')).toMatchObject({ status: 17, code: 'secret-missing' });
    });

    test.each(modes)('an SSH key with mode %o', async (mode) => {
      const key = join(tempDir(), 'ssh');
      writeFileSync(key, '-----BEGIN OPENSSH PRIVATE KEY-----\n', { mode: 0o600 });
      const supplier = await Supplier.create({ ...nobody, privateKeyFile: key });
      chmodSync(join(supplier.directory, 'keys/ssh'), mode);
      const error = await refusal(supplier, 'push');
      expect(error).toMatchObject({
        status: 17,
        code: 'secret-insecure',
        published: 'no',
        hint: `chmod 600 ${join(supplier.directory, 'keys/ssh')}`,
      });
    });

    test('in doctor, with the same exit status', async () => {
      const supplier = await Supplier.create(nobody);
      chmodSync(supplier.signer.secretKey, 0o644);
      const { code, stdout, stderr } = await supplier.depot(['doctor']);
      expect(code).toBe(17);
      expect(stdout + stderr).toContain('can be read or changed by other accounts (mode 0644)');
    });

    test('a passphrase file', async () => {
      const cwd = tempDir();
      const locked = await makeKey(join(cwd, 'ours'), 'Gemeente', 'compat', 'correct horse');
      writeFileSync(join(cwd, 'passphrase'), 'correct horse\n', { mode: 0o644 });
      chmodSync(join(cwd, 'passphrase'), 0o644);
      const args = ['key', 'generate', 'arrangement', '--name', 'A', '--email', 'a@b.example', '--json', '--out'];
      const flag = await depot([...args, 'x', '--passphrase-file', 'passphrase'], { cwd });
      expect(json(flag).error).toMatchObject({ code: 'secret-insecure', exit: 17, hint: 'chmod 600 passphrase' });
      const variable = await depot([...args, 'y'], { cwd, env: { DEPOT_PASSPHRASE_FILE: 'passphrase' } });
      expect(json(variable).error).toMatchObject({ code: 'secret-insecure', exit: 17 });
      expect(readFileSync(locked.secretKey, 'utf8')).toContain('PRIVATE KEY');
    });
  },
);
