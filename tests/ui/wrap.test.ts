import { expect, test } from 'vitest';
import { wrapped } from '../../src/ui/wrap.js';

const line = (text: string, hang = 4): { text: string; hang: number } => ({ text, hang });

test.each([
  ['fits as it is', 30, 'fits as it is'],
  ['one two three four five six seven', 20, 'one two three four\n    five six seven'],
  ['✓ name    detail that goes on', 20, '✓ name    detail\n    that goes on'],
  ['  indented words that go on', 20, '  indented words\n    that go on'],
  ['a word-that-is-longer-than-the-whole-line ends', 20, 'a\n  word-that-is-longer-than-the-whole-line\n    ends'],
  [
    'type: «chown root:depot /etc/depot/keys» and go on',
    20,
    'type:\n  «chown root:depot /etc/depot/keys»\n    and go on',
  ],
  ['$ «runuser -u depot -- depot push»', 20, '$ «runuser -u depot -- depot push»'],
  ['\u001b[31mred\u001b[39m words fit in here', 21, '\u001b[31mred\u001b[39m words fit in here'],
  ['a lone « is a word like any other', 20, 'a lone « is a word\n    like any other'],
  ['a terminal that does not know its width', 0, 'a terminal that does not know its width'],
])('%j is wrapped to %i columns between words, but never within « »', (text, columns, shown) => {
  expect(wrapped(line(text), columns)).toBe(shown);
});

test('a hanging indent of more than half the line is not used', () => {
  expect(wrapped(line('one two three four five', 15), 20)).toBe('one two three four\n    five');
});
