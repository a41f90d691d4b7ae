/** The pictures of the offline page in the documents: DEPOT_TEST_PICTURES=docs writes them anew. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { picture, startBrowser } from '../support/browser.js';
import { tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { type Files, makeShop } from './deposits.js';
import { openOpener } from './page.js';

const needed = peers('chromium', 'sshd', 'ssh-keygen');

let browser: Browser;
let shop: Files;

describe.skipIf(!needed)('the offline page', () => {
  beforeAll(async () => {
    const [started, server] = await Promise.all([startBrowser(), startSshd()]);
    browser = started;
    shop = await makeShop(server, tempDir('depot-opener'));
  });

  test.each(['en', 'nl'] as const)(
    'is shown in the documents by the pictures made here, all below 200 kB (%s)',
    async (language) => {
      const suffix = language === 'en' ? '' : '.nl';
      const opener = await openOpener(browser, {
        locale: language,
        viewport: { width: 760, height: 900 },
        pickers: true,
      });
      const { suitcase, ...beforehand } = shop;
      await opener.give(beforehand);
      expect(await opener.check()).toMatchObject({ verdict: 'passed' });
      await picture(opener.page, '#result', `opener-checks${suffix}`);
      await opener.give({ ...beforehand, suitcase });
      await opener.page.locator('#passphrase').blur();
      await picture(opener.page, 'section >> nth=0', `opener-start${suffix}`);
      expect(await opener.check()).toMatchObject({ verdict: 'passed', inside: true });
      await opener.names();
      await picture(opener.page, '#inside', `opener-contents${suffix}`);

      const page = readFileSync(
        join(checkout, 'docs', language === 'en' ? 'beneficiary.md' : 'beneficiary.nl.md'),
        'utf8',
      );
      const shown = [...page.matchAll(/src="([\w.-]+\.png)"/g)].map((m) => m[1]);
      expect(shown.sort()).toEqual(['checks', 'contents', 'start'].map((name) => `opener-${name}${suffix}.png`));
      for (const name of shown) expect(statSync(join(checkout, 'docs', name)).size, name).toBeLessThan(200_000);
    },
  );
});
