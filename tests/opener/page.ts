/// <reference lib="dom" />
/** The opener as a person uses it: files chosen, a button pressed, text read. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cleanup } from '../support/cleanup.js';
import { openFile, type WatchedPage } from '../support/browser.js';
import { checkout } from '../support/cli.js';

export const openerFile = join(checkout, 'dist/opener.html');

export interface GivenFiles {
  suitcase?: string | string[];
  receipt?: string | string[];
  signature?: string | string[];
  signers?: string | string[];
  key?: string;
}

export interface Findings {
  verdict: string;
  checks: Record<string, string>;
  details: Record<string, string>;
  /** What went wrong before anything could be found. */
  failure: string;
  failureDetail: string;
  /** Whether contents may be saved. */
  inside: boolean;
}

export interface OpenerPage extends WatchedPage {
  give(files: GivenFiles, passphrase?: string): Promise<void>;
  check(timeout?: number): Promise<Findings>;
  /** Names in the list of contents. */
  names(): Promise<string[]>;
}

/** Without pickers, what is saved becomes a download, which a test can have. */
export async function openOpener(
  browser: Browser,
  options: BrowserContextOptions & { pickers?: boolean } = {},
): Promise<OpenerPage> {
  const { pickers = false, ...context } = options;
  const watched = await openFile(browser, openerFile, { locale: 'en-GB', acceptDownloads: true, ...context });
  if (!pickers) await withoutPickers(watched.page);
  return { ...watched, ...pageActions(watched.page) };
}

export async function withoutPickers(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(globalThis, { showDirectoryPicker: undefined, showSaveFilePicker: undefined });
  });
}

export function pageActions(page: Page): Pick<OpenerPage, 'give' | 'check' | 'names'> {
  return {
    async give(files, passphrase = '') {
      for (const kind of ['suitcase', 'receipt', 'signature', 'signers', 'key'] as const)
        await page.setInputFiles(`#${kind}`, files[kind] ?? []);
      await page.fill('#passphrase', passphrase);
    },
    async check(timeout = 170_000) {
      await page.click('#check');
      await page.waitForSelector('body:has(#working[hidden]):has(#result:not([hidden]), #failure:not([hidden]))', {
        timeout,
      });
      return page.evaluate(() => {
        const text = (id: string): string => document.getElementById(id)!.textContent;
        const items = [...document.querySelectorAll<HTMLElement>('#checks li')];
        return {
          verdict: document.getElementById('result')!.hidden
            ? ''
            : document.getElementById('verdict')!.className.replace('verdict ', ''),
          checks: Object.fromEntries(items.map((item) => [item.dataset['check']!, item.dataset['result']!])),
          details: Object.fromEntries(
            items.map((item) => [item.dataset['check']!, item.querySelector('.detail')!.textContent]),
          ),
          failure: document.getElementById('failure')!.hidden ? '' : text('failure-text'),
          failureDetail: text('failure-detail'),
          inside: !document.getElementById('inside')!.hidden,
        };
      });
    },
    async names() {
      await page.waitForSelector('#rows tr');
      return page.evaluate(() =>
        [...document.querySelectorAll('#rows td:first-child')].map((cell) => cell.textContent),
      );
    },
  };
}

/** A picker cannot be driven from outside: its answer here is a directory of the browser's own, which a page has only over HTTP. */
export async function withFolders(
  browser: Browser,
): Promise<{ page: Page; opener: Pick<OpenerPage, 'give' | 'check' | 'names'> }> {
  const web = createServer((_, response) =>
    response.setHeader('content-type', 'text/html').end(readFileSync(openerFile)),
  );
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  cleanup(() => web.close());
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${(web.address() as AddressInfo).port}/`);
  await page.evaluate(() => Object.assign(globalThis, { showDirectoryPicker: () => navigator.storage.getDirectory() }));
  return { page, opener: pageActions(page) };
}
