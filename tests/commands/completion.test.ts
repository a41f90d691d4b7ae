import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depotScript } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';
import { onWindows } from '../support/platform.js';

const depositId = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
let supplier: Supplier;
beforeAll(async () => {
  supplier = await Supplier.create(nowhere);
  mkdirSync(join(supplier.state, 'acme-crm'), { recursive: true, mode: 0o700 });
  // Completion goes by the names of the files, so they can be empty.
  for (const name of [
    `${depositId}.receipt.json`,
    `${depositId}.receipt.json.asc`,
    `${depositId}.cover.md`,
    'acme-crm_20261123T003000Z_0123456789abcdef.receipt.json',
  ])
    writeFileSync(join(supplier.state, 'acme-crm', name), '');
});
const complete = async (...words: string[]): Promise<string[]> =>
  (await depotHere(['completion', 'candidates', '--config', supplier.config, '--', ...words])).stdout
    .split('\n')
    .filter((line) => line !== '');

test.each<[string[], string[]]>([
  [['pu'], ['push']],
  [['he'], ['help']],
  [['help', 'pu'], ['push']],
  [['help', 'ex'], ['exit-codes']],
  [['help', 'en'], ['environment']],
  [
    ['key', ''],
    ['generate', 'show', 'add'],
  ],
  [['key', 'generate', 's'], ['signer']],
  [['push', 'acme'], ['acme-crm']],
  [['runs', ''], ['acme-crm']],
  [
    ['config', ''],
    ['check', 'example'],
  ],
  [['config', 'example', '--out', ''], [':files']],
  [['push', '--dry-run', ''], ['acme-crm']],
  [['push', '--dry'], ['--dry-run']],
  [['push', '--qui'], ['--quiet']],
  [['push', '--if-older-than', ''], []],
  [['--config', ''], [':files']],
  [['login', 'acme-crm', '--to', 'f'], ['file']],
  [
    ['login', 'acme-crm', '--for', ''],
    ['password', 'private-key', 'signing-key'],
  ],
  [['decrypt', ''], [':files']],
  [['decrypt', 'x', '--out', ''], [':directories']],
  [
    ['schedule', 'print', ''],
    ['systemd', 'cron', 'launchd', 'windows'],
  ],
  [['schedule', 'print', 'cron', 'ac'], ['acme-crm']],
  [['key', 'add', 'acme-crm', ''], [':files']],
  [['receipts', 'show', 'acme-crm_20261122'], [depositId]],
  [
    ['receipts', 'note', ''],
    [depositId, 'acme-crm_20261123T003000Z_0123456789abcdef'],
  ],
  [['demo', ''], []],
])('the words %j complete to %j', async (words, wanted) => {
  expect(await complete(...words)).toEqual(wanted);
});

test('without a configuration, no names are offered, and there is no error', async () => {
  const { code, stdout, stderr } = await depotHere(
    ['completion', 'candidates', '--', 'push', '--config', join(supplier.directory, 'gone.yaml'), ''],
    { cwd: supplier.data },
  );
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
});

