/** Help fits a screen, says what a command does, shows examples, and lists exit codes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { fullPage, type PageEnd, screen } from '../../src/commands/help/page.js';
import { exitCodePage } from '../../src/commands/help/exit-code.js';
import { topics } from '../../src/commands/help/topics.js';
import { schemaAddress } from '../../src/commands/init/text.js';
import { buildProgram } from '../../src/commands/program.js';
import { exits, exitStatuses } from '../../src/texts/exits.js';
import { checkout } from '../support/cli.js';

const program = buildProgram(() => Promise.resolve());

function all(command: Command, path = command.name()): [string, Command][] {
  return [[path, command], ...command.commands.flatMap((child) => all(child, `${path} ${child.name()}`))];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (words) => {
      text += words;
    },
  });
  command.outputHelp();
  return text;
}

function examplesOf(help: string): string {
  return /\nExamples:\n(.*)\n\n(?:More options|Exit)/s.exec(help)?.[1] ?? '';
}

/** Of the program, without its tests. */
function sources(directory = join(checkout, 'src')): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

const commands = all(program);

test('the schema that init names in depot.yaml exists', () => {
  expect(JSON.parse(readFileSync(new URL(schemaAddress), 'utf8'))).toMatchObject({ title: 'depot.yaml, version 1' });
});

test('no command got lost: there are more than 22', () => {
  expect(commands.length).toBeGreaterThan(22);
});

const commandPages = commands.filter(([, command]) => command.parent !== null);

test('the overview fits a screen, has every command under those who use it, and names the topics', () => {
  const help = helpOf(program);
  expect(help.trimEnd().split('\n').length).toBeLessThanOrEqual(screen);
  for (const { name, summary } of program.commands.map((one) => ({ name: one.name(), summary: one.summary() }))) {
    expect(help).toMatch(new RegExp(`^(?:.{40})? {2}${name} +${summary.replace(/[.?]/g, '\\$&')}(?: {2}|$)`, 'm'));
  }
  expect(help.match(/^For the (?:supplier|beneficiary|auditor).*:$/gm)).toHaveLength(3);
  for (const topic of Object.keys(topics)) expect(help).toContain(topic);
});

