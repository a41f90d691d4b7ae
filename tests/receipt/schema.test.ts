import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOutbound } from '../../src/outbound.js';
import { canonicalText, receiptBytes, signatureBytes } from '../../src/receipt/canonical.js';
import { maxReceiptBytes, parseReceipt } from '../../src/receipt/parse.js';
import { fromBase64, toBase64 } from '../../src/base64.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { anyReceipt, compatReceipt, receiptOf } from '../state/samples.js';

const compiled = (name: string) =>
  new Ajv2020({ allErrors: true, strict: true, strictTypes: false }).compile(
    JSON.parse(readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8')) as object,
  );
const validate = compiled('receipt-1.schema.json');
const validateInChain = compiled('receipt-2.schema.json');
const parseText = (text: string) => parseReceipt(Buffer.from(text), 'r.json');

describe('the canonical form', () => {
  test('is JSON with two-space indents, in the documented order, with one newline, and may be uploaded', () => {
    const bytes = receiptBytes(receiptOf({ depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410' }));
    expect(isOutbound(bytes)).toBe(true);
    const text = new TextDecoder().decode(bytes);
    expect(text.startsWith('{\n  "schema": "depot.receipt/1",\n  "depositId": "acme-crm_2026')).toBe(true);
    expect(text.endsWith('}\n')).toBe(true);
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      'schema',
      'depositId',
      'arrangement',
      'supplier',
      'startedAt',
      'completedAt',
      'suitcase',
      'encryption',
      'keyProof',
      'dataset',
      'cover',
      'transfer',
      'client',
      'ledger',
    ]);
  });

  test('does not depend on the order in which an object was built', () => {
    const shuffle = (value: unknown): unknown =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([k, v]) => [k, shuffle(v)]),
          )
        : Array.isArray(value)
          ? value.map(shuffle)
          : value;
    const sample = receiptOf({ rehearsed: true });
    expect(canonicalText(shuffle(sample) as Receipt)).toBe(canonicalText(sample));
  });

  test('of any receipt parses back to the same receipt, and the published JSON Schema accepts it', () => {
    fc.assert(
      fc.property(anyReceipt, (receipt) => {
        const parsed = parseReceipt(receiptBytes(receipt));
        expect(parsed).toEqual(receipt);
        const [fits, other] = receipt.chain === undefined ? [validate, validateInChain] : [validateInChain, validate];
        expect(fits(parsed), JSON.stringify(fits.errors)).toBe(true);
        expect(other(parsed), 'as the other version').toBe(false);
      }),
    );
  });

  test('a signature must be armored', () => {
    expect(isOutbound(signatureBytes('-----BEGIN PGP SIGNATURE-----\n\nwsB\n-----END PGP SIGNATURE-----\n'))).toBe(
      true,
    );
    const good = '-----BEGIN PGP SIGNATURE-----\n\nwsB\n-----END PGP SIGNATURE-----\n';
    const secret = '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nwsB\n-----END PGP PRIVATE KEY BLOCK-----\n';
    for (const bad of [
      '',
      secret,
      `${good}${secret}`,
      `${secret}${good}`,
      good.replace('wsB', secret),
      `${good}x`,
      good.slice(0, -10),
    ]) {
      expect(() => signatureBytes(bad)).toThrow(expect.objectContaining({ code: 'verification-failed' }));
    }
  });
});

