/** Pages in a real Chromium: the one that is installed, never one that a package brings. */
import axe from 'axe-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { cleanup } from './cleanup.js';
import { checkout } from './cli.js';
import { peer } from './peers.js';

/** Where screenshots of a test run are kept, to be looked at; not in the repository. */
export const output = join(checkout, 'tests/output');

/** A browser that is closed at the end of the test, or of the file when it is started in `beforeAll`. Slow machines get their time. */
export async function startBrowser(args: string[] = []): Promise<Browser> {
  const executablePath = peer('chromium');
  if (executablePath === undefined) throw new Error('chromium is not installed: skip the test with test.skipIf(peer("chromium") === undefined)');
  const browser = await chromium.launch({ executablePath, args: ['--disable-dev-shm-usage', ...args], timeout: 120_000 });
  cleanup(() => browser.close());
  return browser;
}

export interface WatchedPage {
  page: Page;
  /** Errors and warnings on the console (what a policy blocked is one of them), and uncaught exceptions. */
  complaints: string[];
  /** Every address that was asked for, but the page's own. */
  requests: string[];
}

/** Opens a local file as a person would, by its `file:` address, with an ear on everything that it does. */
export async function openFile(browser: Browser, file: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const address = pathToFileURL(file).href;
  const watched: WatchedPage = { page, complaints: [], requests: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.complaints.push(message.text());
  });
  page.on('pageerror', (error) => watched.complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== address) watched.requests.push(request.url());
  });
  await page.goto(address, { timeout: 120_000 });
  return watched;
}

/** What axe finds that is serious or critical, one line each; empty when nothing. The page's own policy may forbid scripts: axe comes by the debugger. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe: inPage } = globalThis as unknown as { axe: typeof axe };
    const { violations: found } = await inPage.run({ resultTypes: ['violations'] });
    return found.map(({ id, impact, nodes }) => ({ id, impact, count: nodes.length, first: nodes[0]?.html ?? '', why: nodes[0]?.failureSummary ?? '' }));
  });
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, count, first, why }) => `${id} (${count}): ${first.slice(0, 200)} ${why}`);
}

/** A screenshot of the whole page in `tests/output/`. */
export async function screenshot(page: Page, name: string, fullPage = true): Promise<void> {
  mkdirSync(output, { recursive: true });
  await page.screenshot({ path: join(output, `${name}.png`), fullPage, animations: 'disabled', timeout: 120_000 });
}
