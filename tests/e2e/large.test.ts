/** A deposit large enough for several threads to open it: whole if it is unchanged, and not at all otherwise. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, json, mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const MiB = 1 << 20;

describe.skipIf(!peers('sshd', 'ssh-keygen')).each([
  ['compat', 'auto'],
  ['modern', 'none'],
] as const)('%s, compression %s', (profile, compression) => {
  let server: Sshd;
  let supplier: Supplier;
  let deposit: Deposit;
  let suitcase: string;
  beforeAll(async () => {
    server = await startSshd();
    const command = [process.execPath, '-e', 'process.stdout.write(Buffer.alloc(17 * 1048576 + 5, "parts "))'];
    supplier = await Supplier.create(server, {
      profile,
      arrangement: { compression },
      dataset: [{ directory: 'data' }, { command, as: 'in-parts' }],
    });
    mkdirSync(join(supplier.data, 'files'));
    const noise = randomBytes(13 * MiB + 1);
    for (const bytes of [0, 1, 4 * MiB - 1, 4 * MiB, 4 * MiB + 1, noise.length])
      writeFileSync(join(supplier.data, 'files', `noise-${bytes}`), noise.subarray(0, bytes));
    writeFileSync(
      join(supplier.data, 'files/holes'),
      Buffer.concat([noise.subarray(0, 10), Buffer.alloc(6 * MiB), noise.subarray(0, 10), Buffer.alloc(2 * MiB)]),
    );
    deposit = await supplier.deposit();
    suitcase = join(server.incoming, deposit.suitcase);
  });
  afterAll(() => server.stop());
  const key = (): string[] => ['--key', supplier.recipientKey];
  const proof = (): string[] => ['--receipt', deposit.receiptFile, '--signer', supplier.signerPublic];

  test('opens to what was deposited', async () => {
    for (const more of [[], proof()]) {
      const out = freshPath();
      await mustDepot(['decrypt', suitcase, ...key(), ...more, '--out', out]);
      expect(await differences(supplier.data, join(out, 'data/data'))).toEqual([]);
      expect(readFileSync(join(out, 'data/in-parts')).equals(Buffer.alloc(17 * MiB + 5, 'parts '))).toBe(true);
    }
    await mustDepot(['verify', suitcase, ...key(), ...proof(), '--deep']);
  });

  test('exits with 21 if a bit is flipped or the end is missing, and leaves nothing behind', async () => {
    const whole = readFileSync(suitcase);
    const directory = tempDir();
    const file = join(directory, 'suitcase.pgp');
    for (const [i, at] of [9 * MiB, whole.length - 30, -1].entries()) {
      const changed = at === -1 ? whole.subarray(0, 12 * MiB) : Buffer.from(whole);
      if (at !== -1) changed[at] ^= 1;
      writeFileSync(file, changed);
      const opened = await depot([
        'decrypt',
        file,
        ...key(),
        ...(i % 2 === 0 ? [] : proof()),
        '--out',
        join(directory, 'out'),
        '--json',
      ]);
      expect(opened.code, opened.stdout).toBe(21);
      expect(json(opened).error).toMatchObject({ code: 'verification-failed' });
      expect(readdirSync(directory)).toEqual(['suitcase.pgp']);
      expect((await depot(['verify', file, ...key(), ...proof(), '--deep'])).code).toBe(21);
    }
  });
});