/** Wrong receipts: what is done to a good one, what the error says, and whether a JSON Schema can see it. */
const wrong: [string, (r: Receipt) => unknown, RegExp, boolean][] = [
  ['an unknown key', (r) => ({ ...r, note: 'x' }), /note/, true],
  ['an unknown key further down', (r) => ({ ...r, suitcase: { ...r.suitcase, note: 1 } }), /suitcase\.note/, true],
  ['a missing key', (r) => ({ ...r, ledger: undefined }), /ledger/, true],
  [
    'a lower-case fingerprint',
    (r) => ({ ...r, supplier: { ...r.supplier, signerFingerprint: 'a'.repeat(40) } }),
    /supplier\.signerFingerprint/,
    true,
  ],
  [
    'an upper-case digest',
    (r) => ({ ...r, suitcase: { ...r.suitcase, sha256: 'AB'.repeat(32) } }),
    /suitcase\.sha256/,
    true,
  ],
  ['a size that is no integer', (r) => ({ ...r, suitcase: { ...r.suitcase, bytes: 1.5 } }), /suitcase\.bytes/, true],
  ['a negative size', (r) => ({ ...r, dataset: { ...r.dataset, bytes: -1 } }), /dataset\.bytes/, true],
  ['a size as text', (r) => ({ ...r, dataset: { ...r.dataset, bytes: '1' } }), /dataset\.bytes/, true],
  ['a size that is not exact', (r) => ({ ...r, dataset: { ...r.dataset, bytes: 2 ** 53 } }), /dataset\.bytes/, true],
  ['a time that no calendar has', (r) => ({ ...r, startedAt: '2026-02-30T00:00:00Z' }), /startedAt/, false],
  [
    'an end before the beginning',
    (r) => ({ ...r, completedAt: '2020-01-01T00:00:00Z' }),
    /completedAt: before startedAt/,
    false,
  ],
  ['no recipient', (r) => ({ ...r, encryption: { ...r.encryption, recipients: [] } }), /encryption\.recipients/, true],
  [
    'thousands of recipients',
    (r) => ({ ...r, encryption: { ...r.encryption, recipients: Array(300).fill(r.encryption.recipients[0]) } }),
    /too many recipients/,
    true,
  ],
  ['rehearsed: false', (r) => ({ ...r, rehearsed: false }), /rehearsed/, true],
  [
    'AEAD with SEIPDv1',
    (r) => ({ ...r, encryption: { ...r.encryption, packet: 'SEIPDv1', cipher: 'AES-256-CFB' } }),
    /encryption\.aead/,
    true,
  ],
  [
    'a cipher of the other packet',
    (r) => ({ ...r, encryption: { ...r.encryption, cipher: 'AES-256-CFB' } }),
    /encryption\.cipher/,
    true,
  ],
  ['a head of the wrong length', (r) => ({ ...r, keyProof: { ...r.keyProof, head: 'AAAA' } }), /keyProof\.head/, false],
  ['a tail of the wrong length', (r) => ({ ...r, keyProof: { ...r.keyProof, tail: 'AAAA' } }), /keyProof\.tail/, true],
  ['no tail with SEIPDv2', (r) => ({ ...r, keyProof: { ...r.keyProof, tail: null } }), /keyProof\.tail/, false],
  ['base64 with stray bits', (r) => ({ ...r, keyProof: { ...r.keyProof, pkesk: 'AAB=' } }), /keyProof\.pkesk/, false],
  ['an empty pkesk', (r) => ({ ...r, keyProof: { ...r.keyProof, pkesk: '' } }), /keyProof\.pkesk/, true],
  [
    'the suitcase of another deposit',
    (r) => ({ ...r, suitcase: { ...r.suitcase, name: 'acme-crm_20261122T003000Z_0000000000000000.tar.zst.pgp' } }),
    /suitcase\.name/,
    false,
  ],
  ['the cover of another deposit', (r) => ({ ...r, cover: { ...r.cover, name: 'x.cover.md' } }), /cover\.name/, false],
  [
    'a remote name elsewhere',
    (r) => ({ ...r, transfer: { ...r.transfer, remoteName: '../x' } }),
    /transfer\.remoteName/,
    false,
  ],
  ['another arrangement', (r) => ({ ...r, arrangement: 'other' }), /depositId: of another arrangement/, false],
  [
    'a name that moves the cursor',
    (r) => ({ ...r, supplier: { ...r.supplier, name: 'Acme\u001b[2J' } }),
    /supplier\.name/,
    true,
  ],
  [
    'a name that turns the line round',
    (r) => ({ ...r, supplier: { ...r.supplier, name: 'Acme\u202e' } }),
    /supplier\.name/,
    true,
  ],
  [
    'a kind that is no word',
    (r) => ({ ...r, dataset: { ...r.dataset, skipped: { 'a b': 1 } } }),
    /dataset\.skipped/,
    true,
  ],
  ...['__proto__', 'constructor', 'prototype'].map((kind): (typeof wrong)[number] => [
    `anything but a number as ${kind}`,
    (r) => ({ ...r, dataset: { ...r.dataset, skipped: Object.fromEntries([[kind, '\u001b[2J']]) } }),
    /dataset\.skipped/,
    true,
  ]),
  [
    'a first line with a predecessor',
    (r) => ({ ...r, ledger: { ...r.ledger, sequence: 1 } }),
    /ledger\.previousReceiptSha256/,
    false,
  ],
  [
    'a later line without one',
    (r) => ({ ...r, ledger: { ...r.ledger, previousReceiptSha256: null } }),
    /ledger\.previousReceiptSha256/,
    false,
  ],
  ['line 0', (r) => ({ ...r, ledger: { ...r.ledger, sequence: 0 } }), /ledger\.sequence/, true],
];

