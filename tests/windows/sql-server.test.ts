/** docs/operations.md: a backup by SQL Server, with a stand-in for sqlcmd that is a batch file and does as that does. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkout, json, mustDepot } from '../support/cli.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { freshPath, Supplier } from '../support/supplier.js';
import { windowsNodeExe, windowsPath } from '../support/wine.js';
import { WindowsMachine } from './supplier.js';

const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');
const documented = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
  .map(([, block]) => block)
  .find((block) => block.includes('sqlserver:') && block.includes('D:\\'))!;

/** Ends with 0 after an error, but for `-b`; a backup that fails leaves what it had written. */
const sqlcmd = `
import { appendFileSync, writeFileSync } from 'node:fs';
const words = process.argv.slice(2);
const query = words[words.indexOf('-Q') + 1];
if (query.startsWith('SET NOCOUNT ON; USE ')) {
  console.log('16.0.1000.6\\n8192');
  process.exit(0);
}
const [, database, file, options] = /^BACKUP DATABASE \\[(\\w+)\\] TO DISK = N'([^']+)' WITH ([A-Z_, ]+)$/.exec(query) ?? [];
if (!words.includes('-Slocalhost') || !words.includes('-E') || file === undefined || !options.includes('CHECKSUM')) {
  console.error(\`Sqlcmd: '\${words.join(' ')}': Unexpected argument.\`);
  process.exit(1);
}
const write = options.split(', ').includes('INIT') ? writeFileSync : appendFileSync;
if (database === 'lost') {
  write(file, 'half of');
  console.error('Msg 3013, Level 16, State 1\\nBACKUP DATABASE is terminating abnormally.');
  process.exit(words.includes('-b') ? 1 : 0);
}
write(file, \`backup of \${database}\\n\`.repeat(100_000));
`;

let server: Sshd;
beforeAll(async () => {
  server = await startSshd();
});

/** A supplier whose dataset is the documented one, in this directory, with these changes to the line for SQL Server. */
async function withBackup(stage: string, change = (line: string): string => line) {
  const supplier = await Supplier.create(server);
  const directory = join(supplier.directory, stage);
  mkdirSync(directory);
  writeFileSync(join(supplier.directory, 'sqlcmd.mjs'), sqlcmd);
  writeFileSync(
    join(supplier.directory, 'sqlcmd.cmd'),
    `@echo off\r\n"${windowsNodeExe()}" "%~dp0sqlcmd.mjs" %*\r\nexit /b %errorlevel%\r\n`,
  );
  const text = change(documented)
    .replaceAll('D:\\stage', windowsPath(directory))
    .replace('- sqlserver:\n', '- sqlserver:\n    program: .\\sqlcmd.cmd\n');
  supplier.writeConfig({ dataset: parse(text) as Record<string, unknown>[] });
  const windows = new WindowsMachine(supplier.directory);
  const push = () => windows.depot(['push', '--json', '--config', windowsPath(supplier.config)]);
  return { supplier, push, file: join(directory, 'crm.bak') };
}

test.each(['stage', 'SQL Backups (new) & more'])(
  'a backup in %j is deposited and removed, and replaces one that was left there',
  async (stage) => {
    const { supplier, push, file } = await withBackup(stage);
    writeFileSync(file, 'of a push that was killed');
    const pushed = await push();
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    expect(existsSync(file)).toBe(false);
    const suitcase = join(server.incoming, json(pushed).results![0].deposit!.suitcase);
    const out = freshPath();
    await mustDepot(['decrypt', suitcase, '--key', supplier.recipientKey, '--out', out]);
    expect(readFileSync(join(out, 'data/crm.bak'), 'utf8')).toBe('backup of crm\n'.repeat(100_000));
  },
);

test('a backup that fails is a failed push, which publishes nothing and removes what was written', async () => {
  const { push, file } = await withBackup('stage', (line) => line.replace('database: crm', 'database: lost'));
  const before = server.names();
  const pushed = await push();
  const [{ error }] = json(pushed).results!;
  expect(error, pushed.stdout + pushed.stderr).toMatchObject({ code: 'source-failed', published: 'no' });
  expect(error?.message).toContain('BACKUP DATABASE is terminating abnormally.');
  expect(server.names()).toEqual(before);
  expect(existsSync(file)).toBe(false);
});