test.each(commands)('the help of %s has at most 80 columns', (_, command) => {
  for (const line of helpOf(command).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});

test.each(commandPages)(
  'the help of %s has a description, examples and exit codes, and fits a screen',
  (_, command) => {
    const help = helpOf(command);
    expect(command.description().length, 'a description').toBeGreaterThan(20);
    expect(command.summary(), 'a summary in the list of commands').not.toBe('');
    expect(examplesOf(help), 'examples').toContain('depot');
    const listed = /^Exit codes (.*): depot help exit-codes\nOptions of every command: depot help options\n$/m.exec(
      help,
    );
    const codes = listed![1].split(', ').flatMap((part) => {
      const [from, to = from] = part.split('–').map(Number);
      return Array.from({ length: to - from + 1 }, (__, i) => from + i);
    });
    expect(codes.slice(0, 3), 'exit codes').toEqual([0, 1, 2]);
    expect(codes).toEqual([...new Set([0, 1, 2, ...(command as Command & PageEnd).exits])]);
    expect(codes.every((code) => code in exits)).toBe(true);
    expect(help.trimEnd().split('\n').length).toBeLessThanOrEqual(screen);
    for (const option of command.options) expect(option.description, option.flags).not.toBe('');
    for (const argument of command.registeredArguments) expect(argument.description, argument.name()).not.toBe('');
  },
);

test.each(commandPages)(
  'depot help has every option of %s; --help may leave rarer ones to it, and says so',
  (path, command) => {
    const [short, full] = [helpOf(command), fullPage(command as Command & PageEnd)];
    for (const { flags, description } of command.options) {
      expect(full).toContain(flags);
      expect(full.replace(/\s+/g, ' ')).toContain(description);
    }
    for (const line of full.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    const left = command.options.filter(
      ({ flags }) => !short.includes(`  ${flags} `) && !short.includes(`  ${flags}\n`),
    );
    expect(left.every(({ helpGroupHeading }) => helpGroupHeading !== undefined)).toBe(true);
    expect(short.includes(`More options: ${path.replace('depot', 'depot help')}\n`)).toBe(left.length > 0);
  },
);

test.each(exitStatuses)('help explains exit code %s, found by its number or the name of one of its codes', (exit) => {
  const page = exitCodePage([String(exit)])!;
  expect(page).toMatch(new RegExp(`^(?:\\d+, )*${exit}\\b.*: `));
  expect(page.split('\n').length).toBeGreaterThan(3);
  for (const line of page.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(page).not.toMatch(/`|\]\(/);
  expect(exitCodePage(['exit-codes', String(exit)])).toBe(page);
  for (const code of exits[exit].codes) expect(exitCodePage([code])).toBe(page);
});

test('help refuses a number that depot never exits with, and leaves other words alone', () => {
  expect(() => exitCodePage(['99'])).toThrow('depot never exits with 99');
  for (const words of [[], ['push'], ['exit-codes'], ['13', 'push']]) expect(exitCodePage(words)).toBeNull();
});

describe('a topic', () => {
  const here = { env: { HOME: '/srv/acme' }, cwd: '/srv/crm' };

  test.each(Object.entries(topics))('%s has at most 80 columns', (_, topic) => {
    for (const line of topic(here).split('\n'))
      if (!line.includes(checkout)) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('exit-codes has every exit code with its meaning', () => {
    const text = topics['exit-codes']().replace(/\n {7}/g, ' ');
    for (const [exit, { en }] of Object.entries(exits))
      expect(text).toMatch(new RegExp(`^ +${exit}  ${en.replace(/[()?]/g, '\\$&')}`, 'm'));
  });

  test('environment has every variable of ours that the program reads, and no other', () => {
    const read = new Set(
      sources().flatMap((text) => [
        ...[...text.matchAll(/\benv\.(DEPOT_[A-Z_]+)/g)].map((m) => m[1]),
        ...[...text.matchAll(/'(DEPOT_[A-Z_]+)'/g)].map((m) => m[1]),
      ]),
    );
    // What the scripts of the completion send.
    read.delete('DEPOT_COMPLETION_WORDS');
    // What depot init tells the depot that it runs.
    read.delete('DEPOT_WITHIN_INIT');
    const told = topics.environment().match(/(?<=^ {2})DEPOT_[A-Z_]+/gm)!;
    expect([...read].filter((name) => !name.endsWith('_FILE')).sort()).toEqual(told.sort());
  });

  test('files has the places that this account has', () => {
    const text = topics.files(here);
    for (const path of [
      '/srv/crm/depot.yaml',
      '/srv/acme/.config/depot/depot.yaml',
      '/etc/depot/depot.yaml',
      '/srv/acme/.local/state/depot',
      '/var/lib/depot',
    ])
      expect(text).toContain(path);
    expect(existsSync(/^ {2}documents +(.*)$/m.exec(text)![1])).toBe(true);
  });
});

// A value in brackets was taken for the default.
test('a value in the words on an option is called an example, or the default', () => {
  for (const [path, command] of commands)
    for (const { flags, description } of command.options)
      expect(description, `${path} ${flags}`).not.toMatch(/\((?:\d|acme)[^)]*\)/);
});

test('examples use only commands and flags that exist', () => {
  for (const [path, command] of commands) {
    for (const [line] of examplesOf(helpOf(command))
      .replace(/ \\\n +/g, ' ')
      .matchAll(/(?<=[ (;])depot .*?(?= {3}|$|\))/gm)) {
      const words = line
        .replace(/"[^"]*"/g, 'x')
        .replace(/[|>].*$/, '')
        .split(/ +/)
        .slice(1);
      let at: Command = program;
      for (const word of words) at = at.commands.find((child) => child.name() === word) ?? at;
      const known = [...at.options, ...program.options].flatMap((option) => [option.long, option.short, '--help']);
      for (const flag of words.filter((word) => /^--?[a-z]/.test(word)))
        expect(known, `${path}: ${line}`).toContain(flag.replace(/=.*/, ''));
    }
  }
});
