import { proveKey } from '../../src/reader/key-proof.js';
import { receiptOf } from '../state/samples.js';
import { expect, test } from 'vitest';
import { verifyExhibits, type SuitcaseExhibit } from '../../src/reader/exhibits.js';
import { DepotError } from '../../src/errors.js';

test('a session key is wiped when a signal ends the verification half way', async () => {
  const sessionKey = new Uint8Array(32).fill(7);
  const suitcase = {
    preamble: { pkesk: new Uint8Array(), pkesks: [] },
    inspect: () => {
      expect(sessionKey[0], 'control: it was unwrapped by then').toBe(7);
      return Promise.reject(new DepotError('interrupted', 'interrupted'));
    },
    close: () => Promise.resolve(),
  } as unknown as SuitcaseExhibit;
  const verifying = verifyExhibits({
    receipt: null,
    signature: null,
    noSignature: true,
    suitcase: () => Promise.resolve(suitcase),
    deep: false,
    maxSize: null,
    unproven: null,
    agentSha256: null,
    hints: true,
    warn: () => undefined,
    key: { unwrap: () => Promise.resolve({ sessionKey, cipher: null, keyFingerprint: 'A'.repeat(40) }) },
  });
  await expect(verifying).rejects.toMatchObject({ code: 'interrupted' });
  expect([...sessionKey]).toEqual(Array(32).fill(0));
});

test('a session key is wiped when the key proof fails', async () => {
  const sessionKey = new Uint8Array(32).fill(7);
  await expect(
    proveKey(receiptOf(), {
      unwrap: () => Promise.resolve({ sessionKey, cipher: null, keyFingerprint: 'A'.repeat(40) }),
    }),
  ).rejects.toThrow('is not the one that its commitment was made of');
  expect([...sessionKey]).toEqual(Array(32).fill(0));
});
