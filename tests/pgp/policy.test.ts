import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Certificate } from '../../src/pgp/certificate.js';
import { generateKey, readCertificate } from '../../src/pgp/keys.js';
import { judgeRecipient, judgeSigner, type Recipient } from '../../src/pgp/policy.js';
import { chooseEncryption } from '../../src/pgp/sessionkey.js';
import { certificate, keyFile } from './messages.js';

/** The keys were made on 2024-01-01 and revoked on 2024-06-01. */
const at = new Date('2025-01-01T00:00:00Z');

async function judge(name: string, when = at): Promise<Recipient> {
  const c = await certificate(name);
  return judgeRecipient(c, c.fingerprint, when);
}

describe('recipients that a push accepts', () => {
  test.each([
    ['curve25519', 'Curve25519', 0],
    ['nistp256', 'NIST P-256', 0],
    ['rsa3072', 'RSA 3072', 0],
    ['rsa2048', 'RSA 2048', 1],
  ])('%s', async (name, algorithm, warnings) => {
    const recipient = await judge(name);
    expect(recipient).toMatchObject({ algorithm, expiresAt: null, announcesSeipd2: false, aeads: [] });
    expect(recipient.warnings).toHaveLength(warnings);
    expect(recipient.fingerprint).toMatch(/^[0-9A-F]{40}$/);
    expect(recipient.subkeyFingerprint).toMatch(/^[0-9A-F]{40}$/);
    expect(recipient.subkeyFingerprint).not.toBe(recipient.fingerprint);
    if (warnings > 0)
      expect(recipient.warnings[0]).toMatch(/^key [0-9A-F]{4}…[0-9A-F]{4}: RSA 2048 is short; replace it/);
  });

  test('a key that has another user id beside a revoked one', async () => {
    expect((await judge('uid-revoked')).algorithm).toBe('Curve25519');
  });

  test('a key that names a revoker who has not revoked it', async () => {
    expect((await judge('designated')).algorithm).toBe('Curve25519');
  });

  test('a key that expires within 30 days, with a warning that says when', async () => {
    const early = await judge('expired', new Date('2024-01-15T00:00:00Z'));
    expect(early).toMatchObject({ expiresAt: expect.stringMatching(/^2024-03-01T/) as string, warnings: [] });
    const late = await judge('expired', new Date('2024-02-20T00:00:00Z'));
    expect(late.warnings).toEqual([
      expect.stringMatching(/^key [0-9A-F]{4}…[0-9A-F]{4} expires on 2024-03-01T\d\d:00:00Z, in \d+ days$/),
    ]);
  });

  test('a key whose pinned fingerprint has spaces and lower case', async () => {
    const c = await certificate('curve25519');
    const spaced = c.fingerprint.toLowerCase().replace(/(.{4})/g, '$1 ');
    expect((await judgeRecipient(c, spaced, at)).fingerprint).toBe(c.fingerprint);
  });
});

