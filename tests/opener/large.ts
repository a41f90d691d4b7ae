/**
 * More than 4 GiB in the opener: offsets beyond 32 bits, bounded memory, bounded time. Not part of the suite: it writes 9 GiB, and
 * takes minutes, three times over in CI. `DEPOT_TEST_LARGE=1 npx vitest run tests/opener/opener.test.ts -t 'more than 4 GiB'`
 */
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import { openOpener } from './page.js';

test.each(['compat', 'modern'] as const)('a %s suitcase of more than 4 GiB', async (profile) => {
  const [browser, server] = await Promise.all([startBrowser(), startSshd()]);
  const supplier = await Supplier.create(server, { profile, arrangement: { compression: 'none' } });
  const file = openSync(join(supplier.data, 'large.bin'), 'w');
  ftruncateSync(file, 4.2 * 1024 ** 3);
  writeSync(file, 'the end', 4.2 * 1024 ** 3);
  const { suitcase, receiptFile } = await supplier.deposit();
  const opener = await openOpener(browser);
  await opener.give({ suitcase: join(server.incoming, suitcase), receipt: receiptFile, signature: `${receiptFile}.asc`, signers: supplier.signerPublic, key: supplier.recipientKey });
  expect(await opener.check(900_000)).toMatchObject({ verdict: 'passed', inside: true });
}, 1_200_000);
