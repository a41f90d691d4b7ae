/** Receipts that do not belong, were changed, or were signed by the wrong key or at the wrong time: what verify and decrypt make of them. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { depotInside, json } from '../support/cli.js';
import { depotTar } from '../support/depot-tar.js';
import { type HostileSuitcase, Receiver, type SealOptions, signAnyway } from '../support/hostile-suitcase.js';
import { makeKey } from '../support/supplier.js';
import { certificate } from '../pgp/messages.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../test-fixtures/keys/${name}`, import.meta.url));
const { tar, manifest } = depotTar([{ path: 'data/a', body: 'x' }]);

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.create();
});

async function seal(o: SealOptions = {}): Promise<HostileSuitcase> {
  const { createHash } = await import('node:crypto');
  return receiver.seal(tar, {
    ...o,
    dataset: { entries: 1, bytes: 1, manifestSha256: createHash('sha256').update(manifest).digest('hex') },
  });
}

/** Both verify and decrypt, with this receipt and signer: refused with 21, and nothing written. */
async function bothRefuse(suitcase: HostileSuitcase, signer: string, says: RegExp): Promise<void> {
  const verified = await receiver.verify(suitcase, [...receiver.proof(suitcase, signer), '--json']);
  expect(json(verified).result, verified.stdout).toBe('failed');
  expect(
    json(verified)
      .checks!.filter(({ result }) => result === 'failed')
      .map(({ detail }) => detail)
      .join('\n'),
  ).toMatch(says);
  expect(verified.code).toBe(21);
  const out = receiver.out();
  const opened = await receiver.decrypt(suitcase, out, [...receiver.proof(suitcase, signer), '--json']);
  expect(opened.code, opened.stdout).toBe(21);
  expect(readdirSync(dirname(out))).toEqual([]);
}

test('control: a valid receipt passes, and proves the origin', async () => {
  const suitcase = await seal();
  const verified = await receiver.verify(suitcase, [
    ...receiver.proof(suitcase),
    '--key',
    receiver.key.secretKey,
    '--deep',
    '--json',
  ]);
  expect(verified.code, verified.stdout).toBe(0);
  const opened = await receiver.decrypt(suitcase, receiver.out(), receiver.proof(suitcase));
  expect(opened.code, opened.stderr).toBe(0);
});

test('a wrong private key: the error names the right one by the fingerprint that its owner knows', async () => {
  const suitcase = await seal();
  const out = receiver.out();
  const { error } = json(
    await depotInside([
      'decrypt',
      suitcase.file,
      '--receipt',
      suitcase.receiptFile,
      '--key',
      receiver.signer.secretKey,
      '--out',
      out,
      '--json',
    ]),
  );
  expect(error).toMatchObject({
    code: 'not-addressed',
    exit: 22,
    hint: expect.stringContaining(`one of: ${receiver.key.fingerprint} (its subkey `) as string,
  });
});

describe('the signer of a receipt', () => {
  test('is refused if it is another key than the one given', async () => {
    const stranger = await makeKey(join(receiver.directory, 'stranger'), 'Mallory', 'compat');
    await bothRefuse(
      await seal({ signer: stranger.secretKey }),
      receiver.signer.publicKey,
      /none of the given signers/,
    );
    const suitcase = await seal();
    const swapped = await receiver.verify(suitcase, receiver.proof(suitcase, receiver.key.secretKey));
    expect(swapped.stdout).toContain(`${receiver.key.fingerprint} (`);
    expect(swapped.stdout).toMatch(/\), a private key/);
    await bothRefuse(
      await seal({ signer: stranger.secretKey }),
      stranger.publicKey,
      /but says that [0-9A-F]{40} is its signer/,
    );
  });

  test('is not proven by the fingerprint in the receipt: without a given signer, the origin is not proven', async () => {
    const suitcase = await seal();
    const verified = await receiver.verify(suitcase, ['--receipt', suitcase.receiptFile, '--json']);
    expect(verified.code).toBe(24);
    expect(verified.stdout).toContain('origin not proven');
    const opened = await receiver.decrypt(suitcase, receiver.out(), ['--receipt', suitcase.receiptFile]);
    expect(opened.stdout + opened.stderr).toMatch(/origin\s+not proven/);
  });

  const during = new Date('2024-02-01T00:00:00Z');
  const late = new Date('2025-01-01T00:00:00Z');
  const cases: [string, string, Date, RegExp | null][] = [
    ['expired when it signed', 'expired', late, /had expired on 2024-03-01/],
    ['expired since', 'expired', during, null],
    ['retired since', 'retired', during, null],
    ['superseded since', 'superseded', during, null],
    ['retired when it signed', 'retired', late, /before it signed/],
    ['compromised since', 'compromised', during, /invalidates all its signatures/],
    ['revoked since without a reason', 'unexplained', during, /invalidates all its signatures/],
  ];
  test.each(cases)('%s', async (_, name, signedAt, says) => {
    const { fingerprint } = await certificate(name);
    const suitcase = await seal({ signer: fixture(`${name}.secret.asc`), signedAt, signerFingerprint: fingerprint });
    const signer = fixture(`${name}.public.asc`);
    if (says !== null) return bothRefuse(suitcase, signer, says);
    const verified = await receiver.verify(suitcase, [...receiver.proof(suitcase, signer), '--json']);
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.stderr, 'a warning says what became of the signer').toMatch(
      /depot: warning: signer [0-9A-F]{40} (?:was|expired)/,
    );
    return undefined;
  });
});

