/** `--rehearse` opens the suitcase while it is uploaded; a broken seal publishes nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { makeAwkward, pattern } from '../support/awkward.js';
import { json, mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';

const have = peers('sshd', 'ssh-keygen');
const MiB = 2 ** 20;

let server: Sshd;
beforeAll(async () => {
  if (have !== undefined) server = await startSshd();
});

async function supplierWith(bytes: number, options: SupplierOptions = {}): Promise<Supplier> {
  const supplier = await Supplier.create(server, options);
  writeFileSync(join(supplier.data, 'big'), pattern(bytes));
  writeFileSync(join(supplier.data, 'small'), 'small');
  return supplier;
}

describe.skipIf(!have)('a rehearsal', () => {
  test.each<[string, SupplierOptions]>([
    ['compat, gzip', { arrangement: { compression: 'gzip' } }],
    ['modern, no compression', { profile: 'modern', arrangement: { compression: 'none' } }],
    ['compat, auto, spooled', { arrangement: { spool: true } }],
  ])('of a sound deposit passes, and its receipt says so: %s', async (_, options) => {
    const supplier = await supplierWith(20 * MiB, options);
    makeAwkward(join(supplier.data));
    const { receipt, suitcase, receiptFile } = await supplier.deposit(['--rehearse']);
    expect((receipt as { rehearsed?: true }).rehearsed).toBe(true);
    await mustDepot([
      'verify',
      join(server.incoming, suitcase),
      '--receipt',
      receiptFile,
      '--signer',
      supplier.signerPublic,
      '--key',
      supplier.recipientKey,
      '--deep',
    ]);
    expect((await supplier.depot(['receipts', 'show', suitcase.split('.')[0]])).stdout).toContain(
      'opened again and compared',
    );
    expect((await supplier.depot(['push', '--rehearse'])).stdout).toMatch(
      /rehearsed +opened again while it was sealed; \d+ entries compared/,
    );
  });

  test('works in a dry run without a server, and a deposit without a rehearsal does not claim one', async () => {
    const supplier = await supplierWith(MiB);
    const dry = await supplier.depot(['push', '--dry-run', '--rehearse', '--json']);
    expect(dry.code, dry.stdout).toBe(0);
    expect(json(dry).results![0]).toMatchObject({ ok: true, dryRun: { rehearsed: true, entries: 3 } });
    expect(readFileSync((await supplier.deposit()).receiptFile, 'utf8')).not.toContain('rehearsed');
  });
});

/** Programs whose sealing is broken in one place each. */
const broken: [string, Record<string, (source: string) => string>, SupplierOptions][] = [
  [
    'a byte that flips after it was encrypted',
    {
      'seal/blocks.ts': (s) =>
        s.replace(
          'const block = this.#block!;',
          'const block = this.#block!; if (this.#bytes > 3000000) block[5] ^= 1;',
        ),
    },
    {},
  ],
  [
    'contents that change between digest and encryption',
    {
      'pgp/writer.ts': (s) =>
        s.replace(
          'update(plain: Uint8Array): void {',
          'update(plain: Uint8Array): void { if (plain.length > 100000) plain[777] = (plain[777] ?? 0) ^ 1;',
        ),
    },
    { arrangement: { compression: 'none' } },
  ],
  [
    'an end that is missing',
    {
      'pgp/writer.ts': (s) =>
        s.replace('this.#literal.final();\n    this.#encryptor.final();', 'this.#literal.final();'),
    },
    {},
  ],
  [
    'a key proof that is of nothing',
    {
      'pgp/writer.ts': (s) =>
        s.replace('return this.#head.slice(0, this.#headBytes);', 'return new Uint8Array(this.#headBytes);'),
    },
    { profile: 'modern' },
  ],
];

describe.skipIf(!have).each(broken)('a faulty seal: %s', (_, change, options) => {
  test('is deposited without a rehearsal, and refused with one', async () => {
    const script = await alteredDepot(change);
    const supplier = await supplierWith(6 * MiB, options);
    const before = server.names();
    const { result, code } = await supplier.push(['--rehearse'], { script });
    expect(result.error, JSON.stringify(result)).toMatchObject({ code: 'rehearsal-failed', exit: 21, published: 'no' });
    expect(code).toBe(21);
    expect(server.names()).toEqual(before);
    expect(supplier.stateFiles().filter((name) => name.includes('receipt'))).toEqual([]);
    const dry = await supplier.depot(['push', '--dry-run', '--rehearse', '--json'], { script });
    expect(json(dry).results![0].error).toMatchObject({ code: 'rehearsal-failed' });
    // Control: nothing else would have noticed.
    expect((await supplier.push([], { script })).code).toBe(0);
  });
});
