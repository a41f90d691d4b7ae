/** Reporting an error never fails itself, whatever was thrown. */
import { expect, test } from 'vitest';
import { errorToRecord, foreseen } from '../src/errors.js';

const signal = new AbortController().signal;
const odd: [string, unknown][] = [
  ['an object without a prototype', Object.create(null)],
  [
    'an object that cannot be made a text',
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

test.each(odd)('%s is reported as a defect, thrown without a text', (_, thrown) => {
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
])('the message says what was thrown: %o', (thrown, text) => {
  expect(foreseen(thrown, signal).message).toBe(`a defect in depot: ${text}`);
});

test.each([
  ['EMFILE', {}],
  ['ENFILE', {}],
  ['EAGAIN', { syscall: 'spawn sh' }],
])('%s is a limit of the system, not a defect', (code, more) => {
  expect(foreseen(Object.assign(new Error('x'), { code, ...more }), signal)).toMatchObject({
    code: 'local-limit',
    exit: 5,
    hint: expect.any(String) as string,
  });
});

test('EAGAIN on a read is a defect, not a limit of the system', () => {
  expect(foreseen(Object.assign(new Error('x'), { code: 'EAGAIN', syscall: 'read' }), signal).code).toBe('internal');
});
