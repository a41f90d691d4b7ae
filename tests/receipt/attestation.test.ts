import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  attestationBytes,
  maxAttestationBytes,
  parseAttestation,
  type Attestation,
} from '../../src/receipt/attestation.js';
import { attestationName, parseAttestationName } from '../../src/names/deposit.js';

const schema = JSON.parse(
  readFileSync(new URL('../../schemas/attestation-1.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false }).compile(
  schema,
);

const validateInChain = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(
  JSON.parse(readFileSync(new URL('../../schemas/attestation-2.schema.json', import.meta.url), 'utf8')) as object,
);

const sample: Attestation = {
  schema: 'depot.attestation/1',
  depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
  receiptSha256: '12'.repeat(32),
  suitcaseSha256: '34'.repeat(32),
  keyFingerprint: '8F3A'.repeat(10),
  subkeyFingerprint: '91C2'.repeat(16),
  checks: [
    { name: 'receipt', result: 'passed' },
    { name: 'receipt-signature', result: 'passed' },
    { name: 'suitcase', result: 'not possible' },
    { name: 'key-proof', result: 'passed' },
  ],
  opening: '56'.repeat(32),
  attestedAt: '2026-11-23T08:00:00Z',
};
const text = (a: unknown): Buffer => Buffer.from(`${JSON.stringify(a, null, 2)}\n`);

test('of an increment it tells of every deposit before it, and only then', () => {
  const { depositId, suitcaseSha256, opening, attestedAt, ...rest } = sample;
  const chain = [{ depositId, suitcaseSha256, opening }];
  const increment = { ...rest, depositId, suitcaseSha256, schema: 'depot.attestation/2', opening, chain, attestedAt };
  const bytes = attestationBytes(increment as Attestation);
  expect(parseAttestation(bytes)).toEqual(increment);
  expect(Object.keys(JSON.parse(new TextDecoder().decode(bytes)) as object)).toEqual([
    ...['schema', 'depositId', 'receiptSha256', 'suitcaseSha256', 'keyFingerprint', 'subkeyFingerprint', 'checks'],
    ...['opening', 'chain', 'attestedAt'],
  ]);
  expect([validateInChain(increment), validate(increment)]).toEqual([true, false]);
  for (const lie of [
    { ...increment, schema: 'depot.attestation/1' },
    { ...increment, chain: [] },
    { ...increment, chain: [{ depositId, suitcaseSha256 }] },
    { ...sample, schema: 'depot.attestation/2' },
  ])
    expect(() => parseAttestation(attestationBytes(lie as Attestation)), JSON.stringify(lie)).toThrow(/chain/);
});

test('an attestation is written as the same bytes in whatever order its object was built, and parses back', () => {
  const reversed = Object.fromEntries(Object.entries(sample).reverse()) as unknown as Attestation;
  expect(Buffer.from(attestationBytes(reversed))).toEqual(Buffer.from(attestationBytes(sample)));
  expect(parseAttestation(attestationBytes(sample))).toEqual(sample);
  expect(
    Object.keys(
      JSON.parse(
        new TextDecoder().decode(attestationBytes({ ...sample, agentSha256: sample.suitcaseSha256 })),
      ) as object,
    ),
  ).toEqual([
    'schema',
    'depositId',
    'receiptSha256',
    'suitcaseSha256',
    'agentSha256',
    'keyFingerprint',
    'subkeyFingerprint',
    'checks',
    'opening',
    'attestedAt',
  ]);
  expect(validate(sample), JSON.stringify(validate.errors)).toBe(true);
});

describe('an attestation is refused with', () => {
  /** What is done to a good one, what the reason says, and whether a JSON Schema can see it. */
  const wrong: [string, () => Uint8Array, RegExp, boolean][] = [
    ['an unknown key', () => text({ ...sample, note: 'x' }), /note/, true],
    ['a missing key', () => text({ ...sample, opening: undefined }), /opening/, true],
    ['another schema', () => text({ ...sample, schema: 'depot.attestation/2' }), /schema/, true],
    ['an upper-case opening', () => text({ ...sample, opening: 'AB'.repeat(32) }), /opening/, true],
    [
      'a failed check',
      () => text({ ...sample, checks: [...sample.checks, { name: 'head', result: 'failed' }] }),
      /checks/,
      true,
    ],
    ['no key proof', () => text({ ...sample, checks: sample.checks.slice(0, 3) }), /key-proof/, true],
    [
      'a receipt whose signature was not checked',
      () =>
        text({
          ...sample,
          checks: sample.checks.map((c) => (c.name === 'receipt-signature' ? { ...c, result: 'not possible' } : c)),
        }),
      /checks/,
      true,
    ],
    ['a date that no calendar has', () => text({ ...sample, attestedAt: '2026-02-30T00:00:00Z' }), /attestedAt/, false],
    ['another order', () => text(Object.fromEntries(Object.entries(sample).reverse())), /canonical/, false],
    [
      'a doubled key',
      () => Buffer.from(text(sample).toString().replace('{\n', '{\n  "opening": "00",\n')),
      /canonical/,
      false,
    ],
    ['white space', () => Buffer.from(`${text(sample).toString()}\n`), /canonical/, false],
    ['no JSON', () => Buffer.from('{'), /JSON/, false],
    ['too many bytes', () => Buffer.alloc(maxAttestationBytes + 1, 0x20), /bytes/, false],
    ['depths', () => Buffer.from('['.repeat(maxAttestationBytes)), /nested/, false],
  ];
  test.each(wrong)('%s', (_, make, reason, seenBySchema) => {
    expect(() => parseAttestation(make(), 'a.json')).toThrow(
      expect.objectContaining({ code: 'verification-failed', message: expect.stringMatching(reason) as string }),
    );
    if (seenBySchema) expect(validate(JSON.parse(Buffer.from(make()).toString()))).toBe(false);
  });

  test('parsing any bytes ends in a DepotError, never a crash', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((j) => Buffer.from(j)),
        ),
        (bytes) => {
          expect(() => parseAttestation(bytes)).toThrow(expect.objectContaining({ code: 'verification-failed' }));
        },
      ),
    );
  });
});

test('one deposit may have several attestation file names, and other names are ignored', () => {
  for (const n of [1, 2, 12])
    expect(parseAttestationName(attestationName(sample.depositId, n))).toEqual({
      depositId: sample.depositId,
      number: n,
    });
  for (const no of [
    `${sample.depositId}.attestation.1.json`,
    `${sample.depositId}.attestation.filed.json`,
    `${sample.depositId}.attestation.json.asc`,
    `${sample.depositId}.receipt.json`,
    'x.attestation.json',
  ])
    expect(parseAttestationName(no)).toBeNull();
});
