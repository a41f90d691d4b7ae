/** What a dropped file is, also as Windows writes text. */
import { expect, test } from 'vitest';
import { kindOf } from '../../src/opener/chosen-files.js';

const forms: Record<string, (text: string) => Uint8Array<ArrayBuffer>> = {
  'UTF-8': (text) => new Uint8Array(Buffer.from(text)),
  'UTF-8 with a mark': (text) => new Uint8Array(Buffer.from(`\ufeff${text}`)),
  'UTF-16 with a mark': (text) => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le')),
  'UTF-16, big-endian': (text) => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le').swap16()),
  'UTF-16 without a mark': (text) => new Uint8Array(Buffer.from(text.length % 2 === 0 ? text : `${text}\n`, 'utf16le')),
};

test.each(Object.keys(forms))('an armoured file or a receipt is recognised in %s', async (form) => {
  const kind = (text: string): Promise<string | null> => kindOf(new File([forms[form](text)], 'file'));
  expect(await kind('-----BEGIN PGP PRIVATE KEY BLOCK-----\r\n')).toBe('key');
  expect(await kind('-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n')).toBe('signers');
  expect(await kind('-----BEGIN PGP SIGNATURE-----\r\n')).toBe('signature');
  expect(await kind('{ "schema": "depot.receipt/1" }')).toBe('receipt');
  expect(await kind('something else')).toBeNull();
});

test('a binary file is recognised by its first packet', async () => {
  for (const [first, kind] of [
    [0xc1, 'suitcase'],
    [0x85, 'suitcase'],
    [0xc2, 'signature'],
    [0xc5, 'key'],
    [0x99, 'signers'],
    [0xd2, 'suitcase'],
  ] as const) {
    expect(await kindOf(new File([Uint8Array.of(first, 1, 0, 3)], 'file'))).toBe(kind);
  }
});
