/** Memory does not grow with the dataset: in a real Chromium, measured from outside, since a page from a file cannot measure itself. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mostMemoryDuring, startBrowser } from '../support/browser.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import { openOpener } from './page.js';

const needed = peers('chromium', 'sshd', 'ssh-keygen');
const MiB = 2 ** 20;
const small = 24 * MiB;
const more = 128 * MiB;
/** How much a browser's memory varies by chance: 20 to 60 MiB were seen, at 4 GiB too. */
const chance = 90 * MiB;

let server: Sshd;

describe.skipIf(!needed)('the memory of the offline opener', () => {
  beforeAll(async () => {
    server = await startSshd();
  });

  test.each(['compat', 'modern'] as const)('does not grow with six times the data (%s)', async (profile) => {
    const supplier = await Supplier.create(server, { profile, arrangement: { compression: 'none' } });
    const most: number[] = [];
    for (const size of [small, small + more]) {
      writeFileSync(join(supplier.data, 'zeros'), '');
      truncateSync(join(supplier.data, 'zeros'), size);
      const { suitcase } = await supplier.deposit();
      // Each in its own browser, so that what another page left is not measured.
      const browser = await startBrowser();
      const opener = await openOpener(browser);
      await opener.give({ suitcase: join(server.incoming, suitcase), key: supplier.recipientKey });
      most.push(
        await mostMemoryDuring(async () =>
          expect(await opener.check()).toMatchObject({ verdict: 'incomplete', inside: true }),
        ),
      );
      await browser.close();
    }
    expect(most[1] - most[0], `${most.map((bytes) => Math.round(bytes / MiB)).join(' and ')} MiB`).toBeLessThan(chance);
  });

  test('does not grow with six times the data, of which a night changed a part', async () => {
    const supplier = await Supplier.create(server, {
      arrangement: { compression: 'none', incremental: { agentKeeps: '90d' } },
    });
    const most: number[] = [];
    for (const size of [small, small + more]) {
      const suitcases: string[] = [];
      for (const night of ['--full', '--reread']) {
        const file = join(supplier.data, 'zeros');
        writeFileSync(file, night);
        truncateSync(file, size);
        suitcases.push(join(server.incoming, (await supplier.deposit([night])).suitcase));
      }
      const browser = await startBrowser();
      const opener = await openOpener(browser);
      await opener.give({ suitcase: suitcases, key: supplier.recipientKey });
      most.push(
        await mostMemoryDuring(async () =>
          expect(await opener.check()).toMatchObject({ inside: true, checks: { chain: 'passed' } }),
        ),
      );
      await browser.close();
    }
    expect(most[1] - most[0], `${most.map((bytes) => Math.round(bytes / MiB)).join(' and ')} MiB`).toBeLessThan(chance);
  });

  test('control: the measurement notices what a page keeps', async () => {
    const browser = await startBrowser();
    const { page } = await openOpener(browser);
    const before = await mostMemoryDuring(() => page.title());
    const after = await mostMemoryDuring(() =>
      page.evaluate((bytes) => {
        Object.assign(globalThis, { kept: new Uint8Array(bytes).fill(1) });
      }, more),
    );
    expect(after - before).toBeGreaterThan(chance);
  });
});