describe('recipients that a push refuses, with the reason', () => {
  test.each([
    ['expired', /expired on 2024-03-01/],
    ['unexplained', /revoked on 2024-06-01T00:00:00Z \(revoked without a reason\)/],
    ['compromised', /revoked on 2024-06-01T00:00:00Z \(compromised\)/],
    ['superseded', /revoked on 2024-06-01T00:00:00Z \(superseded\)/],
    ['retired', /revoked on 2024-06-01T00:00:00Z \(retired\)/],
    ['revoked-sha1', /revoked on 2024-06-01T00:00:00Z \(compromised\)/],
    ['revoked-sha1-rsa', /revoked on 2024-06-01T00:00:00Z \(revoked without a reason\)/],
    ['designated-revoked', /carries a revocation that cannot be checked/],
    ['sign-only', /no usable part to encrypt with$/],
    ['subkey-expired', /no usable part to encrypt with; subkey \S+ expired on 2024-03-01/],
    [
      'subkey-revoked-sha1',
      /no usable part to encrypt with; subkey \S+ was revoked on 2024-06-01T00:00:00Z \(compromised\)/,
    ],
    ['sha1-self', /its self-signature uses SHA-1 or an older hash/],
    [
      'sha1-binding',
      /no usable part to encrypt with; subkey \S+ has a binding signature that uses SHA-1 or an older hash/,
    ],
    ['rsa1024', /RSA 1024 is too short/],
    ['dsa', /DSA.* is no longer accepted/],
  ])('%s', async (name, reason) => {
    await expect(judge(name)).rejects.toMatchObject({
      code: 'recipient-unusable',
      message: expect.stringMatching(reason) as string,
      hint: expect.any(String) as string,
    });
  });

  test('a revocation counts even if it is dated later than the push', async () => {
    await expect(judge('retired', new Date('2024-02-01T00:00:00Z'))).rejects.toMatchObject({
      code: 'recipient-unusable',
    });
    expect(
      (
        await judgeRecipient(
          await readCertificate(keyFile('retired.before.public.asc')),
          (
            await certificate('retired')
          ).fingerprint,
          at,
        )
      ).warnings,
    ).toEqual([]);
  });

  test('a key that is not the pinned one is refused, and so is a pin that is not a full fingerprint', async () => {
    const c = await certificate('curve25519');
    const other = (await certificate('rsa3072')).fingerprint;
    await expect(judgeRecipient(c, other, at)).rejects.toThrow(`it does not match the pinned fingerprint ${other}`);
    for (const pin of [
      '',
      c.fingerprint.slice(-16),
      `${c.fingerprint}00`,
      `0x${c.fingerprint}`,
      'Gemeente Voorbeeld',
    ]) {
      await expect(judgeRecipient(c, pin, at)).rejects.toThrow('is not one of 40 or 64 hex digits');
    }
  });

  test('a revocation counts even behind a packet that OpenPGP.js skips', async () => {
    const revoked = await certificate('compromised');
    const { data } = (await openpgp.unarmor(keyFile('compromised.public.asc').toString())) as unknown as {
      data: Uint8Array;
    };
    const { splitPackets, encodePacket } = await import('../../src/pgp/packets.js');
    const packets = [...splitPackets(data)];
    const revocation = packets.find((packet) => packet.type === 2 && packet.body[1] === 0x20)!;
    // A subkey of an unknown algorithm: OpenPGP.js ignores all signatures up to the next key packet.
    const unknown = encodePacket(
      14,
      Buffer.concat([packets.find((packet) => packet.type === 14)!.body.subarray(0, 5), Buffer.of(99, 0, 0)]),
    );
    const moved = Buffer.concat([
      ...packets.filter((packet) => packet !== revocation).map((packet) => packet.raw),
      unknown,
      revocation.raw,
    ]);
    const key = await openpgp.readKey({ binaryKey: moved });
    expect(await key.isRevoked()).toBe(false);
    await expect(judgeRecipient(await readCertificate(moved), revoked.fingerprint, at)).rejects.toThrow(
      '(compromised)',
    );
  });

  test("a subkey's revocation that cannot be checked counts: one by a named revoker, one in an unknown format", async () => {
    const { splitPackets, encodePacket } = await import('../../src/pgp/packets.js');
    const packetsOf = async (name: string) => [
      ...splitPackets(
        ((await openpgp.unarmor(keyFile(`${name}.public.asc`).toString())) as unknown as { data: Uint8Array }).data,
      ),
    ];
    const revocation = (await packetsOf('designated-revoked')).find(
      (packet) => packet.type === 2 && packet.body[1] === 0x20,
    )!;
    const ofSubkey = Buffer.from(revocation.body);
    ofSubkey[1] = 0x28;
    for (const [name, body] of [
      ['designated', ofSubkey],
      ['curve25519', Buffer.concat([Buffer.of(5), ofSubkey.subarray(1)])],
    ] as const) {
      const whole = Buffer.concat((await packetsOf(name)).map((packet) => packet.raw));
      const c = await readCertificate(Buffer.concat([whole, encodePacket(2, body)]));
      expect((await judge(name)).warnings, 'control: without it').toEqual([]);
      await expect(judgeRecipient(c, c.fingerprint, at), name).rejects.toMatchObject({
        code: 'recipient-unusable',
        message: expect.stringContaining('carries a revocation that cannot be checked') as string,
      });
    }
  });

  test('a revocation by another key, copied into the certificate, does not count', async () => {
    const { data: victim } = (await openpgp.unarmor(keyFile('curve25519.public.asc').toString())) as unknown as {
      data: Uint8Array;
    };
    const { data: revoked } = (await openpgp.unarmor(keyFile('compromised.public.asc').toString())) as unknown as {
      data: Uint8Array;
    };
    const { splitPackets } = await import('../../src/pgp/packets.js');
    const revocation = [...splitPackets(revoked)].find((packet) => packet.type === 2 && packet.body[1] === 0x20)!;
    const [primary, ...rest] = [...splitPackets(victim)].map((packet) => packet.raw);
    const c = await readCertificate(Buffer.concat([primary, revocation.raw, ...rest]));
    expect((await judgeRecipient(c, c.fingerprint, at)).warnings).toEqual([]);
  });
});

