/// <reference lib="dom" />
/** The offline page itself: how depot writes it, and that it sends nothing. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, depot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { openerFile, openOpener } from './page.js';

const needed = peers('chromium');

describe.skipIf(!needed)('the offline page', () => {
  test('sends no request: its policy stops any that is tried, and a listener hears nothing', async () => {
    const heard: string[] = [];
    const listener = createServer((request, response) => {
      heard.push(request.url ?? '');
      response.end();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    cleanup(() => listener.close());
    const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/leak`;
    const opener = await openOpener(await startBrowser());
    const outcomes = await opener.page.evaluate(async (to) => {
      const image = new Image();
      const seen = new Promise<string>((resolve) => {
        image.onload = () => resolve('loaded');
        image.onerror = () => resolve('refused');
      });
      image.src = to;
      const script = document.createElement('script');
      const ran = new Promise<string>((resolve) => {
        script.onload = () => resolve('loaded');
        script.onerror = () => resolve('refused');
      });
      script.src = to;
      document.head.append(script);
      return [
        await seen,
        await ran,
        await fetch(to).then(
          () => 'fetched',
          () => 'refused',
        ),
        String(navigator.sendBeacon(to)),
      ];
    }, address);
    expect(outcomes.slice(0, 3)).toEqual(['refused', 'refused', 'refused']);
    expect(heard).toEqual([]);
    // Control: outside the page's policy, a request to the same address is heard.
    await fetch(address);
    expect(heard).toEqual(['/leak']);
    // No code of the page navigates away.
    expect(readFileSync(openerFile, 'utf8')).not.toMatch(/location\.(?:href|assign|replace)\s*[=(]|window\.open\(/);
  });

  test('is written by depot opener with its SHA-256 printed, never over a file, and with mode 644', async () => {
    const scratch = tempDir('depot-opener');
    const out = join(scratch, 'opener.html');
    const first = await depot(['opener', '--out', out, '--json']);
    const sha256 = createHash('sha256').update(readFileSync(openerFile)).digest('hex');
    expect(JSON.parse(first.stdout)).toEqual({ ok: true, path: out, bytes: readFileSync(out).length, sha256 });
    expect(createHash('sha256').update(readFileSync(out)).digest('hex')).toBe(sha256);
    expect((await depot(['opener', '--out', out])).code).toBe(5);
    // The page is handed on: anyone who could change it could steal the private key of the person who opens it.
    const open = join(scratch, 'open.html');
    execFileSync(
      'sh',
      ['-c', 'umask 000; exec "$0" "$1" opener --out "$2"', process.execPath, join(checkout, 'bin/depot.js'), open],
      { stdio: 'ignore' },
    );
    expect((statSync(open).mode & 0o777).toString(8)).toBe('644');
    expect((await depot(['opener'])).code).toBe(2);
  });
});
