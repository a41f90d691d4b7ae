import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandWords, lookLine, mkdirLine, moveLine, removeLine, shellWord, typedWord } from '../src/shell.js';

describe('a word for cmd.exe and PowerShell', () => {
  test.each([
    ['C:\\depot\\depot.yaml', 'C:\\depot\\depot.yaml'],
    ['C:/depot/depot.yaml', 'C:\\depot\\depot.yaml'],
    ['C:\\Program Files/depot', '"C:\\Program Files\\depot"'],
    ['\\\\nas\\share\\x', '\\\\nas\\share\\x'],
    // Before the closing quote it would take its meaning; elsewhere it has none.
    ['C:\\my files\\', '"C:\\my files\\\\"'],
    ['C:\\', 'C:\\'],
    ['--config', '--config'],
    ['acme@host:22', '"acme@host:22"'],
    ['@splat', '"@splat"'],
    ['a,b', '"a,b"'],
    ['', '""'],
    ["it's", '"it\'s"'],
    ['x & calc', '"x & calc"'],
    ['(x)', '"(x)"'],
    ['100%', '"100%"'],
    ['https://agent.example/in', 'https://agent.example/in'],
  ])('%j is %s', (word, typed) => {
    expect(shellWord(word, 'win32')).toBe(typed);
  });

  /** What PowerShell and cmd.exe both leave alone: outside quotes these letters, inside them all but these. */
  test('no name runs anything, in either shell', () => {
    for (const word of ['$(calc)', '`calc`', 'a" & calc & "', 'x”; calc; “y', '$env:PATH'])
      expect(shellWord(word, 'win32')).toMatch(/^"[^"$`\u201c-\u201f]*"$/);
    const safe = /^(?:[A-Za-z0-9_.:=+\\/~-]+|"[^"$`\u201c-\u201f]*")$/;
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (word) => safe.test(shellWord(word, 'win32'))));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('"\'$`&|;%^<>()@ \\/aC:')) }), (word) =>
        safe.test(typedWord(word, 'win32')),
      ),
    );
  });

  test('a quoted word never ends with a single backslash', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\\', ' ', 'a') }), (word) => {
        const typed = shellWord(word, 'win32');
        const [, end = ''] = /(\\*)"$/.exec(typed) ?? [];
        expect(end.length % 2).toBe(0);
      }),
    );
  });
});

describe('a command that is typed, without a shell', () => {
  test('is taken apart as a shell does it', () => {
    const words = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }).filter(([first]) => first !== '');
    fc.assert(
      fc.property(words, (argv) => {
        expect(commandWords(argv.map((word) => shellWord(word, 'linux')).join('  '), 'linux')).toEqual({ value: argv });
      }),
    );
  });

  test.each<[line: string, platform: 'linux' | 'win32', words: string[] | RegExp]>([
    [' alert --to "the ops" ', 'linux', ['alert', '--to', 'the ops']],
    ['a "say \\"hi\\"" b\\ c', 'linux', ['a', 'say "hi"', 'b c']],
    ['"C:\\Program Files\\a.cmd" C:\\x', 'win32', ['C:\\Program Files\\a.cmd', 'C:\\x']],
    ['alert > log', 'linux', /no shell runs it, so >/],
    ['alert "$HOME"', 'linux', /no end, or has \$/],
    ["alert 'x", 'linux', /no end/],
    ['  ', 'linux', /no program/],
    ["''", 'linux', /no program/],
  ])('%s', (line, platform, words) => {
    expect(commandWords(line, platform)).toEqual(
      Array.isArray(words) ? { value: words } : { wrong: expect.stringMatching(words) as string },
    );
  });
});

test('lines to type are those of the system', () => {
  expect([lookLine('/srv/a b', 'linux'), lookLine('C:\\a b', 'win32')]).toEqual(["ls -l '/srv/a b'", 'dir "C:\\a b"']);
  expect([mkdirLine('/srv/x', 'linux'), mkdirLine('C:\\x', 'win32')]).toEqual(['mkdir -p /srv/x', 'mkdir C:\\x']);
  expect([removeLine('/x', 'darwin'), removeLine('C:\\x', 'win32')]).toEqual(['rm -r /x', 'cmd /c rmdir /s /q C:\\x']);
  expect([moveLine('/a', '/b', 'linux'), moveLine('C:\\a', 'C:\\b', 'win32')]).toEqual([
    'mv /a /b',
    'move C:\\a C:\\b',
  ]);
});

/**
 * Files whose lines are for sh by what they are about, and why. Anywhere else a message with such a word would be shown on
 * Windows too: take the line from src/shell.ts.
 */
const forShell: Record<string, string> = {
  'shell.ts': 'chooses by system',
  'accounts.ts': 'user numbers, which Windows does not have',
  'permissions.ts': 'owners and modes; Windows takes src/windows/checks.ts',
  'durable-file.ts': 'its chown is for the owner of a user number',
  'config/locate.ts': 'its chmod is for an account with a user number',
  'doctor/access.ts': 'for the account of a user number',
  'doctor/secret-checks.ts': 'compares with lines of doctor/access.ts',
  'doctor/examine.ts': 'for the account of a user number',
  'state/arrangement-state.ts': 'for the account of a user number',
  'secrets/private-file.ts': 'modes, after Windows has had its turn',
  'commands/schedule/crontab.ts': 'cron, which Windows does not have',
  'commands/login.ts': 'for the account of a user number',
  'commands/doctor.ts': 'an example of help',
  'commands/config.ts': 'an example of help',
  'ui/typed.ts': 'knows them in messages',
  'secrets/readers.ts': 'only where files have owners',
  'commands/init/run.ts': 'only root sets up for another account',
  'commands/init/account.ts': 'only root sets up for another account',
  'commands/init/state-place.ts': 'only root sets up for another account',
  'commands/schedule/launchd.ts': 'macOS',
  'commands/schedule/print.ts': 'systemd and cron',
  'reader/named-files.ts': 'says another thing on Windows',
};
const ofShell = /\b(?:ls -l|mkdir -p|rm -r|chmod [0-7a-z]|chown |chgrp |sudo |setfacl|runuser |useradd |mv \$\{)/;

test('no message but those for sh has lines of sh in it', () => {
  const src = new URL('../src/', import.meta.url);
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('opener/') && !file.startsWith('texts/'));
  const found = files.filter((file) =>
    readFileSync(new URL(file, src), 'utf8')
      .split('\n')
      .some((line) => !/^\s*(?:\/\/|\/?\*)/.test(line) && ofShell.test(line)),
  );
  expect(found.filter((file) => !Object.hasOwn(forShell, file))).toEqual([]);
  // What is not needed any more would hide the next one.
  expect(Object.keys(forShell).filter((file) => !found.includes(file))).toEqual([]);
});
