import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signatureCheck } from '../../src/commands/receipts/signers.js';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { receiptOf } from '../state/samples.js';
import { tempDir } from '../support/cleanup.js';
import { signAnyway } from '../support/hostile-suitcase.js';
import { makeKey } from '../support/supplier.js';

test('a signature by a former key, although trusted, is refused on a receipt that names the current key', async () => {
  const directory = tempDir();
  const [now, former] = [
    await makeKey(join(directory, 'now'), 'Acme', 'compat'),
    await makeKey(join(directory, 'former'), 'Acme', 'compat'),
  ];
  const receipt = receiptOf({ supplier: { name: 'Acme', signerFingerprint: now.fingerprint } });
  const bytes = receiptBytes(receipt);
  const check = await signatureCheck([now.publicKey, former.publicKey]);
  expect(await check!(bytes, await signAnyway(bytes, now.secretKey, new Date()), receipt)).toBeNull();
  expect(await check!(bytes, await signAnyway(bytes, former.secretKey, new Date()), receipt)).toBe(
    `the receipt is signed by ${former.fingerprint}, but says that ${now.fingerprint} is its signer`,
  );
});
