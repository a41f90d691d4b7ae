import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFile, seriousFindings, startBrowser } from './browser.js';
import { tempDir } from './cleanup.js';
import { peer } from './peers.js';

describe.skipIf(peer('chromium') === undefined)('the helper for tests of pages', () => {
  test('notices requests, console errors and serious accessibility findings', async () => {
    const file = join(tempDir(), 'page.html');
    writeFileSync(
      file,
      '<!doctype html><html><meta charset="utf-8"><title>x</title><img src="http://127.0.0.1:9/x.png"><p style="color:#ccc;background:#fff">faint</p>',
    );
    const { page, complaints, requests } = await openFile(await startBrowser(), file);
    expect(requests).toEqual(['http://127.0.0.1:9/x.png']);
    expect(complaints.join()).toContain('ERR_');
    const found = (await seriousFindings(page)).map((line) => line.split(' ')[0]);
    expect(found).toEqual(expect.arrayContaining(['color-contrast', 'html-has-lang', 'image-alt']));
  });
});
