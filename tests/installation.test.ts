import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { docsPage, ownCommand, packageFile } from '../src/installation.js';
import { tempDir } from './support/cleanup.js';
import { checkout, depotScript } from './support/cli.js';
import { mustRun } from './support/process.js';
import { Supplier } from './support/supplier.js';
import { startSshd } from './support/sshd.js';

test('whatever was started, the command that starts depot again is the program of this package', () => {
  expect(ownCommand()).toEqual([process.execPath, join(checkout, 'bin/depot.js')]);
});

test('a schedule names the link by which depot was called, which is still there after an update', async () => {
  const supplier = await Supplier.create(await startSshd());
  const linked = join(tempDir(), 'bin');
  mkdirSync(linked);
  symlinkSync(depotScript, join(linked, 'depot'));
  const { stdout } = await mustRun(process.execPath, [
    join(linked, 'depot'),
    ...['schedule', 'print', 'cron', '--at', '01:30', '--config', supplier.config],
  ]);
  expect(stdout).toContain(`${process.execPath} ${join(linked, 'depot')} push --all`);
});

test('a file of the package is found from the source, too', () => {
  expect(JSON.parse(packageFile('package.json').toString())).toMatchObject({ name: '@saas-escrow/depot' });
});

test('each page that a message names is where the message says', () => {
  const named = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...readFileSync(join(checkout, 'src', name), 'utf8').matchAll(/docsPage\('([^']*)'\)/g)])
    .map(([, page]) => docsPage(page));
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((page) => !existsSync(page))).toEqual([]);
});
