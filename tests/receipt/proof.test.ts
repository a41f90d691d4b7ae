import { createHash, createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { commitmentOf, openingOf } from '../../src/receipt/proof.js';

const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';

test('the opening is HKDF-SHA256, computed step by step as in RFC 5869', () => {
  const [sessionKey, pkesk] = [randomBytes(32), randomBytes(94)];
  const prk = createHmac('sha256', createHash('sha256').update(pkesk).digest()).update(sessionKey).digest();
  const info = Buffer.concat([Buffer.from('depot key proof 1'), Buffer.from([0]), Buffer.from(id)]);
  const okm = createHmac('sha256', prk)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
  expect(Buffer.from(openingOf(sessionKey, pkesk, id))).toEqual(okm);
  expect(commitmentOf(openingOf(sessionKey, pkesk, id))).toBe(createHash('sha256').update(okm).digest('hex'));
});

test('the opening of a fixed example is the one in docs/format.md', () => {
  const sessionKey = Uint8Array.from({ length: 32 }, (_, i) => i);
  const opening = openingOf(sessionKey, new TextEncoder().encode('pkesk packets'), id);
  expect(Buffer.from(opening).toString('hex')).toBe('ae3bbcef0b881877b6fa09e53b8fa0c41d521346b52eee84fe7577e42daad364');
  expect(commitmentOf(opening)).toBe('6c9a116314fa669d2edcbd0c631a8b0bd272308e8cef3abc9b7d39780a30f3fc');
});

test('the opening differs for another deposit, key or PKESK', () => {
  const [key, pkesk] = [randomBytes(32), randomBytes(94)];
  const openings = [
    openingOf(key, pkesk, id),
    openingOf(key, pkesk, id.replace('acme', 'bcme')),
    openingOf(randomBytes(32), pkesk, id),
    openingOf(key, randomBytes(94), id),
  ];
  expect(new Set(openings.map((o) => Buffer.from(o).toString('hex'))).size).toBe(4);
});
