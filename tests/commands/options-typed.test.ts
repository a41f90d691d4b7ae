import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/commands/program.js';
import { checkout } from '../support/cli.js';
import { hex40, parsed } from './parsed.js';

describe('depot accepts the lines that it tells people to type', () => {
  const example: Record<string, string> = {
    DATE: '2026-01-01',
    F: hex40,
    'SHA256:…': `SHA256:${'A'.repeat(43)}`,
    TIME: '01:30',
  };
  /** A line from the source without its placeholders: one that is a word becomes an example, a part of a word is left out. */
  const asTyped = (line: string): string =>
    line
      .replace(/(?<= )\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'x')
      .replace(/\$\{.*?\}(?:`\})?/g, '')
      .split(' ')
      .map((word) => example[word] ?? word)
      .join(' ');
  const inSource = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [...readFileSync(join(checkout, 'src', name), 'utf8').matchAll(/«depot ([^…][^»]*)»/g)].map(([, line]) => line),
    );

  test.each([...new Set(inSource)].filter((line) => !line.includes('[^') && !line.endsWith(' --help')))(
    '%s',
    async (line) => {
      await parsed(asTyped(line));
    },
  );
});

describe('help', () => {
  const all: [string, Command][] = [];
  const collect = (command: Command, name: string): void => {
    all.push([name, command]);
    for (const child of command.commands) collect(child, `${name} ${child.name()}`);
  };
  collect(
    buildProgram(() => Promise.resolve()),
    'depot',
  );
  const leaves = all.filter(([, command]) => command.commands.length === 0);

  test.each(leaves)(
    '%s shows examples, exit codes and where the global flags are, and accepts its own examples',
    async (_name, command) => {
      let text = '';
      command.configureOutput({
        writeOut: (t) => {
          text += t;
        },
      });
      command.outputHelp();
      for (const part of ['Examples:', 'Exit codes', 'depot help options']) expect(text).toContain(part);
      expect(command.summary() || command.description()).not.toBe('');
      const examples = [
        ...text.replace(/ \\\n +/g, ' ').matchAll(/^ {2}depot ([^|<>…\n]*?)(?: [|<>].*| {2}.*)?$/gm),
      ].map(([, line]) => line);
      for (const line of examples) await parsed(line.replace('2027', '2025'));
    },
  );

  test('no flag has a default, since defaults come after the environment and the file', () => {
    const defaults = all.flatMap(([name, command]) =>
      command.options.filter((o) => o.defaultValue !== undefined && !o.negate).map((o) => `${name} ${o.flags}`),
    );
    expect(defaults).toEqual([]);
  });
});
