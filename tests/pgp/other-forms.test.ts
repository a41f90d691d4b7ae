import fc from 'fast-check';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import { readSecretKey } from '../../src/pgp/keys.js';
import { encodePacket } from '../../src/pgp/packets.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { Seipd2Encryptor } from '../../src/pgp/seipd2.js';
import { describePkesks } from '../../src/pgp/pkesk.js';
import { unwrapSessionKey } from '../../src/pgp/sessionkey.js';
import { anonymousPkesk, gcm, open, seal, sourceOf, v1 } from './messages.js';

const sessionKey = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const hello = Buffer.from('hello');
/** 'b', no name, no date. */
const literalBody = Buffer.concat([Buffer.of(0x62, 0, 0, 0, 0, 0), hello]);
const literal = encodePacket(11, literalBody);

/** A SEIPDv1 message around any packets, by another route than the code under test. */
function around1(packets: Uint8Array, o: { outer?: (body: Buffer) => Uint8Array; mdc?: boolean } = {}): Buffer {
  const prefix = randomBytes(16);
  const plain = Buffer.concat([prefix, prefix.subarray(14), packets, Buffer.of(0xd3, 0x14)]);
  const cipher = createCipheriv('aes-256-cfb', sessionKey, new Uint8Array(16));
  const digest = o.mdc === false ? Buffer.alloc(20) : createHash('sha1').update(plain).digest();
  const body = Buffer.concat([Buffer.of(1), cipher.update(plain), cipher.update(digest)]);
  return Buffer.concat([anonymousPkesk(3), o.outer?.(body) ?? encodePacket(18, body)]);
}