describe('a receipt that does not match is refused', () => {
  test('of another suitcase', async () => {
    const [one, other] = [await seal(), await seal()];
    await bothRefuse(
      { ...one, receiptFile: other.receiptFile },
      receiver.signer.publicKey,
      /not the same as in the receipt|but the receipt says/,
    );
  });

  test.each<
    [string, (mine: HostileSuitcase['receipt'], theirs: HostileSuitcase['receipt']) => HostileSuitcase['receipt']]
  >([
    [
      'session key packets',
      (mine, theirs) => ({ ...mine, keyProof: { ...mine.keyProof, pkesk: theirs.keyProof.pkesk } }),
    ],
    ['head', (mine, theirs) => ({ ...mine, keyProof: { ...mine.keyProof, head: theirs.keyProof.head } })],
    [
      'packets and head',
      (mine, theirs) => ({ ...mine, keyProof: { ...theirs.keyProof, commitment: mine.keyProof.commitment } }),
    ],
    ['whole key proof', (mine, theirs) => ({ ...mine, keyProof: theirs.keyProof })],
    [
      'commitment',
      (mine, theirs) => ({ ...mine, keyProof: { ...mine.keyProof, commitment: theirs.keyProof.commitment } }),
    ],
  ])(
    "with another deposit's %s, properly signed: fails with the suitcase, and the key proof without it",
    async (_, change) => {
      const other = await seal();
      const suitcase = await seal({ receipt: (mine) => change(mine, other.receipt) });
      const withKey = [...receiver.proof(suitcase), '--key', receiver.key.secretKey, '--json'];
      const verified = await receiver.verify(suitcase, withKey);
      expect(verified.code, verified.stdout).toBe(21);
      const out = receiver.out();
      expect((await receiver.decrypt(suitcase, out, receiver.proof(suitcase))).code).toBe(21);
      expect(readdirSync(dirname(out))).toEqual([]);
      const alone = await depotInside(['verify', ...withKey]);
      expect(alone.code, alone.stdout).toBe(21);
    },
  );

  test('with other counts or another manifest digest than the archive has', async () => {
    for (const dataset of [{ entries: 2 }, { bytes: 2 }, { manifestSha256: '11'.repeat(32) }]) {
      const suitcase = await seal({ receipt: (mine) => ({ ...mine, dataset: { ...mine.dataset, ...dataset } }) });
      const verified = await receiver.verify(suitcase, [
        ...receiver.proof(suitcase),
        '--key',
        receiver.key.secretKey,
        '--deep',
      ]);
      expect(verified.code, verified.stdout).toBe(21);
    }
  });
});

describe('an edited receipt is refused', () => {
  test('with one byte changed, white space, a repeated or an added key, nesting, or another encoding', async () => {
    const suitcase = await seal();
    const text = readFileSync(suitcase.receiptFile, 'utf8');
    const edits = [
      text.replace('"complete": true', '"complete": false'),
      text.replace('  "schema"', ' "schema"'),
      `${text}\n`,
      text.replace('\n', '\r\n'),
      text.replace('{\n', '{\n  "extra": 1,\n'),
      text.replace('"arrangement": "acme-crm"', '"arrangement": "acme-crm",\n  "arrangement": "acme-crm"'),
      `\ufeff${text}`,
      '['.repeat(100_000),
      '{"schema":"depot.receipt/1"}',
      '',
      'null',
      `"${'x'.repeat(1000)}"`,
    ];
    for (const edit of edits) {
      writeFileSync(suitcase.receiptFile, edit);
      const verified = await receiver.verify(suitcase, receiver.proof(suitcase));
      expect(verified.code, edit.slice(0, 100)).toBe(21);
    }
  });

  test("with another receipt's signature, none, or something that is not a signature", async () => {
    const [suitcase, other] = [await seal(), await seal()];
    copyFileSync(`${other.receiptFile}.asc`, `${suitcase.receiptFile}.asc`);
    await bothRefuse(suitcase, receiver.signer.publicKey, /changed/);
    for (const bytes of ['', 'garbage', readFileSync(receiver.signer.publicKey, 'utf8'), Buffer.alloc(1000, 0xc2)]) {
      writeFileSync(`${suitcase.receiptFile}.asc`, bytes);
      expect((await receiver.verify(suitcase, receiver.proof(suitcase))).code).toBe(21);
    }
  });

  test('with a signature dated in the future', async () => {
    const suitcase = await seal();
    writeFileSync(
      `${suitcase.receiptFile}.asc`,
      await signAnyway(
        readFileSync(suitcase.receiptFile),
        receiver.signer.secretKey,
        new Date(Date.now() + 86_400_000),
      ),
    );
    await bothRefuse(suitcase, receiver.signer.publicKey, /in the future/);
  });
});
