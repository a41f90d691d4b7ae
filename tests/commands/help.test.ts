/** Every command's help says what it does, shows examples, and lists its exit codes. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { schemaAddress } from '../../src/commands/init/text.js';
import { buildProgram } from '../../src/commands/program.js';
import { exits } from '../../src/texts/exits.js';

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

const commands = all(program);

test('the schema that init names in depot.yaml exists', () => {
  expect(JSON.parse(readFileSync(new URL(schemaAddress), 'utf8'))).toMatchObject({ title: 'depot.yaml, version 1' });
});

test('no command got lost: there are more than 22', () => {
  expect(commands.length).toBeGreaterThan(22);
});

test.each(commands)('the help of %s has a description, examples and exit codes', (path, command) => {
  const help = helpOf(command);
  expect(command.description().length, 'a description').toBeGreaterThan(20);
  if (command.parent !== null) expect(command.summary(), 'a summary in the list of commands').not.toBe('');
  const [, examples = '', codes = ''] =
    /\nExamples:\n(.*)\n\nExit codes \(docs\/exit-codes\.md says what to do\):\n(.*)\n$/s.exec(help) ?? [];
  expect(examples, 'examples').toContain('depot');
  for (const line of examples.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  const listed = codes
    .trimEnd()
    .split('\n')
    .map((line) => Number(/^ *(\d+) {2}/.exec(line)?.[1]));
  expect(listed.slice(0, 3), 'exit codes').toEqual([0, 1, 2]);
  expect(listed.every((code) => code in exits)).toBe(true);
  for (const option of command.options) expect(option.description, option.flags).not.toBe('');
  for (const argument of command.registeredArguments) expect(argument.description, argument.name()).not.toBe('');
});

// A value in brackets was taken for the default.
test('a value in the words on an option is called an example, or the default', () => {
  for (const [path, command] of commands)
    for (const { flags, description } of command.options)
      expect(description, `${path} ${flags}`).not.toMatch(/\((?:\d|acme)[^)]*\)/);
});

test('examples use only commands and flags that exist', () => {
  for (const [path, command] of commands) {
    const [, examples = ''] = /\nExamples:\n(.*)\n\nExit codes/s.exec(helpOf(command)) ?? [];
    for (const [line] of examples.replace(/ \\\n +/g, ' ').matchAll(/(?<=[ (;])depot .*?(?= {3}|$|\))/gm)) {
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
