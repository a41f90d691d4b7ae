import { describe, expect, test } from 'vitest';
import type { Compression } from '../../src/names/deposit.js';
import { isOutbound } from '../../src/outbound.js';
import { coverBytes } from '../../src/receipt/cover.js';
import { stockLines } from '../../src/receipt/shell-lines.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { compatReceipt, receiptOf } from '../state/samples.js';
import { blocks, textOf } from './cover-text.js';

describe('a cover', () => {
  test("contains nothing of the supplier's data but the numbers of the receipt", () => {
    const receipt = receiptOf({ supplier: { name: 'Canary Software', signerFingerprint: 'C'.repeat(40) } });
    const bytes = coverBytes(receipt);
    expect(isOutbound(bytes)).toBe(true);
    const text = new TextDecoder().decode(bytes);
    expect(text).not.toContain('Canary');
    expect(text).toContain('C'.repeat(40));
    expect(coverBytes(receipt)).toEqual(bytes);
  });

  test('says the same in English and Dutch, with the same commands', () => {
    const receipt = receiptOf();
    const text = textOf(receipt);
    const [english, dutch] = text.split('\n---\n');
    expect(blocks(english)).toEqual(blocks(dutch));
    for (const half of [english, dutch]) {
      for (const fact of [
        receipt.suitcase.name,
        receipt.suitcase.sha256,
        receipt.startedAt,
        receipt.supplier.signerFingerprint,
        receipt.encryption.recipients[0].fingerprint,
        receipt.encryption.recipients[0].subkeyFingerprint,
      ])
        expect(half).toContain(fact);
    }
    expect(english).toContain('5,476,083,302 bytes');
    expect(dutch).toContain('5.476.083.302 bytes');
  });

  test.each<[Compression, string]>([
    ['none', '&& tar -x -f '],
    ['gzip', '&& gzip -d < '],
    ['zstd', '&& zstd -d < '],
  ])('unpacks %s', (compression, command) => {
    const sample = compatReceipt();
    const text = textOf(receiptOf({ ...sample, encryption: { ...sample.encryption, compression } }));
    for (const block of [blocks(text)[1], blocks(text)[3]]) expect(block).toContain(command);
  });

  test('names GnuPG only for suitcases that GnuPG can read', () => {
    expect(blocks(textOf(compatReceipt()))[1]).toContain('gpg -d');
    const modern = textOf(receiptOf());
    expect(blocks(modern)[1]).not.toContain('gpg');
    expect(blocks(modern)[1]).toContain('rsop decrypt private.secret.asc <');
    expect(modern).toContain('GnuPG cannot read this file');
    expect(modern).toContain('GnuPG kan dit bestand niet lezen');
  });

  test('lists every key that opens the suitcase', () => {
    const sample = receiptOf();
    const [one] = sample.encryption.recipients;
    const text = textOf(
      receiptOf({
        encryption: {
          ...sample.encryption,
          recipients: [
            one,
            { ...one, fingerprint: 'B'.repeat(40), subkeyFingerprint: 'B'.repeat(40), algorithm: 'RSA 3072' },
          ],
        },
      }),
    );
    expect(text).toContain(`- \`${one.fingerprint}\` (Curve25519; encryption subkey \`${one.subkeyFingerprint}\`)`);
    expect(text).toContain(`- \`${'B'.repeat(40)}\` (RSA 3072)`);
  });
});

describe('a compat cover for a key that GnuPG cannot read', () => {
  const sample = compatReceipt();
  const [one] = sample.encryption.recipients;
  const readable = { ...one, fingerprint: 'B'.repeat(40), subkeyFingerprint: 'C'.repeat(40), algorithm: 'RSA 3072' };
  const withRecipients = (...recipients: Receipt['encryption']['recipients']) =>
    textOf({ ...sample, encryption: { ...sample.encryption, recipients } });

  test.each([
    ['of version 6', { ...one, fingerprint: 'A'.repeat(64), subkeyFingerprint: 'D'.repeat(64), algorithm: 'X25519' }],
    ['of version 4 with X25519', { ...one, algorithm: 'X25519' }],
    ['of version 4 with X448', { ...one, algorithm: 'X448' }],
  ])('%s: has no line for GnuPG, or has both kinds and says which is for whom', (_, recipient) => {
    const alone = withRecipients(recipient);
    expect(blocks(alone).filter((block) => block.includes('gpg -d'))).toEqual([]);
    expect(blocks(alone).filter((block) => block.includes('rsop decrypt'))).toHaveLength(2);
    const mixed = withRecipients(readable, recipient);
    expect(blocks(mixed).filter((block) => block.includes('gpg -d'))).toHaveLength(2);
    expect(blocks(mixed).filter((block) => block.includes('rsop decrypt'))).toHaveLength(2);
    expect(mixed).toContain(`GnuPG cannot read \`${recipient.fingerprint}\``);
    // Where there is room for only one set of lines, it is the one that works for every key.
    expect(
      stockLines({ ...sample, encryption: { ...sample.encryption, recipients: [readable, recipient] } }),
    ).toContain('rsop decrypt');
  });

  test('checks the signature of a version 6 signer with rsop instead of GnuPG', () => {
    const lines = stockLines({
      ...sample,
      supplier: { ...sample.supplier, signerFingerprint: 'A'.repeat(64) },
      encryption: { ...sample.encryption, recipients: [readable] },
    });
    expect(lines).toContain('rsop verify');
    expect(lines).toContain('gpg -d');
    expect(lines).not.toContain('FINGERPRINT');
  });
});
