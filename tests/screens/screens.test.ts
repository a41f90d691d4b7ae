/**
 * What a person sees, kept as files, so that a reviewer reads all of it in one place: tests/screens/shown. `npm run screens` writes
 * them anew: read the diff.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { topics } from '../../src/commands/help/topics.js';
import { buildProgram } from '../../src/commands/program.js';
import { checkout } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { screens } from './screens.js';
import { World } from './world.js';

const directory = join(checkout, 'tests/screens/shown');
const keep = (text: string, name: string): Promise<void> =>
  expect(text).toMatchFileSnapshot(join(directory, `${name}.txt`));

const all = (command: Command, path: string): [string, Command][] => [
  [path, command],
  ...command.commands.flatMap((child) => all(child, `${path} ${child.name()}`)),
];
const pages = all(
  buildProgram(() => Promise.resolve()),
  'depot',
);
const fileOf = (path: string): string => `help-${path.replace(/^depot ?/, '').replaceAll(' ', '-') || 'overview'}`;

test.each(pages)('%s --help', async (path, command) => {
  await keep(`$ ${path} --help\n${command.helpInformation()}`, fileOf(path));
});

test.each(Object.entries(topics))('depot help %s', async (name, topic) => {
  const text = topic({ env: { HOME: '/srv/you' }, cwd: '/srv/you/here' });
  await keep(
    `$ depot help ${name}\n${text.replaceAll(checkout, '/usr/lib/node_modules/@saas-escrow/depot/')}`,
    `topic-${name}`,
  );
});

describe.skipIf(peers('python3') === undefined || !asRoot())('on a terminal', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
  });

  test.each(screens)('$name: $line', async (screen) => {
    await keep(await world.take(screen), screen.name);
  });
});

test('no screen is kept that nothing shows any more', () => {
  const shown = [
    ...screens.map(({ name }) => name),
    ...pages.map(([path]) => fileOf(path)),
    ...Object.keys(topics).map((name) => `topic-${name}`),
  ];
  expect(readdirSync(directory).filter((name) => !shown.includes(name.replace(/\.txt$/, '')))).toEqual([]);
});
