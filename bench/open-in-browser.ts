/**
 * Checks a suitcase to its last entry in the offline opener, in the Chromium that is installed: `tsx open-in-browser.ts OPENER SUITCASE KEY`.
 * What it costs is the whole process tree's, the browser's own start with it.
 */
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [opener = '', suitcase = '', key = ''] = process.argv.slice(2);
if (key === '') throw new Error('usage: open-in-browser.ts OPENER SUITCASE KEY');
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--disable-dev-shm-usage'],
});
try {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(opener).href);
  await page.setInputFiles('#suitcase', suitcase);
  await page.setInputFiles('#key', key);
  const started = performance.now();
  await page.click('#check');
  await page.waitForSelector('body:has(#working[hidden]):has(#inside:not([hidden]), #failure:not([hidden]))', {
    timeout: 1_800_000,
  });
  const failure = await page.textContent('#failure-detail');
  if (failure !== '') throw new Error(`${failure}`);
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s in the page\n`);
} finally {
  await browser.close();
}
