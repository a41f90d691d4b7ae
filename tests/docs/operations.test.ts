/** docs/operations.md: every depot line in it is one that depot takes, its databases are valid configuration, and moving works as it says. */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/commands/program.js';
import { parseConfig } from '../../src/config/load.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, depotScript } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');
const section = (title: string): string => new RegExp(`^## ${title}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(page)![1];
const blocks = (text: string, language: string): string[] => [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((m) => m[1]);

const shell = ['From the letter to the first deposit', 'Moving to a new machine'].flatMap((title) => blocks(section(title), 'sh')).join('');
const lines = [...shell.matchAll(/(?:^|-- )(depot [^\n#|&]*)/gm)].map((m) => m[1].trim());

/** What `depot` makes of these words; throws what it refuses. */
async function taken(words: readonly string[]): Promise<void> {
  const program = buildProgram(() => Promise.resolve());
  const silence = (command: Command): void => {
    command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    command.commands.forEach(silence);
  };
  silence(program);
  try {
    await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
}

describe('commands', () => {
  test.each(lines)('%s', async (line) => {
    await taken(line.split(/\s+/).slice(1));
  });

  test('the Ansible task gives every answer', async () => {
    const task = /argv: \[([\s\S]*?)\]/.exec(page)![1].split(/,\s*/).map((word) => word.replace(/^"\{\{ .*host_key \}\}"$/, `SHA256:${'A'.repeat(43)}`).replace(/^"\{\{ .* \}\}"$/, 'A'.repeat(40)));
    expect(task[0]).toBe('depot');
    await taken(task.slice(1));
  });

  test('some were found', () => {
    expect(lines.length).toBeGreaterThan(5);
  });
});

describe('databases', () => {
  const databases = blocks(section('Databases'), 'yaml');

  test.each(databases)('%s', async (yaml) => {
    const config = [
      'version: 1', 'supplier: { name: Acme, signingKey: k.asc }', 'remote: { host: 10.20.0.5, username: acme, directory: /incoming }', 'arrangements:', '  acme-crm:',
      `    beneficiaries: [{ name: V, key: v.asc, fingerprint: "${'A'.repeat(40)}" }]`, '    dataset:', ...yaml.trimEnd().split('\n').map((line) => `      ${line}`), '',
    ].join('\n');
    const { arrangements } = await parseConfig(config, '/etc/depot/depot.yaml', { env: {}, cwd: '/', platform: 'linux', home: undefined });
    expect(arrangements.get('acme-crm')!.sources).toHaveLength(1);
  });

  test('PostgreSQL, MariaDB, SQL Server and RavenDB', () => {
    expect(databases.map((yaml) => /pg_dump|mariadb-dump|sqlcmd|smuggler/.exec(yaml)?.[0])).toEqual(['pg_dump', 'mariadb-dump', 'sqlcmd', 'smuggler']);
  });
});

describe.skipIf(peers('sshd', 'ssh-keygen', 'tar') === undefined || !asRoot())('moving to a new machine', () => {
  test('the ledger goes along whole, and the next push adds to it', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'x'), 'data');
    const [old, fresh] = [tempDir('depot-old'), tempDir('depot-new')];
    for (const machine of [old, fresh]) mkdirSync(join(machine, 'var/lib'), { recursive: true });
    mkdirSync(join(old, 'etc'));
    supplier.writeConfig({ top: { state: '../../var/lib/depot' }, dataset: [{ directory: supplier.data }] });
    await mustRun('cp', ['-a', supplier.directory, join(old, 'etc/depot')]);
    const before = await mustRun(process.execPath, [depotScript, 'push', '--json', '--config', join(old, 'etc/depot/depot.yaml')]);
    chownSync(join(old, 'var/lib/depot'), 0, 0);

    // The lines of the page that are not about accounts and systemd, with another root directory.
    const [there, here] = blocks(section('Moving to a new machine'), 'sh');
    const runnable = (block: string, root: string): string => block.split('\n').filter((line) => /^(?:tar|depot receipts|runuser)/.test(line)).join('\n')
      .replaceAll('runuser -u depot -- ', '').replace(/-C \//g, `-C ${root}/`).replaceAll('/etc/depot/', `${root}/etc/depot/`).replaceAll('depot-move.tar', join(old, 'depot-move.tar')).replace(/^depot /gm, `"${process.execPath}" "${depotScript}" `);
    await mustRun('sh', ['-euc', runnable(there, old)]);
    const moved = await mustRun('sh', ['-euc', runnable(here, fresh)]);
    expect(moved.stdout).toMatch(/^✓ acme-crm/m);
    const after = await mustRun(process.execPath, [depotScript, 'push', '--json', '--config', join(fresh, 'etc/depot/depot.yaml')]);
    const ledger = (out: string): { id: string; sequence: number } => (JSON.parse(out) as { results: { deposit: { receipt: { ledger: { id: string; sequence: number } } } }[] }).results[0].deposit.receipt.ledger;
    expect(ledger(after.stdout)).toMatchObject({ id: ledger(before.stdout).id, sequence: ledger(before.stdout).sequence + 1 });
    expect(after.stderr).not.toContain('new ledger');
  });
});
