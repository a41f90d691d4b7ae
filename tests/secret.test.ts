import { format, inspect } from 'node:util';

import { expect, test } from 'vitest';

import { DepotError } from '../src/errors.js';
import { Secret } from '../src/secret.js';

const value = 'correct horse';
const secret = new Secret(value);

test.each<[string, () => string]>([
  ['a template', () => `a ${secret as unknown as string}`],
  ['String', () => String(secret)],
  ['concatenation', () => 'x' + (secret as unknown as string)],
  ['JSON', () => JSON.stringify({ secret })],
  ['inspect', () => inspect({ secret }, { depth: 9, showHidden: true })],
  ['inspect with getters', () => inspect(secret, { getters: true, showHidden: true, customInspect: true })],
  ['inspect without the custom rule', () => inspect(secret, { customInspect: false, showHidden: true })],
  ['format', () => format('%s %o %j %O', secret, secret, secret, secret)],
  ['an error with it as cause', () => inspect(new DepotError('internal', String(secret), { cause: secret }))],
  ['a stack', () => new Error(String(secret)).stack ?? ''],
  [
    'its entries',
    () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret), Object.assign({}, secret)]),
  ],
  ['a structured clone', () => inspect(structuredClone(secret))],
])('%s does not show the secret', (_, show) => {
  expect(show()).not.toContain(value);
});

test('reveal gives the value', () => {
  expect(secret.reveal()).toBe(value);
});
