/** A weak or broken key meets the same refusal whichever command it is given to, and never an exit of 1. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { generatePrimeSync } from 'node:crypto';
import { readCertificate } from '../../src/pgp/keys.js';
import { rsa, withSubkey, x25519, type Doubtful } from '../pgp/doubtful.js';
import { tempDir } from '../support/cleanup.js';
import { depotHere } from '../support/in-process.js';
import { peers } from '../support/peers.js';
import type { Finished } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

const needed = peers('sshd', 'ssh-keygen');
const modulus = generatePrimeSync(1024, { bigint: true }) * generatePrimeSync(1024, { bigint: true });
const future = new Date('2090-01-01T00:00:00Z');

const keys: [string, Doubtful, string][] = [
  ['RSA with e = 1', rsa(modulus, 1n), 'exponent is 1'],
  ['RSA with an even modulus', rsa(modulus * 2n, 65_537n), 'divisible by 2'],
  ['X25519 with a point of small order', x25519(new Uint8Array(32)), 'small order'],
  ['a subkey made in the future', { created: future, boundAt: future }, 'in the future'],
];

describe.skipIf(!needed)('key add, key show, doctor, init and push all refuse', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd();
  });

  test.each(keys)('%s', async (_, o, why) => {
    const bytes = await withSubkey(o);
    const { fingerprint } = await readCertificate(bytes);
    const supplier = await Supplier.create(server, { beneficiaries: [{ key: bytes, fingerprint }] });
    const file = join(tempDir(), 'weak.public.pgp');
    writeFileSync(file, bytes);
    writeFileSync(join(supplier.data, 'a.txt'), 'a');
    const run = (...args: string[]): Promise<Finished> =>
      depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
    const words = ({ stdout, stderr }: Finished): string => (stdout + stderr).replace(/\s+/g, ' ');

    for (const args of [
      ['key', 'add', 'acme-crm', file, '--fingerprint', fingerprint],
      ['doctor'],
      ['push'],
      ['push', '--dry-run'],
    ]) {
      const refused = await run(...args);
      expect([refused.code, words(refused)], args.join(' ')).toEqual([20, expect.stringContaining(why)]);
    }
    expect(words(await depotHere(['key', 'show', file])), 'key show').toContain(why);
    const made = tempDir();
    const init = await depotHere(
      [
        'init',
        '--yes',
        '--later',
        '--config',
        join(made, 'depot.yaml'),
        '--state',
        join(made, 'state'),
        '--supplier',
        'S',
        '--arrangement',
        'acme-crm',
        '--beneficiary',
        'B',
        '--beneficiary-key',
        file,
        '--fingerprint',
        fingerprint,
        '--signer-email',
        's@s.example',
        '--no-passphrase',
        '--source',
        supplier.data,
        '--host',
        server.host,
        '--port',
        String(server.port),
        '--username',
        'u',
        '--directory',
        '/in',
        '--every',
        '24h',
        '--host-key',
        server.fingerprints[0],
      ],
      { cwd: made },
    );
    expect([init.code, words(init)], 'init').toEqual([20, expect.stringContaining(why)]);
    expect(server.names()).toEqual([]);
  });
});
