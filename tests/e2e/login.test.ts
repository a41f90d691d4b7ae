/** `depot login` tries a password at the server before it keeps it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import type { Finished } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import { terminal } from '../support/terminal.js';

const here = peers('sshd', 'ssh-keygen', 'python3') !== undefined && asRoot();

describe.skipIf(!here)('login', () => {
  /** depot.yaml says nothing of the password. */
  const nowhere = { passwordFile: undefined };
  const stored = (supplier: Supplier): string[] => {
    const secrets = join(supplier.directory, 'secrets');
    return existsSync(secrets) ? readdirSync(secrets).filter((name) => name.endsWith('.password')) : [];
  };
  const login = (supplier: Supplier, password: string, ...flags: string[]): Promise<Finished> =>
    depot(['login', '--to', 'file', '--password-stdin', '--config', supplier.config, ...flags], {
      cwd: supplier.directory,
      env: { HOME: supplier.directory },
      input: `${password}\n`,
    });

  test('keeps a password that the server takes, not one that it refuses, and an untried one with a warning', async () => {
    const server = await startSshd({ login: 'password' });
    const supplier = await Supplier.create(server, { login: 'password', remote: nowhere });
    const refused = await login(supplier, 'wrong password');
    expect([refused.code, stored(supplier)]).toEqual([12, []]);
    expect(refused.stderr).toMatch(/the server refused the password[\s\S]*hint: .*depot login acme-crm --no-try/);
    const taken = await login(supplier, server.password);
    expect([taken.code, taken.stderr, stored(supplier).length]).toEqual([0, '', 1]);
    const kept = await login(supplier, 'anything', '--no-try');
    expect([kept.code, kept.stderr]).toEqual([0, '']);
    // A server whose key is not the pinned one gets no password.
    supplier.writeConfig({ remote: { ...nowhere, hostKey: [`SHA256:${'A'.repeat(43)}`] } });
    const strange = await login(supplier, server.password);
    expect([strange.code, strange.stderr]).toEqual([0, expect.stringContaining('the password was not tried: ')]);
    await server.kill();
    const gone = await login(supplier, server.password);
    expect([gone.code, gone.stderr]).toEqual([0, expect.stringContaining('the password was not tried: ')]);
  });

  test('on a terminal says whose password it asks for, asks again, and warns before the third', async () => {
    const server = await startSshd({ login: 'password' });
    const supplier = await Supplier.create(server, { login: 'password', remote: nowhere });
    const ask = `Password of ${server.username} at ${server.host}:${server.port}`;
    const { code, text, raw } = await terminal(['login', '--to', 'file', '--config', supplier.config], {
      cwd: supplier.directory,
      columns: 80,
      dialogue: [
        [ask, 'aap noot\r'],
        ['the server refused the password', ''],
        [ask, 'mies wim\r'],
        ['lock the account after', 'y'],
        [ask, `${server.password}\r`],
      ],
    });
    expect(code, text).toBe(0);
    expect(stored(supplier)).toHaveLength(1);
    for (const secret of ['aap noot', 'mies wim', server.password]) expect(raw).not.toContain(secret);
    await server.kill();
    const untried = await terminal(['login', '--to', 'file', '--config', supplier.config], {
      cwd: supplier.directory,
      columns: 80,
      dialogue: [
        [ask, 'other\r'],
        ['Store it anyway?', 'n'],
      ],
    });
    expect(untried.code, untried.text).toBe(14);
  });
});
