import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { openFile, output, screenshot, seriousFindings, startBrowser } from '../support/browser.js';
import { tempDir } from '../support/cleanup.js';
import { mustDepot } from '../support/cli.js';
import { peer } from '../support/peers.js';
import { nightly, writeHistory } from './history.js';
import { checkeredPast, names, supplierWith } from './supply.js';

/** The report of a supplier, as the command writes it. */
async function reportOf(
  past: Parameters<typeof supplierWith>[0],
  args: string[] = [],
): Promise<{ file: string; supplier: Awaited<ReturnType<typeof supplierWith>>['supplier']; ids: string[] }> {
  const { supplier, ids } = await supplierWith(past);
  const file = join(supplier.directory, 'report.html');
  const made = await supplier.depot(['report', '--out', file, ...args], { env: { TZ: 'Europe/Amsterdam' } });
  expect(made.code, made.stderr).toBe(0);
  return { file, supplier, ids };
}

const dark = { colorScheme: 'dark' } as const;
/** Nobody who opens an attachment should need to allow scripts. */
const withoutScripts = { javaScriptEnabled: false } as const;

async function shownText(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ');
}

describe.skipIf(peer('chromium') === undefined)('the report in a real browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  test('says so if there is no deposit yet', async () => {
    const { file } = await reportOf({});
    const { page, complaints, requests } = await openFile(browser, file);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    expect(await seriousFindings(page)).toEqual([]);
    expect(await shownText(page, 'main')).toMatch(/no deposit yet.*No deposit in this period/);
    await screenshot(page, 'report-0');
  });

  test('has the receipt of a deposit exactly as it was signed', async () => {
    const { file, supplier, ids } = await reportOf({ deposits: nightly(1) });
    const { page, complaints, requests } = await openFile(browser, file);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    expect(await seriousFindings(page)).toEqual([]);
    const receipt = join(supplier.state, 'acme-crm', `${ids[0]}.receipt.json`);
    expect(await page.locator('pre').allTextContents()).toEqual([
      readFileSync(receipt, 'utf8'),
      readFileSync(`${receipt}.asc`, 'utf8'),
    ]);
    expect(await shownText(page, 'table')).toMatch(/acme-crm ✓ on time .* ✓ whole not proven/);
    await page.locator('tr.receipt summary').click();
    await screenshot(page, 'report-1');
  });

  describe('of four months with gaps, failed runs and names with markup in them', () => {
    let file: string;
    beforeAll(async () => {
      ({ file } = await reportOf(checkeredPast()));
    });

    test('keeps names as text, and has nothing that could run or load', async () => {
      const { page, complaints, requests } = await openFile(browser, file);
      expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
      expect(await shownText(page, 'h1')).toContain(names.supplier);
      expect(await shownText(page, 'body')).toContain(names.beneficiary);
      expect(
        await page
          .locator('script, img, link, iframe, object, embed, form, [onerror], [src], [style], a:not([href^="#"])')
          .count(),
      ).toBe(0);
      expect(await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/,
      );
      expect(await shownText(page, 'figcaption')).toMatch(
        /117 deposits .*, 2 gaps \(hatched\), 4 failed runs \(crosses\)/,
      );
      expect(await page.locator('rect.gap').count()).toBe(2);
    });

    test('is accessible in both languages, light and dark, and switches languages without scripts', async () => {
      for (const [name, options] of [
        ['light', {}],
        ['dark', dark],
      ] as const) {
        const { page } = await openFile(browser, file, options);
        await screenshot(page, `report-${name}-en`);
        expect(await seriousFindings(page), name).toEqual([]);
        await page.locator('label[for=language-nl]').click();
        await screenshot(page, `report-${name}-nl`);
        if (name === 'light') expect(await seriousFindings(page)).toEqual([]);
        await page.context().close();
      }
      const { page } = await openFile(browser, file, withoutScripts);
      expect(await shownText(page, 'h1')).toBe(`Report of deposits, ${names.supplier}`);
      await page.locator('label[for=language-nl]').click();
      expect(await shownText(page, 'h1')).toBe(`Verslag van depots, ${names.supplier}`);
      expect(await shownText(page, 'main')).not.toMatch(/\b(the|deposits|receipt|ledger)\b/);
      await page.locator('#language-nl').press('ArrowRight');
      expect(await shownText(page, 'h1')).toContain('Report of deposits');
    });

    test('prints folded months, too, but no controls', async () => {
      const { page } = await openFile(browser, file, dark);
      const folded = page.locator('details.month:not([open]) tr.head').first();
      expect(await folded.isVisible()).toBe(false);
      await page.emulateMedia({ media: 'print' });
      expect(await folded.isVisible()).toBe(true);
      expect(await page.locator('label[for=language-nl]').isVisible()).toBe(false);
      expect(
        await page
          .locator('body')
          .evaluate(
            (body) =>
              (globalThis as unknown as { getComputedStyle(e: unknown): { backgroundColor: string } }).getComputedStyle(
                body,
              ).backgroundColor,
          ),
      ).toBe('rgb(255, 255, 255)');
      await screenshot(page, 'report-print');
      mkdirSync(output, { recursive: true });
      const pdf = await page.pdf({ path: join(output, 'report.pdf'), preferCSSPageSize: true, printBackground: true });
      expect(pdf.length).toBeGreaterThan(10_000);
    });

    test('fits the width of a telephone', async () => {
      const { page } = await openFile(browser, file, { viewport: { width: 390, height: 844 } });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
      await screenshot(page, 'report-narrow', false);
    });
  });

  test('of 2,000 deposits, made from the state directory alone, is small and accessible', async () => {
    const directory = tempDir();
    const ids = await writeHistory(directory, { arrangement: 'acme-crm', deposits: nightly(2000) });
    const file = join(directory, 'report.html');
    await mustDepot(['report', '--state', directory, '--out', file], { cwd: directory, env: { HOME: directory } });
    expect(statSync(file).size).toBeLessThan(10 * 2 ** 20);
    const { page, complaints, requests } = await openFile(browser, file);
    expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    expect(await page.locator('tr.head').count()).toBe(ids.length);
    expect(await page.locator('pre').count()).toBe(2 * ids.length);
    expect(await page.locator('details.month[open]').count()).toBe(1);
    expect(await page.locator('svg *').count()).toBeLessThan(300);
    expect(await shownText(page, 'details.arrangement')).toMatch(/not checked: the signatures of the receipts/);
    await screenshot(page, 'report-2000', false);
    // They are like the one that stays, and axe, which looks at every element, would take minutes with them.
    await page.locator('details.month:not([open])').evaluateAll((months) => {
      for (const month of months as { remove(): void }[]) month.remove();
    });
    expect(await seriousFindings(page)).toEqual([]);
  });
});
