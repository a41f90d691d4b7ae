import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { mustRun } from '../support/process.js';
import { Supplier } from '../support/supplier.js';

let supplier: Supplier;
beforeAll(async () => {
  supplier = await Supplier.create({ host: '127.0.0.1', port: 1, username: 'acme', password: 'x', remoteDirectory: '/in', fingerprints: [`SHA256:${'A'.repeat(43)}`] } as never);
});
const complete = async (...words: string[]): Promise<string[]> => (await depotHere(['completion', 'candidates', '--config', supplier.config, '--', ...words])).stdout.split('\n').filter((line) => line !== '');

test.each<[string[], string[]]>([
  [['pu'], ['push']],
  [['he'], ['help']],
  [['key', ''], ['generate', 'show', 'add']],
  [['key', 'generate', 's'], ['signer']],
  [['push', 'acme'], ['acme-crm']],
  [['push', '--dry-run', ''], ['acme-crm']],
  [['push', '--dry'], ['--dry-run']],
  [['push', '--qui'], ['--quiet']],
  [['push', '--if-older-than', ''], []],
  [['--config', ''], [':files']],
  [['login', 'acme-crm', '--to', 'f'], ['file']],
  [['login', 'acme-crm', '--for', ''], ['password', 'private-key', 'signing-key']],
  [['decrypt', ''], [':files']],
  [['decrypt', 'x', '--out', ''], [':directories']],
  [['schedule', 'print', ''], ['systemd', 'cron', 'windows']],
  [['schedule', 'print', 'cron', 'ac'], ['acme-crm']],
  [['key', 'add', 'acme-crm', ''], [':files']],
  [['demo', ''], []],
])('%j', async (words, wanted) => {
  expect(await complete(...words)).toEqual(wanted);
});

test('without a configuration there are no names, and no error', async () => {
  const { code, stdout, stderr } = await depotHere(['completion', 'candidates', '--', 'push', '--config', '/nonexistent', ''], { cwd: supplier.data });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('bash completes with it: names, flags and files with blanks', async () => {
  writeFileSync(join(supplier.directory, 'a receipt.json'), '');
  const bash = async (...words: string[]): Promise<string[]> => {
    const script = `depot() { "${process.execPath}" "${join(checkout, 'bin/depot.js')}" "$@"; }; source <(depot completion bash); COMP_WORDS=(depot "$@"); COMP_CWORD=$#; _depot; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await mustRun('bash', ['-c', script, 'bash', ...words], { cwd: supplier.directory })).stdout.trimEnd().split('\n');
  };
  expect(await bash('push', 'acm')).toEqual(['acme-crm']);
  expect(await bash('verify', '--receipt', 'a')).toEqual(['a receipt.json']);
});
