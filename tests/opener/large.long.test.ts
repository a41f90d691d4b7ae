/** A suitcase of more than 4 GiB in the opener: counters and offsets beyond 32 bits, and memory as for a small one. It needs 4.3 GB of disk. */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mostMemoryDuring, startBrowser } from '../support/browser.js';
import { peers } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import { openOpener, type Findings } from './page.js';

describe.skipIf(!peers('chromium', 'sshd', 'ssh-keygen'))('the opener', () => {
  test.each(['compat', 'modern'] as const)(
    'opens a %s suitcase of more than 4 GiB in bounded memory',
    async (profile) => {
      const [browser, server] = await Promise.all([startBrowser(), startSshd()]);
      const supplier = await Supplier.create(server, { profile, arrangement: { compression: 'none' } });
      const file = openSync(join(supplier.data, 'large.bin'), 'w');
      ftruncateSync(file, 2 ** 32);
      writeSync(file, 'the end', 2 ** 32);
      closeSync(file);
      const { suitcase, receipt, receiptFile } = await supplier.deposit([], { timeoutMs: 600_000 });
      expect(receipt.suitcase.bytes).toBeGreaterThan(2 ** 32);
      const opener = await openOpener(browser);
      await opener.give({
        suitcase: join(server.incoming, suitcase),
        receipt: receiptFile,
        signature: `${receiptFile}.asc`,
        signers: supplier.signerPublic,
        key: supplier.recipientKey,
      });
      let found: Findings | undefined;
      const memory = await mostMemoryDuring(async () => (found = await opener.check(900_000)));
      expect(found, JSON.stringify(found)).toMatchObject({ verdict: 'passed', inside: true });
      expect(found!.details).toMatchObject({
        'suitcase-size': `${receipt.suitcase.bytes} bytes`,
        contents: expect.stringContaining(`${2 ** 32 + 7} bytes`) as string,
      });
      // 400 MiB of this are the browser's own.
      expect(memory).toBeLessThan(700 * 2 ** 20);
      // Without a way to write to disk, the page does not offer to save what is larger than its memory.
      expect(await opener.page.isHidden('#archive')).toBe(true);
      expect(await opener.page.textContent('#limit')).toContain('larger than that');
      await browser.close();
      rmSync(join(server.incoming, suitcase));
    },
    1_200_000,
  );
});