describe('a receipt is refused', () => {
  test.each(wrong)('with %s', (_what, change, message, visible) => {
    const bad = change(receiptOf());
    expect(() => parseText(`${JSON.stringify(bad, null, 2)}\n`)).toThrow(
      expect.objectContaining({ code: 'verification-failed', message: expect.stringMatching(message) as string }),
    );
    // The schema may allow what no schema can see; what it does see it must not allow.
    expect(validate(bad)).toBe(!visible);
  });

  test('of a newer version, and the error says so', () => {
    expect(() => parseText('{"schema":"depot.receipt/3"}')).toThrow(
      'r.json is not a receipt: schema depot.receipt/3 is unknown to this version of depot',
    );
  });

  const good = canonicalText(receiptOf());
  test.each<[string, string, RegExp]>([
    ['no JSON', good.slice(0, -3), /not JSON/],
    ['another schema', '{"schema":"x"}', /its schema is not depot.receipt\/1/],
    ['a list', '[]', /its schema is not depot.receipt\/1/],
    ['null', 'null', /its schema is not depot.receipt\/1/],
    ['a byte order mark', `\ufeff${good}`, /a byte order mark was added at the start/],
    ['a trailing blank', `${good} `, /canonical/],
    ['no newline', good.trimEnd(), /canonical/],
    ['CRLF', good.replaceAll('\n', '\r\n'), /line endings were converted/],
    ['a doubled key', good.replace('"arrangement":', '"arrangement": "other",\n  "arrangement":'), /canonical/],
    ['an escaped letter', good.replace('"Acme', '"\\u0041cme'), /canonical/],
    ['a number in another form', good.replace('"sequence": 2', '"sequence": 2.0'), /canonical/],
    ['another key order', good.replace(/( {2}"depositId": .*\n)( {2}"arrangement": .*\n)/, '$2$1'), /canonical/],
    ['__proto__', good.replace('{\n', '{\n  "__proto__": {"x": 1},\n'), /not a receipt/],
    ['deep nesting', '['.repeat(100_000), /nested/],
    ['too many bytes', ' '.repeat(maxReceiptBytes + 1), /more than/],
  ])('that is or contains %s', (_what, text, message) => {
    expect(() => parseText(text)).toThrow(
      expect.objectContaining({ code: 'verification-failed', message: expect.stringMatching(message) as string }),
    );
  });

  test('that is not UTF-8', () => {
    expect(() => parseReceipt(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow(/not UTF-8/);
  });

  test('without printing any of its contents unescaped', () => {
    expect(() => parseReceipt(Buffer.from('{"schema":"depot.receipt/\\u001b[2J"}'), 'a\u001bb')).toThrow(
      /^a\\x1bb is not a receipt: schema depot\.receipt\/\\x1b\[2J /,
    );
  });

  test('or reads differently after any one character is changed', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (at, code) => {
        const changed = good.slice(0, at) + String.fromCharCode(code) + good.slice(at + 1);
        fc.pre(changed !== good);
        let parsed: Receipt;
        try {
          parsed = parseText(changed);
        } catch (error) {
          expect(error).toMatchObject({ code: 'verification-failed' });
          return;
        }
        expect(canonicalText(parsed)).toBe(changed);
      }),
      { numRuns: 500 },
    );
  });
});

test('a compat receipt has no AEAD and no tail', () => {
  expect(parseReceipt(receiptBytes(compatReceipt())).keyProof.tail).toBeNull();
});

test('base64 encodes and decodes any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(toBase64(bytes))).toEqual(Uint8Array.from(bytes));
    }),
  );
});

test('of texts in base64, only the one that encoding gives is taken', () => {
  const letters = Array.from('ABCQghwEIMUYcko048s/+=');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...letters), { maxLength: 9 }), (chosen) => {
      const text = chosen.join('');
      const isCanonical = Buffer.from(text, 'base64').toString('base64') === text;
      expect(fromBase64(text) !== null).toBe(isCanonical);
    }),
    { numRuns: 5000 },
  );
});
