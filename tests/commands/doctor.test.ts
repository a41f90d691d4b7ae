/** What doctor says of keys, secrets and servers, and that it exits as a push would. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCertificate } from '../../src/pgp/keys.js';
import { checkout } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { freePort } from '../support/ports.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey } from '../support/supplier.js';
import { examined, supplierWith } from './examined.js';

const ssh = peers('sshd', 'ssh-keygen');

describe.skipIf(!ssh)('doctor', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd();
  });

  test('when all is well, it lists every check with its numbers, and says that writing was not tested', async () => {
    const supplier = await supplierWith(server, { arrangement: { every: '24h' } });
    await supplier.deposit();
    const { exit, checks } = await examined(supplier.depot(['doctor', '--json']));
    expect(exit).toBe(0);
    expect(Object.keys(checks)).toEqual([
      'state',
      'local space',
      'last deposit',
      'recipient',
      'signer',
      'secret password',
      'secret SSH key',
      'secret signing key',
      'server',
      'host key',
      'login',
      'directory',
      'space',
      'offers',
      'writing',
      'uploads',
      'source data',
    ]);
    expect(checks['secret signing key']).toMatchObject({
      result: 'passed',
      detail: 'not needed: the key has no passphrase',
    });
    expect(checks['secret SSH key']).toMatchObject({
      result: 'passed',
      detail: 'not needed: the key has no passphrase',
    });
    expect(checks.space.detail).toMatch(/iB free at the server/);
    expect(checks.offers.detail).toMatch(/^writes of up to \d+\.\d KiB; flushes files/);
    expect(checks.uploads.detail).toBe('1–8 parallel channels, adapted to the connection; safe with OpenSSH');
    expect(checks.writing).toMatchObject({
      result: 'not possible',
      detail: `to test it with two files of a few MiB: depot doctor acme-crm --write-test --config ${supplier.config}`,
    });
    const { stdout } = await supplier.depot(['doctor']);
    expect(stdout).toMatch(/^push +A push should work\. Writing to the server was not tested\.$/m);
  });

  test('a locked signing key without a stored passphrase fails its check, with the exit code of a push', async () => {
    const supplier = await supplierWith(server);
    const locked = await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', 'correct horse');
    supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: locked.secretKey } } });
    const { exit, checks } = await examined(supplier.depot(['doctor', '--json']));
    expect(exit).toBe(17);
    expect(checks['secret signing key']).toMatchObject({
      result: 'failed',
      detail: 'stored nowhere, but needed',
      hint: `store it: depot login acme-crm --for signing-key --to file --config ${supplier.config}`,
    });
    expect(checks.signer).toEqual({
      name: 'signer',
      result: 'not possible',
      detail: 'skipped: the secret signing key is not available',
    });
    expect((await supplier.push()).code).toBe(exit);
  });

  test('a public key, which selects one of an ssh-agent, needs no passphrase, and is not called a key without one', async () => {
    const remote = { privateKey: 'agent.pub', sshAgent: 'agent.sock', retryFor: '0s' };
    const supplier = await supplierWith(server, { remote });
    writeFileSync(
      join(supplier.directory, 'agent.pub'),
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGNPSNKTuHovVIsaLbNsY3pPQVQS0gBUFbXgqC9apoh\n',
    );
    const { checks } = await examined(supplier.depot(['doctor', '--json']));
    expect(checks['secret SSH key'].detail).toBe(
      'not needed: it is a public key, for the ssh-agent that holds the private one',
    );
  });

  test('an unreachable server, a refused login and a wrong host key each fail their own check, with a hint', async () => {
    const supplier = await supplierWith(server, {
      remote: { port: await freePort(), retryFor: '0s' },
      dataset: [{ directory: 'not-there' }],
    });
    const unreachable = await examined(supplier.depot(['doctor', '--json']));
    expect(unreachable.checks.port).toMatchObject({
      result: 'failed',
      hint: expect.stringContaining('check host and port'),
    });
    // The missing source does not count: a push connects before it starts any source.
    expect(unreachable.exit).toBe(14);
    expect((await supplier.push()).code).toBe(14);

    supplier.writeConfig({ remote: { privateKey: undefined, passwordFile: 'secrets/password' } });
    const refused = await examined(supplier.depot(['doctor', '--json']));
    expect(refused.exit).toBe(12);
    expect(refused.checks).toMatchObject({
      port: { result: 'passed' },
      'host key': { result: 'passed' },
      login: { result: 'failed', hint: expect.stringContaining('remote.privateKey') },
      directory: { result: 'not possible' },
    });

    supplier.writeConfig({ remote: { privateKey: undefined, passwordFile: undefined } });
    const nothing = await examined(supplier.depot(['doctor', '--json']));
    expect(nothing.checks).toMatchObject({
      'secret password': { result: 'warning', detail: 'stored nowhere, and depot.yaml names no SSH key' },
      login: {
        result: 'failed',
        detail: expect.stringContaining(
          'depot has no SSH key; the only login method that the server offers is publickey',
        ),
      },
    });

    supplier.writeConfig({ remote: { hostKey: [`SHA256:${'A'.repeat(43)}`] } });
    expect((await examined(supplier.depot(['doctor', '--json']))).checks['host key']).toMatchObject({
      result: 'failed',
      hint: expect.stringMatching(/depot\.yaml:\d+$/m),
    });
  });

  test('a late deposit and a weak key are warnings, not failures', async () => {
    const supplier = await supplierWith(server, { arrangement: { every: '24h' } });
    await supplier.deposit();
    const weak = readFileSync(join(checkout, 'test-fixtures/keys/rsa2048.public.asc'));
    supplier.writeConfig({ beneficiaries: [{ key: weak, fingerprint: (await readCertificate(weak)).fingerprint }] });
    const tomorrow = {
      node: ['--import', join(checkout, 'tests/support/preload-clock.mjs')],
      env: { DEPOT_CLOCK_S: String(31 * 3600) },
    };
    const { exit, checks } = await examined(supplier.depot(['doctor', '--json'], tomorrow));
    expect(checks.recipient).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('RSA'),
      hint: `ask Beneficiary 1 for a new key in time, then: depot key add acme-crm FILE --fingerprint F --config ${supplier.config}`,
    });
    expect(checks['last deposit']).toMatchObject({
      result: 'warning',
      detail: expect.stringMatching(/ is 31 h old; the limit is 30 h; no push was started since /),
    });
    expect(exit).toBe(0);
  });
});