describe('signers', () => {
  test('may sign with a subkey or with the primary key', async () => {
    const subkey = await judgeSigner(await certificate('signing-subkey'), at);
    expect(subkey.signingFingerprint).not.toBe(subkey.fingerprint);
    const primary = await judgeSigner(await certificate('sign-only'), at);
    expect(primary).toMatchObject({ algorithm: 'Ed25519', expiresAt: null, warnings: [] });
    expect(primary.signingFingerprint).toBe(primary.fingerprint);
  });

  test.each(['expired', 'revoked-sha1', 'sha1-self', 'rsa1024', 'dsa', 'retired'])(
    'are refused if their key is %s',
    async (name) => {
      await expect(certificate(name).then((c) => judgeSigner(c, at))).rejects.toMatchObject({
        code: 'signer-unusable',
      });
    },
  );

  test('do not sign with a subkey that lacks its own signature over the binding', async () => {
    const { data } = (await openpgp.unarmor(keyFile('signing-subkey.public.asc').toString())) as unknown as {
      data: Uint8Array;
    };
    const key = await openpgp.readKey({ binaryKey: data });
    const signing = key.subkeys.find((subkey) => subkey.getAlgorithmInfo().algorithm === 'eddsaLegacy')!;
    const c = await certificate('signing-subkey');
    const { internalsOf } = await import('../../src/pgp/certificate.js');
    const own = internalsOf(c).key.subkeys.find((subkey) => subkey.getFingerprint() === signing.getFingerprint())!;
    own.bindingSignatures[0].embeddedSignature = null;
    expect((await judgeSigner(c, at)).signingFingerprint).toBe(c.fingerprint);
  });
});

describe('announcing SEIPDv2', () => {
  const keys = new Map<string, Certificate>();
  const make = async (name: string, config: openpgp.PartialConfig): Promise<void> => {
    const { publicKey } = await openpgp.generateKey({
      type: config.v6Keys ? 'curve25519' : 'ecc',
      userIDs: [{ name }],
      format: 'object',
      config,
    });
    keys.set(name, await readCertificate(publicKey.write()));
  };
  const recipient = (name: string): Promise<Recipient> =>
    judgeRecipient(keys.get(name)!, keys.get(name)!.fingerprint, new Date());

  beforeAll(async () => {
    await make('silent v4', { aeadProtect: false });
    await make('v4', { aeadProtect: true });
    await make('v6', { v6Keys: true, aeadProtect: true });
    await make('silent v6', { v6Keys: true, aeadProtect: false });
    await make('v4, AES-128 only', { aeadProtect: true });
    keys.set(
      'depot',
      await readCertificate(
        (await generateKey({ kind: 'arrangement', name: 'd', email: 'd@example.org', profile: 'modern' })).publicKey,
      ),
    );
    keys.set(
      'depot compat',
      await readCertificate(
        (await generateKey({ kind: 'arrangement', name: 'd', email: 'd@example.org', profile: 'compat' })).publicKey,
      ),
    );
  });

  test('is bit 0x08 of the features, with the pairs of subpacket 39', async () => {
    expect(await recipient('v4')).toMatchObject({ announcesSeipd2: true, aeads: ['GCM', 'OCB'] });
    expect(await recipient('v6')).toMatchObject({ announcesSeipd2: true, aeads: ['GCM', 'OCB'] });
    expect(await recipient('depot')).toMatchObject({ announcesSeipd2: true, aeads: ['GCM', 'OCB'] });
    for (const name of ['silent v4', 'silent v6', 'depot compat'])
      expect(await recipient(name)).toMatchObject({ announcesSeipd2: false, aeads: [] });
  });

  test('decides the format: auto is modern only if all recipients announce it, and forced modern fails otherwise', async () => {
    const [v4, v6, silent] = await Promise.all([recipient('v4'), recipient('v6'), recipient('silent v4')]);
    const modern = { packet: 'SEIPDv2', cipher: 'AES-256', aead: 'GCM' };
    const compat = { packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null };
    expect(chooseEncryption('auto', [v4, v6])).toMatchObject(modern);
    expect(chooseEncryption('modern', [v4, v6])).toMatchObject(modern);
    expect(chooseEncryption('compat', [v4, v6])).toEqual(compat);
    expect(chooseEncryption('auto', [v4, silent])).toEqual(compat);
    expect(() => chooseEncryption('modern', [v4, silent])).toThrow(
      `key ${silent.fingerprint} does not announce SEIPDv2`,
    );
  });

  test('decides the AEAD mode: one that every recipient lists with AES-256, preferably GCM', async () => {
    const v6 = await recipient('v6');
    const only = (...aeads: ('GCM' | 'OCB')[]): Recipient => ({ ...v6, aeads });
    expect(chooseEncryption('auto', [only('OCB'), v6])).toMatchObject({ aead: 'OCB' });
    expect(chooseEncryption('auto', [only('GCM'), only('OCB')])).toMatchObject({ packet: 'SEIPDv1' });
    expect(chooseEncryption('auto', [only()])).toMatchObject({ packet: 'SEIPDv1' });
    expect(() => chooseEncryption('modern', [only('GCM'), only('OCB')])).toThrow('no mode in common');
  });

  test("is not GnuPG's own AEAD bit 0x02", async () => {
    const c = await readCertificate(keyFile('curve25519.public.asc'));
    const { internalsOf } = await import('../../src/pgp/certificate.js');
    internalsOf(c).key.users[0].selfCertifications[0].features = Uint8Array.of(0x07);
    expect(await judgeRecipient(c, c.fingerprint, at)).toMatchObject({ announcesSeipd2: false });
  });
});
