import { expect, test } from 'vitest';
import { toldSha256 } from '../../src/names/digest.js';

const digest = '298cb8120f4e5d6c7b8a990a1b2c3d4e5f60718293a4b5c6d7e8f9001122ef1e';
const pairs = digest.match(/../g)!;

test.each([
  ['as sha256sum prints it', digest],
  ['as certutil prints it, copied with its end of line', `${digest}\r\n`],
  ['as certutil of older Windows prints it, in pairs', pairs.join(' ')],
  ['in pairs, over two lines', `${pairs.slice(0, 16).join(' ')}\r\n${pairs.slice(16).join(' ')}`],
  ['as Get-FileHash prints it', digest.toUpperCase()],
  ['as .NET prints it', pairs.join('-').toUpperCase()],
  ['with colons', pairs.join(':').toUpperCase()],
  ['with the invisible mark that a Windows dialog puts in front', `\u200e${pairs.join(' ')}`],
  ['with non-breaking spaces', pairs.join('\u00a0')],
])('a SHA-256 is understood %s', (_, text) => {
  expect(toldSha256(text)).toBe(digest);
});

test.each([
  ['an empty text', ''],
  ['one digit too few', digest.slice(1)],
  ['one digit too many', `${digest}0`],
  ['a digit that is not hexadecimal', `${digest.slice(1)}g`],
  ['two digests in a row', `${digest} ${digest}`],
  ['a digest with a file name', `${digest}  opener.html`],
])('%s is not a SHA-256', (_, text) => {
  expect(toldSha256(text)).toBeNull();
});