function around2(packets: Uint8Array): Buffer {
  const body: Uint8Array[] = [];
  const encryptor = new Seipd2Encryptor(sessionKey, 'GCM', 0, (bytes) => body.push(bytes));
  encryptor.update(packets);
  encryptor.final();
  return Buffer.concat([anonymousPkesk(6), encodePacket(18, Buffer.concat(body))]);
}

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string; hint: string | undefined }> {
  try {
    await work;
  } catch (error) {
    if (isDepotError(error)) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error('it was accepted');
}

const rfc = JSON.parse(readFileSync(new URL('../../test-fixtures/vectors/rfc9580.json', import.meta.url), 'utf8')) as {
  secretKey: { fingerprint: string; subkeyFingerprint: string; base64: string };
  publicKeyMessage: { plaintext: string; base64: string };
  passwordMessages: { section: string; aead: string; sessionKey: string; base64: string }[];
};

describe('RFC 9580 appendix A', () => {
  test('the version 6 key of A.4 opens the message of A.8, padding and all', async () => {
    const key = await readSecretKey(Buffer.from(rfc.secretKey.base64, 'base64'));
    expect(key).toMatchObject({
      fingerprint: rfc.secretKey.fingerprint,
      version: 6,
      algorithm: 'Ed25519',
      expiresAt: null,
    });
    const message = Buffer.from(rfc.publicKeyMessage.base64, 'base64');
    const preamble = await readPreamble(sourceOf([message]));
    expect(preamble.encryption).toEqual({ packet: 'SEIPDv2', cipher: 'AES-128', aead: 'OCB', chunkOctet: 6 });
    expect(preamble.pkesks).toEqual([{ version: 6, recipient: rfc.secretKey.subkeyFingerprint, algorithm: 'X25519' }]);
    const unwrapped = await unwrapSessionKey(preamble.pkesk, key);
    expect(unwrapped).toMatchObject({ cipher: null, keyFingerprint: rfc.secretKey.subkeyFingerprint });
    expect((await open(message, unwrapped.sessionKey)).plain.toString()).toBe(rfc.publicKeyMessage.plaintext);
  });

  test.each(rfc.passwordMessages)(
    'the message of $section ($aead) opens with its session key, but not if any bit is changed',
    async ({ base64, aead, sessionKey: key }) => {
      const message = Buffer.from(base64, 'base64');
      expect(await failure(readPreamble(sourceOf([message])))).toEqual({
        code: 'verification-failed',
        message: 'this is an OpenPGP message, but encrypted with a password only, which depot cannot read',
        hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
      });
      const seipd = message.subarray(2 + message[1]);
      const addressed = Buffer.concat([anonymousPkesk(6), seipd]);
      expect((await readPreamble(sourceOf([addressed]))).encryption).toEqual({
        packet: 'SEIPDv2',
        cipher: 'AES-128',
        aead,
        chunkOctet: 6,
      });
      expect((await open(addressed, Buffer.from(key, 'hex'))).plain.toString()).toBe('Hello, world!');
      for (let bit = 0; bit < seipd.length * 8; bit++) {
        const changed = Buffer.from(addressed);
        changed[7 + (bit >> 3)] ^= 1 << (bit & 7);
        expect(await failure(open(changed, Buffer.from(key, 'hex')))).toMatchObject({ code: 'verification-failed' });
      }
    },
  );
});

describe('a message by another program may have', () => {
  // Not around the encrypted data itself: its type, 18, does not fit the four bits of an old header.
  test('old packet headers outside, with lengths of one, two and four bytes', async () => {
    const big = encodePacket(11, Buffer.concat([literalBody.subarray(0, 6), Buffer.alloc(300, 1)]));
    const pkesk = anonymousPkesk(3).subarray(2);
    for (const header of [
      [0x84, 12],
      [0x85, 0, 12],
      [0x86, 0, 0, 0, 12],
    ]) {
      const message = Buffer.concat([Buffer.of(...header), pkesk, around1(big).subarray(14)]);
      expect((await open(message, sessionKey)).plain).toHaveLength(300);
    }
  });

  test('old packet headers inside, with fixed and indeterminate lengths', async () => {
    for (const header of [
      [0xac, literalBody.length],
      [0xad, 0, literalBody.length],
      [0xae, 0, 0, 0, literalBody.length],
      [0xaf],
    ]) {
      const packets = Buffer.concat([Buffer.of(...header), literalBody]);
      expect((await open(around1(packets), sessionKey)).plain).toEqual(hello);
      expect((await open(around2(packets), sessionKey)).plain).toEqual(hello);
    }
  });

  test('partial lengths of any size, inside and outside', async () => {
    const parts = (bytes: Buffer, sizes: number[]): Buffer => {
      let rest = bytes;
      const out: Buffer[] = [];
      for (const exponent of sizes) {
        if (rest.length < 2 ** exponent) break;
        out.push(Buffer.of(0xe0 | exponent), rest.subarray(0, 2 ** exponent));
        rest = rest.subarray(2 ** exponent);
      }
      return Buffer.concat([...out, Buffer.of(rest.length), rest]);
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (sizes, piece) => {
          const inner = Buffer.concat([Buffer.of(0xcb), parts(literalBody, sizes)]);
          const message = around1(inner, { outer: (body) => Buffer.concat([Buffer.of(0xd2), parts(body, sizes)]) });
          expect((await open(message, sessionKey, { piece })).plain).toEqual(hello);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a file name, a date, and marker, padding and private packets', async () => {
    const named = encodePacket(
      11,
      Buffer.concat([Buffer.of(0x62, 8), Buffer.from('crm.dump'), Buffer.of(1, 2, 3, 4), hello]),
    );
    const marker = encodePacket(10, Buffer.from('PGP'));
    const padding = encodePacket(21, randomBytes(700));
    const unknown = encodePacket(60, randomBytes(3));
    for (const packets of [
      [named],
      [marker, named],
      [named, padding],
      [padding, named, unknown, padding],
      [unknown, named],
    ]) {
      expect((await open(around2(Buffer.concat(packets)), sessionKey)).plain).toEqual(hello);
      expect(
        (await open(Buffer.concat([marker, padding, unknown, around1(Buffer.concat(packets))]), sessionKey)).plain,
      ).toEqual(hello);
    }
  });

  test('AES-128 or AES-192', async () => {
    for (const [cipher, bytes] of [
      ['AES-128', 16],
      ['AES-192', 24],
    ] as const) {
      const key = sessionKey.subarray(0, bytes);
      const prefix = Buffer.alloc(18, 7);
      const plain = Buffer.concat([prefix, literal, Buffer.of(0xd3, 0x14)]);
      const body = Buffer.concat([plain, createHash('sha1').update(plain).digest()]);
      const encrypted = createCipheriv(`${cipher.toLowerCase()}-cfb`, key, new Uint8Array(16)).update(body);
      const message = Buffer.concat([anonymousPkesk(3), encodePacket(18, Buffer.concat([Buffer.of(1), encrypted]))]);
      expect((await open(message, key, { cipher })).plain).toEqual(hello);
      expect(await failure(open(message, key, { cipher: 'AES-256' }))).toMatchObject({ code: 'verification-failed' });
    }
  });
});

describe('the error for a valid form that depot does not read names the form and gpg -d:', () => {
  const outside: [string, Uint8Array, string][] = [
    ['signed', Buffer.concat([encodePacket(4, Buffer.alloc(13)), literal]), 'signed but not encrypted'],
    ['compressed', encodePacket(8, Buffer.of(0, ...literal)), 'compressed but not encrypted'],
    ['plain', literal, 'not encrypted'],
    [
      "GnuPG's AEAD",
      Buffer.concat([anonymousPkesk(3), encodePacket(20, Buffer.alloc(60))]),
      'in the AEAD format of GnuPG 2.3 (packet type 20)',
    ],
    ['armoured', Buffer.from('-----BEGIN PGP MESSAGE-----\n\nwV0G\n'), 'in ASCII armour'],
  ];
  test.each(outside)('%s', async (_, message, what) => {
    expect(await failure(readPreamble(sourceOf([message])))).toEqual({
      code: 'verification-failed',
      message: `this is an OpenPGP message, but ${what}, which depot cannot read`,
      hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
    });
  });

  const inside: [string, Uint8Array, string][] = [
    ['compressed', encodePacket(8, Buffer.of(0, ...literal)), 'compressed inside'],
    [
      'signed',
      Buffer.concat([encodePacket(4, Buffer.alloc(13)), literal, encodePacket(2, Buffer.alloc(60))]),
      'signed inside',
    ],
    ['signed the old way', Buffer.concat([encodePacket(2, Buffer.alloc(60)), literal]), 'signed inside'],
    ['encrypted again', Buffer.from(around1(literal)), 'encrypted twice'],
    ['text', encodePacket(11, Buffer.concat([Buffer.of(0x74, 0, 0, 0, 0, 0), hello])), 'it holds text'],
  ];
  test.each(inside)('%s inside', async (_, packets, what) => {
    for (const message of [around1(packets), around2(packets)]) {
      expect(await failure(open(message, sessionKey))).toEqual({
        code: 'verification-failed',
        message: `this is an OpenPGP message, but ${what}, which depot cannot read`,
        hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
      });
    }
  });

  test('control: it says nothing about the inside of an SEIPDv1 message that is not authentic', async () => {
    for (const [, packets] of inside) {
      expect((await failure(open(around1(packets, { mdc: false }), sessionKey))).message).toBe(
        'not a valid OpenPGP message: the encrypted data was changed or cut short, or made with another session key',
      );
    }
  });
});

describe('malformed and hostile messages', () => {
  test.each([
    ['an empty message', Buffer.alloc(0), 'it is empty'],
    ['text', Buffer.from('hello'), 'does not start with a packet header'],
    ['zip', Buffer.from('504b0304', 'hex'), 'does not start with a packet header'],
    [
      'without integrity',
      Buffer.concat([anonymousPkesk(3), encodePacket(9, Buffer.alloc(40))]),
      'without integrity protection (packet type 9), which is always refused',
    ],
    [
      'without integrity, gpg 1 style',
      Buffer.concat([anonymousPkesk(3), Buffer.of(0xa7), Buffer.alloc(40)]),
      'without integrity protection',
    ],
    ['no session key', encodePacket(18, Buffer.alloc(100, 1)), 'no session key packets'],
    ['a key', encodePacket(6, Buffer.alloc(50)), 'packet type 6 where encrypted data was expected'],
    ['critical packet', Buffer.concat([encodePacket(30, Buffer.alloc(5)), around1(literal)]), 'packet type 30'],
    ['version 3 and SEIPDv2', Buffer.concat([anonymousPkesk(3), around2(literal)]), 'version 3 before SEIPDv2'],
    ['version 6 and SEIPDv1', Buffer.concat([anonymousPkesk(6), around1(literal)]), 'version 6 before SEIPDv1'],
    [
      'SEIPD version 3',
      Buffer.concat([anonymousPkesk(3), encodePacket(18, Buffer.alloc(99, 3))]),
      'version 3 of the encrypted data is unknown',
    ],
    ['short SEIPDv1', Buffer.concat([anonymousPkesk(3), encodePacket(18, Buffer.alloc(40, 1))]), 'too short'],
    [
      'unknown cipher',
      Buffer.concat([anonymousPkesk(6), encodePacket(18, Buffer.concat([Buffer.of(2, 13, 2, 0), Buffer.alloc(90)]))]),
      'cipher 13 is not AES',
    ],
    [
      'unknown AEAD',
      Buffer.concat([anonymousPkesk(6), encodePacket(18, Buffer.concat([Buffer.of(2, 9, 7, 0), Buffer.alloc(90)]))]),
      'AEAD mode 7 is unknown',
    ],
    [
      'huge chunks',
      Buffer.concat([anonymousPkesk(6), encodePacket(18, Buffer.concat([Buffer.of(2, 9, 2, 17), Buffer.alloc(90)]))]),
      'chunk size 17 is over the limit of 16',
    ],
    ['a PKESK of 4 GiB', Buffer.of(0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 3), 'too much before the encrypted data'],
    ['a cut PKESK', Buffer.of(0xc1, 20, 3), 'it ends before the encrypted data'],
    [
      'a PKESK of another version',
      Buffer.concat([encodePacket(1, Buffer.alloc(20, 2)), around1(literal)]),
      'session key packet version 2 is unknown',
    ],
    [
      'a fingerprint of another size',
      Buffer.concat([encodePacket(1, Buffer.concat([Buffer.of(6, 7, 4), Buffer.alloc(20)])), around2(literal)]),
      'names no valid fingerprint',
    ],
  ])('%s', async (_, message, what) => {
    const error = await failure(readPreamble(sourceOf([message])));
    expect(error.code).toBe('verification-failed');
    expect(error.message).toContain(what);
  });

  test.each([
    ['nothing', Buffer.alloc(0), /no content|cut short/],
    ['two literals', Buffer.concat([literal, literal]), 'more than one content'],
    ['a literal cut in its header', encodePacket(11, Buffer.of(0x62, 9, 1, 2)), 'cut short'],
    ['a literal of another format', encodePacket(11, Buffer.of(0x31, 0, 0, 0, 0, 0)), 'unknown format'],
    ['a cut literal', literal.subarray(0, 9), 'in the middle of a packet'],
    ['only padding', encodePacket(21, Buffer.alloc(9)), 'no content'],
    ['a second MDC', Buffer.concat([literal, encodePacket(19, Buffer.alloc(20))]), 'packet type 19'],
    ['a key inside', encodePacket(6, Buffer.alloc(9)), 'packet type 6'],
    ['no packets', Buffer.from('plain text'), 'does not start with a packet header'],
  ])('%s inside', async (_, packets, what) => {
    for (const message of [around1(packets), around2(packets)]) {
      const error = await failure(open(message, sessionKey));
      expect(error.code).toBe('verification-failed');
      expect(error.message).toMatch(what);
    }
  });

  test('too many session key packets are refused, and an endless start is not read to the end', async () => {
    const many = (count: number, packet: Uint8Array): Buffer =>
      Buffer.concat([...Array.from({ length: count }, () => packet), around1(literal)]);
    expect((await open(many(999, anonymousPkesk(3)), sessionKey)).plain).toEqual(hello);
    expect((await failure(readPreamble(sourceOf([many(1001, anonymousPkesk(3))])))).message).toContain(
      'too much before the encrypted data',
    );
    expect(
      (await failure(readPreamble(sourceOf([many(300, encodePacket(1, Buffer.alloc(4000, 3)))])))).message,
    ).toContain('too much before the encrypted data');
    let read = 0;
    const endless = (): Promise<Uint8Array> => {
      read += 65536;
      return Promise.resolve(new Uint8Array(65536).fill(0xca));
    };
    expect((await failure(readPreamble(endless))).code).toBe('verification-failed');
    expect(read).toBeLessThan(4 * 1024 * 1024);
  });

  test('no input makes the parsers throw anything but a verification failure', async () => {
    const start = [
      seal(hello, v1, { sessionKey }).message,
      seal(hello, gcm(0), { sessionKey }).message,
      around1(literal),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }),
        fc.uint8Array({ maxLength: 60 }),
        async (which, changes, random) => {
          const message = Buffer.concat([start[which], random]);
          for (const [at, value] of changes) if (at < message.length) message[at] = value;
          const outcome = await open(message, sessionKey).then(
            () => 'opened',
            (error: unknown) => (isDepotError(error) ? error.code : String(error)),
          );
          expect(['opened', 'verification-failed']).toContain(outcome);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('an error that the receiver of the content throws is passed on, even before authentication', async () => {
    for (const encryption of [v1, gcm(0)]) {
      const { message } = seal(hello, encryption, { sessionKey });
      const preamble = await readPreamble(sourceOf([message]));
      const { MessageReader } = await import('../../src/pgp/reader.js');
      const reader = new MessageReader({
        preamble,
        sessionKey,
        plain: () => {
          throw new TypeError('full');
        },
      });
      expect(() => {
        reader.write(preamble.rest);
        reader.end();
      }).toThrow('full');
    }
  });
});

test('session key packets can be described without a key', () => {
  expect(
    describePkesks(
      Buffer.concat([
        anonymousPkesk(3),
        encodePacket(1, Buffer.concat([Buffer.of(3), Buffer.from('8F3A000000000001', 'hex'), Buffer.of(1, 0)])),
      ]),
    ),
  ).toEqual([
    { version: 3, recipient: '', algorithm: 'ECDH' },
    { version: 3, recipient: '8F3A000000000001', algorithm: 'RSA' },
  ]);
  expect(() => describePkesks(literal)).toThrow('packet type 11 among the session key packets');
});
