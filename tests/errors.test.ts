/** Whoever tells of a failure must not fail with it. */
import { expect, test } from 'vitest';
import { errorToRecord, foreseen } from '../src/errors.js';

const signal = new AbortController().signal;
const odd: [string, unknown][] = [
  ['an object without a prototype', Object.create(null)],
  [
    'one that cannot be made a text',
    {
      toString() {
        throw new Error('no');
      },
    },
  ],
  [
    'a proxy that answers nothing',
    new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    ),
  ],
  [
    'an error whose message cannot be read',
    Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('no');
      },
    }),
  ],
];

test.each(odd)('%s is a defect that says so', (_, thrown) => {
  expect(foreseen(thrown, signal)).toMatchObject({
    code: 'internal',
    message: 'a defect in depot: something was thrown that has no text (object)',
  });
  expect(errorToRecord(thrown)).toMatchObject({
    code: 'internal',
    message: 'something was thrown that has no text (object)',
  });
});

test.each([
  [Symbol('x'), 'Symbol(x)'],
  [Object.assign(new Error('m'), { message: Symbol('q') }), 'Symbol(q)'],
  ['', 'an empty text was thrown'],
  [undefined, 'undefined was thrown'],
  [new AggregateError([]), 'AggregateError, without a message'],
  ['text', 'text'],
  [new Error('boom'), 'boom'],
])('what was thrown is in the message: %o', (thrown, text) => {
  expect(foreseen(thrown, signal).message).toBe(`a defect in depot: ${text}`);
});

test.each([
  ['EMFILE', {}],
  ['ENFILE', {}],
  ['EAGAIN', { syscall: 'spawn sh' }],
])('a limit of the system is no defect: %s', (code, more) => {
  expect(foreseen(Object.assign(new Error('x'), { code, ...more }), signal)).toMatchObject({
    code: 'local-limit',
    exit: 5,
    hint: expect.any(String) as string,
  });
});

test('what would block is no such limit', () => {
  expect(foreseen(Object.assign(new Error('x'), { code: 'EAGAIN', syscall: 'read' }), signal).code).toBe('internal');
});
