/** Files as programs on Windows write them, wherever depot reads text. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/config/load.js';
import { readCertificate } from '../src/pgp/keys.js';
import { signDetached, verifyDetached } from '../src/pgp/signature.js';
import { readStatedKey } from '../src/pgp/stated.js';
import { attestationBytes, parseAttestation, type Attestation } from '../src/receipt/attestation.js';
import { receiptBytes } from '../src/receipt/canonical.js';
import { parseReceipt } from '../src/receipt/parse.js';
import { secretFrom } from '../src/secrets/file.js';
import { knownKeys, parseKnownHosts } from '../src/sftp/knownhosts.js';
import { textOf } from '../src/text-file.js';
import { changed, linux } from './config/sample.js';
import { receiptOf } from './state/samples.js';
import { certificate, keyFile, secret } from './pgp/messages.js';

const attestation: Attestation = {
  schema: 'depot.attestation/1',
  depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
  receiptSha256: '12'.repeat(32),
  suitcaseSha256: '34'.repeat(32),
  keyFingerprint: '8F3A'.repeat(10),
  subkeyFingerprint: '91C2'.repeat(10),
  opening: '56'.repeat(32),
  attestedAt: '2026-11-23T08:00:00Z',
  checks: ['receipt', 'receipt-signature', 'key-proof'].map((name) => ({ name, result: 'passed' as const })),
};
const crlf = (text: string): string => text.replace(/\n/g, '\r\n');
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
/** A text as PowerShell 5 with `>`, Notepad and others write it. */
const forms: [string, (text: string) => Buffer][] = [
  ['UTF-8', (text) => Buffer.from(text)],
  ['UTF-8 with CRLF', (text) => Buffer.from(crlf(text))],
  ['UTF-8 with a mark and CRLF', (text) => Buffer.from(`\ufeff${crlf(text)}`)],
  ['UTF-16 LE with a mark and CRLF', (text) => utf16(`\ufeff${crlf(text)}`)],
  ['UTF-16 BE with a mark', (text) => utf16(`\ufeff${text}`).swap16()],
  ['UTF-16 LE without a mark', (text) => utf16(crlf(text))],
  ['UTF-16 BE without a mark', (text) => utf16(text).swap16()],
];

describe.each(forms)('in %s', (_, written) => {
  test('a key is read, both to judge it and to show it', async () => {
    const wanted = await certificate('curve25519');
    const file = written(keyFile('curve25519.public.asc').toString());
    expect((await readCertificate(file)).fingerprint).toBe(wanted.fingerprint);
    expect(readStatedKey(file, 'encrypt')?.fingerprint).toBe(wanted.fingerprint);
  });

  test('a signature is read', async () => {
    const bytes = Buffer.from('a receipt\n');
    const armored = await signDetached(bytes, await secret('curve25519'));
    const { fingerprint } = await verifyDetached(bytes, written(armored), [await certificate('curve25519')]);
    expect(fingerprint).toBe((await certificate('curve25519')).fingerprint);
  });

  test('a password is read without its line end', () => {
    expect(secretFrom(written('correct horse\n'), 'file').reveal()).toBe('correct horse');
  });

  test('known_hosts is read', () => {
    const blob = Buffer.concat([
      Buffer.from([0, 0, 0, 11]),
      Buffer.from('ssh-ed25519'),
      Buffer.from([0, 0, 0, 32]),
      Buffer.alloc(32, 7),
    ]);
    expect(
      knownKeys(
        parseKnownHosts(written(`# ours\nhost.example ssh-ed25519 ${blob.toString('base64')}\n`)),
        'host.example',
        22,
      ),
    ).toHaveLength(1);
  });

  test('depot.yaml is read', async () => {
    const config = await parseConfig(
      written(JSON.stringify(JSON.parse(changed({})), null, 2)),
      '/work/depot.yaml',
      linux,
    );
    expect([...config.arrangements.keys()]).toEqual(['acme-crm']);
  });
});

describe('a document that is signed byte by byte', () => {
  const documents: [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
    ['receipt', receiptBytes(receiptOf()), parseReceipt],
    ['attestation', attestationBytes(attestation), parseAttestation],
  ];
  test.each(
    documents.flatMap(([what, bytes, parse]) =>
      forms.map(([form, written]) => [what, form, written(Buffer.from(bytes).toString()), parse] as const),
    ),
  )('a %s in %s is accepted only as it was signed', (what, form, bytes, parse) => {
    if (form === 'UTF-8') {
      expect(() => parse(bytes)).not.toThrow();
      return;
    }
    // The error says that it was converted, not that it was forged.
    expect(() => parse(bytes)).toThrow(
      new RegExp(
        `is not the ${what} as it was signed: (?:its line endings were converted|a byte order mark|it was converted to UTF-16)`,
      ),
    );
  });

  test('other files are not called converted receipts because of a few bytes', () => {
    for (const bytes of [
      Buffer.from('\r\n\r\n'),
      Buffer.from([0x50, 0x4b, 3, 4, 0x0d, 0x0a]),
      Buffer.from('\ufeffhello'),
    ])
      expect(() => parseReceipt(bytes)).toThrow('is not a receipt');
  });
});

test.each([
  [
    'UTF-16',
    (binary: Buffer) => utf16(`\ufeff${binary.toString('latin1')}`),
    /it is UTF-16, as the > of Windows PowerShell writes it, which destroys binary data/,
  ],
  [
    'UTF-8',
    (binary: Buffer) => Buffer.from(binary.toString('utf8')),
    /it was binary data, and was destroyed when a program saved it as text/,
  ],
])('a binary key that was saved as %s text is refused, and the error says so', async (_, spoil, says) => {
  const { data } = (await import('openpgp').then(({ unarmor }) =>
    unarmor(keyFile('curve25519.public.asc').toString()),
  )) as unknown as { data: Uint8Array };
  await expect(readCertificate(spoil(Buffer.concat([Buffer.of(0x99), data.subarray(1)])))).rejects.toMatchObject({
    code: 'key-unreadable',
    message: expect.stringMatching(says) as string,
  });
});

test.each([
  ['no bytes', '', ''],
  ['binary data', 'ff00fe', null],
  ['half a character', 'e282', null],
  ['an odd half of UTF-16', 'fffe41', null],
])('textOf of %s (hex "%s") is %j', (_, hex, wanted) => {
  expect(textOf(Buffer.from(hex, 'hex'))).toBe(wanted);
});

test.each([
  ['indented', (text: string) => text.replace(/^/gm, '    ')],
  ['quoted in a mail', (text: string) => text.replace(/^/gm, '> ')],
  ['with blanks at line ends', (text: string) => text.replace(/\n/g, ' \t\n')],
  ['with comments', (text: string) => text.replace('\n\n', '\nVersion: GnuPG v2\nComment: één\nCharset: UTF-8\n\n')],
  ['with line ends of an old Mac', (text: string) => text.replace(/\n/g, '\r')],
  ['with a letter before and after', (text: string) => `Dear Acme,\n\nour key:\n\n${text}\nregards`],
  ['with an end-of-file mark', (text: string) => `${text}\u001a`],
])('an armoured key %s is read', async (_, changedText) => {
  const wanted = (await certificate('curve25519')).fingerprint;
  const file = Buffer.from(changedText(keyFile('curve25519.public.asc').toString()));
  expect((await readCertificate(file)).fingerprint).toBe(wanted);
});