/** Puts `depot` on the PATH, as an installation does, and makes a file whose name has a blank. */
function installation(): { env: NodeJS.ProcessEnv; home: string } {
  const home = tempDir();
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin/depot'), `#!/bin/sh\nexec "${process.execPath}" "${depotScript}" "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(join(supplier.directory, 'a receipt.json'), '');
  return { home, env: { ...bareEnvironment(), HOME: home, PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}` } };
}

test('PowerShell hands over its words in a variable, since it drops empty ones and two hyphens', async () => {
  const typed = async (...words: string[]): Promise<string[]> =>
    (
      await depotHere(['completion', 'candidates'], {
        env: { DEPOT_COMPLETION_WORDS: words.join('\n') },
      })
    ).stdout
      .split('\n')
      .filter((line) => line !== '');
  expect(await typed('--config', supplier.config, 'push', 'acm')).toEqual(['acme-crm']);
  expect(await typed('--config', supplier.config, 'receipts', 'show', '')).toEqual([
    depositId,
    'acme-crm_20261123T003000Z_0123456789abcdef',
  ]);
  expect(await typed('decrypt', '')).toEqual([':files']);
  expect(await typed('')).toContain('push');
});

test('the script for PowerShell is whole, sets what depot reads, and knows what it answers', async () => {
  const { stdout } = await depotHere(['completion', 'powershell']);
  for (const part of [
    'Register-ArgumentCompleter -Native -CommandName depot,',
    'param($wordToComplete, $commandAst, $cursorPosition)',
    '$env:DEPOT_COMPLETION_WORDS = $words -join',
    'depot completion candidates',
    "':files'",
    "':directories'",
  ])
    expect(stdout).toContain(part);
  // The name of its program, since version 6.
  expect((await depotHere(['completion', 'pwsh'])).stdout).toBe(stdout);
  const bare = stdout.replace(/^#.*$/m, '').replace(/'[^']*'/g, '');
  for (const [open, close] of ['{}', '()', '[]'].map((pair) => [pair[0], pair[1]] as const))
    expect(bare.split(open)).toHaveLength(bare.split(close).length);
  // Windows PowerShell reads what a program prints in the console's code page.
  expect(stdout).toMatch(/^[\n -~]+$/);
});

test.skipIf(onWindows)('bash completes names, and files with a blank in the name', async () => {
  const { env } = installation();
  const bash = async (...words: string[]): Promise<string[]> => {
    const script =
      'source <(depot completion bash); COMP_WORDS=(depot "$@"); COMP_CWORD=$#; _depot; printf \'%s\\n\' "${COMPREPLY[@]}"';
    return (await mustRun('bash', ['-c', script, 'bash', ...words], { cwd: supplier.directory, env })).stdout
      .trimEnd()
      .split('\n');
  };
  expect(await bash('push', 'acm')).toEqual(['acme-crm']);
  expect(await bash('verify', '--receipt', 'a')).toEqual(['a receipt.json']);
});

test.skipIf(peer('fish') === undefined)(
  'fish completes commands, names, flags, values, files and deposit ids',
  async () => {
    const { env, home } = installation();
    const completions = join(home, '.config/fish/completions');
    mkdirSync(completions, { recursive: true });
    await mustRun('sh', ['-c', `depot completion fish > ${completions}/depot.fish`], { env });
    const lines = [
      'depot pu',
      'depot push acm',
      'depot push --dry',
      'depot schedule print s',
      'depot verify --receipt a',
      'depot decrypt x --out ke',
      `depot receipts show ${depositId.slice(0, 17)}`,
    ];
    const { stdout } = await mustRun('fish', ['-c', lines.map((line) => `complete -C '${line}'; echo .`).join('\n')], {
      cwd: supplier.directory,
      env,
    });
    expect(stdout.split('\n.\n').map((found) => found.split('\t')[0])).toEqual([
      'push',
      'acme-crm',
      '--dry-run',
      'systemd',
      'a receipt.json',
      'keys/',
      depositId,
      '',
    ]);
  },
);

/** Runs zsh with the completion script in a pseudo-terminal, and prints each line as it is after the tab key. */
const zsh = `
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'fpath=($HOME/functions $fpath); autoload -Uz compinit; compinit -u -D; shown() { print -r -- "LINE=[$BUFFER]"; BUFFER=; zle reset-prompt }; zle -N shown; bindkey "^X" shown; PS1="REA""DY> "'
zpty -r shell seen '*READY> *'
for line in "$@"; do
  zpty -w -n shell "$line"$'\\t\\x18'
  zpty -r shell seen '*LINE=\\[*\\]*' || exit 1
  [[ $seen =~ 'LINE=\\[([^]]*)\\]' ]] && print -r -- $match[1]
done
`;

test.skipIf(peer('zsh') === undefined)(
  'zsh completes commands, names, flags, values, files and deposit ids',
  async () => {
    const { env, home } = installation();
    mkdirSync(join(home, 'functions'));
    await mustRun('sh', ['-c', `depot completion zsh > ${home}/functions/_depot`], { env });
    const lines = [
      'depot pu',
      'depot push acm',
      'depot push --dry',
      'depot schedule print s',
      'depot verify --receipt a',
      'depot decrypt x --out ke',
      `depot receipts show ${depositId.slice(0, 17)}`,
    ];
    const { stdout } = await mustRun('zsh', ['-f', '-c', zsh, 'zsh', ...lines], {
      cwd: supplier.directory,
      env: { ...env, TERM: 'dumb' },
    });
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'depot push',
      'depot push acme-crm',
      'depot push --dry-run',
      'depot schedule print systemd',
      'depot verify --receipt a\\ receipt.json',
      'depot decrypt x --out keys/',
      `depot receipts show ${depositId}`,
    ]);
  },
);
