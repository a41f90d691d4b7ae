/** Pages in a real Chromium: the one that is installed, never one that a package brings. */
import axe from 'axe-core';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { cleanup } from './cleanup.js';
import { checkout } from './cli.js';
import { peer } from './peers.js';

/** Where a test run puts screenshots for people to look at; not in the repository. */
export const output = join(checkout, 'tests/output');

/** A browser that is closed at the end of the test, or of the file if it was started in `beforeAll`; with time for slow machines. */
export async function startBrowser(args: string[] = []): Promise<Browser> {
  const executablePath = peer('chromium');
  if (executablePath === undefined)
    throw new Error('chromium is not installed: skip the test with test.skipIf(peer("chromium") === undefined)');
  const browser = await chromium.launch({
    executablePath,
    args: ['--disable-dev-shm-usage', ...args],
    timeout: 120_000,
  });
  cleanup(() => browser.close());
  return browser;
}

export interface WatchedPage {
  page: Page;
  /** Errors and warnings on the console (what a policy blocked is one of them), and uncaught exceptions. */
  complaints: string[];
  /** Every requested address except the page's own. */
  requests: string[];
}

/** Opens a local file as a user would, by its `file:` address, and records everything that it does. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
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

/** The serious or critical findings of axe, one line each. It runs through the debugger, since the page's policy may forbid scripts. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe: inPage } = globalThis as unknown as { axe: typeof axe };
    const { violations: found } = await inPage.run({ resultTypes: ['violations'] });
    return found.map(({ id, impact, nodes }) => ({
      id,
      impact,
      count: nodes.length,
      first: nodes[0]?.html ?? '',
      why: nodes[0]?.failureSummary ?? '',
    }));
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, count, first, why }) => `${id} (${count}): ${first.slice(0, 200)} ${why}`);
}

/** A screenshot of the whole page in `tests/output/`. */
export async function screenshot(page: Page, name: string, fullPage = true): Promise<void> {
  mkdirSync(output, { recursive: true });
  await page.screenshot({ path: join(output, `${name}.png`), fullPage, animations: 'disabled', timeout: 120_000 });
}

/**
 * Takes a picture of a part of the page into `tests/output/`, or with DEPOT_TEST_PICTURES=docs into `docs/`: this is how
 * the pictures in the documents are made.
 */
export async function picture(page: Page, selector: string, name: string): Promise<void> {
  const directory = process.env['DEPOT_TEST_PICTURES'] === 'docs' ? join(checkout, 'docs') : output;
  mkdirSync(directory, { recursive: true });
  await page
    .locator(selector)
    .screenshot({ path: join(directory, `${name}.png`), animations: 'disabled', timeout: 120_000 });
}

/**
 * Bytes that the browsers of this test process hold for themselves: anonymous and shared memory of all their processes, not what is
 * mapped from files. A page at a `file:` address cannot measure itself.
 */
export function browserMemory(): number {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const field = Object.fromEntries(
          [...readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(\w+):\s+(.*)$/gm)].map((m) => [m[1], m[2]]),
        );
        return [
          {
            pid,
            parent: field['PPid'],
            name: field['Name'],
            bytes: (parseInt(field['RssAnon'] ?? '0') + parseInt(field['RssShmem'] ?? '0')) * 1024,
          },
        ];
      } catch {
        return []; // gone meanwhile
      }
    });
  const below = (pid: string): typeof processes =>
    processes.filter(({ parent }) => parent === pid).flatMap((one) => [one, ...below(one.pid)]);
  return below(String(process.pid))
    .filter(({ name }) => name.startsWith('chrom'))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The most that the browsers of this test process held at any time until `work` was done. */
export async function mostMemoryDuring(work: () => Promise<unknown>): Promise<number> {
  let most = browserMemory();
  const timer = setInterval(() => (most = Math.max(most, browserMemory())), 100);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(most, browserMemory());
}
