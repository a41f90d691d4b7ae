/** Files from untrusted people, through the real command line: what is refused, what is reported, and what is left behind. */
import * as openpgp from 'openpgp';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodePacket, packetType } from '../../src/pgp/packets.js';
import { tempDir } from '../support/cleanup.js';
import { depotInside, json } from '../support/cli.js';
import { depotTar } from '../support/depot-tar.js';
import { archive, hostileCases, raw } from '../support/hostile-tar.js';
import { compat, modern, Receiver } from '../support/hostile-suitcase.js';
import type { Finished } from '../support/process.js';
import { Supplier, type Server } from '../support/supplier.js';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.create();
});

const nobody: Server = {
  host: '127.0.0.1',
  port: 9,
  username: 'acme',
  password: 'unused',
  remoteDirectory: '/incoming',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};

/** What a terminal would act on: controls except line breaks, and characters that are invisible or change the direction. */
const active = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
const evil = 'x\x1b[2J\x1b]0;owned\x07\x9b31m\u202efdp.exe\x7f\r\u2066';

function expectHarmless({ stdout, stderr }: Finished): void {
  expect(active.exec(stdout)?.[0].codePointAt(0), stdout).toBeUndefined();
  expect(active.exec(stderr)?.[0].codePointAt(0), stderr).toBeUndefined();
}

describe('archives that lead out', () => {
  // The reader's and the extractor's own tests have all of them; here is one of each kind, from the outside.
  const chosen = [
    'path-absolute',
    'path-upwards',
    'path-upwards-pax',
    'path-upwards-long-name',
    'path-upwards-prefix',
    'path-escape-sequence',
    'path-nul-pax',
    'link-then-file-through-it',
    'link-absolute-then-file-through-it',
    'link-chain',
    'hardlink-absolute',
    'hardlink-upwards',
    'hardlink-through-symlink',
    'hardlink-to-symlink',
    'hardlink-then-overwrite',
    'file-twice',
    'file-twice-other-spelling',
    'device-character',
    'lies-about-size',
    'second-archive',
  ];
  test.each(chosen)('%s: exit 23, nothing inside or outside', async (name) => {
    const { tar, says } = hostileCases.find((one) => one.name === name)!;
    const out = receiver.out();
    const result = await receiver.decrypt(await receiver.seal(tar), out, ['--json']);
    const { error } = json(result);
    expect(error, result.stderr).toMatchObject({ code: 'archive-refused', exit: 23 });
    expect(error!.message).toMatch(says);
    expect(readdirSync(dirname(out))).toEqual([]);
    expectHarmless(result);
  });

  test('every case has its own name', () => {
    expect(chosen.filter((name) => !hostileCases.some((one) => one.name === name))).toEqual([]);
  });

  test('a symlink in the archive is created, nothing is written through it, and depot says where it leads', async () => {
    const outside = tempDir();
    const out = receiver.out();
    const tar = archive(raw({ name: 'link', type: '2', link: outside, mode: 0o777 }), raw({ name: 'file', body: 'x' }));
    expect((await receiver.decrypt(await receiver.seal(tar), out)).code).toBe(0);
    expect(lstatSync(join(out, 'link')).isSymbolicLink()).toBe(true);
    expect(readdirSync(outside)).toEqual([]);
  });

  test('setuid and setgid bits are removed, and no device is created', async () => {
    const out = receiver.out();
    expect(
      (
        await receiver.decrypt(
          await receiver.seal(archive(raw({ name: 'tool', mode: 0o6755, body: '#!/bin/sh\n' }))),
          out,
        )
      ).code,
    ).toBe(0);
    expect(lstatSync(join(out, 'tool')).mode & 0o7777).toBe(0o755);
  });

  test('an entry added, missing, changed or doubled against the manifest: exit 21, and no output', async () => {
    const files = [
      { path: 'data/a', body: 'one' },
      { path: 'data/b', body: 'two' },
    ];
    const lies = [
      {
        pieces: (p: { path: string; tar: Buffer; line: string | null }[]) =>
          p
            .filter(({ path }) => path !== 'data/b')
            .concat(p.filter(({ path }) => path === 'data/b').map((one) => ({ ...one, line: null }))),
      },
      { lines: (lines: string[]) => lines.filter((line) => !line.includes('"data/b"')) },
      { lines: (lines: string[]) => lines.map((line) => line.replace(/"sha256":"[0-9a-f]{4}/, '"sha256":"0000')) },
    ];
    for (const lie of lies) {
      const out = receiver.out();
      const result = await receiver.decrypt(await receiver.seal(depotTar(files, lie).tar), out, ['--json']);
      expect([21, 23], result.stdout).toContain(result.code);
      expect(readdirSync(dirname(out))).toEqual([]);
    }
  });
});

describe('names with control characters are escaped', () => {
  test('in refusals, findings and warnings, with and without --json, also in debug output', async () => {
    const withEvil = (type: string, more = {}): Buffer =>
      archive(raw({ name: `../${evil}`.slice(0, 99), type, ...more }));
    const contents = [
      withEvil('0'),
      archive(raw({ name: evil, body: 'a' }), raw({ name: evil, body: 'b' })),
      archive(raw({ name: evil, type: '3' })),
      archive(raw({ name: 'a', type: '1', link: evil })),
      archive(raw({ name: 'a', type: evil.slice(1, 2) })),
      archive(raw({ name: `${'n'.repeat(90)}/${evil}`.slice(0, 99), size: 'nonsense' })),
      depotTar([{ path: `data/${evil}`, body: 'x' }], {
        lines: (lines) => lines.map((line) => line.replace(/"sha256":"[0-9a-f]{4}/, '"sha256":"0000')),
      }).tar,
      depotTar([{ path: `data/${evil}`, body: 'x' }], {
        lines: (lines) => lines.filter((line) => !line.includes('data/')),
      }).tar,
    ];
    for (const [i, content] of contents.entries()) {
      const suitcase = await receiver.seal(content);
      const opened = await receiver.decrypt(suitcase, receiver.out(), i % 2 === 0 ? ['--json'] : [], {
        env: { DEPOT_DEBUG: '1' },
      });
      expect([21, 23]).toContain(opened.code);
      expectHarmless(opened);
      expectHarmless(
        await receiver.verify(suitcase, [
          '--key',
          receiver.key.secretKey,
          '--deep',
          '--no-signature',
          ...(i % 2 === 0 ? [] : ['--json']),
        ]),
      );
      rmSync(suitcase.file);
    }
  });

  test('harmless files with such names are extracted as they are, and the names are not shown raw', async () => {
    const out = receiver.out();
    const { tar } = depotTar([
      { path: 'data/\x1b[31mred', body: 'x' },
      { path: 'data/\u202etxt', type: 'symlink', link: '\x9b2J' },
    ]);
    const result = await receiver.decrypt(await receiver.seal(tar), out);
    expect(result.code, result.stderr).toBe(0);
    expectHarmless(result);
    expect(readdirSync(join(out, 'data'))).toContain('\x1b[31mred');
  });

  test('in the names of the suitcase file, the receipt and the key', async () => {
    const directory = tempDir();
    const file = join(directory, evil.replaceAll('/', ''));
    writeFileSync(file, 'not a suitcase');
    for (const args of [
      ['verify', file, '--no-signature'],
      ['decrypt', file, '--key', receiver.key.secretKey, '--out', `${file}-out`],
      ['decrypt', file, '--key', file, '--out', `${file}-out`],
      ['verify', '--receipt', file, '--signer', receiver.signer.publicKey],
      ['key', 'show', file],
      ['key', 'show', `${file}-missing`],
      ['verify', `${file}-missing`, '--no-signature'],
      ['push', '--config', file],
      ['push', '--config', `${file}-missing`],
      ['receipts', 'list', '--state', file],
    ]) {
      for (const more of [[], ['--json']]) {
        const result = await depotInside([...args, ...more]);
        expect(result.code, args.join(' ')).not.toBe(0);
        expect(result.code, args.join(' ')).not.toBe(1);
        expectHarmless(result);
      }
    }
    expectHarmless(await depotInside(['opener', '--out', `${file}.html`]));
  });

  test("in a key's user ids, in key show and in what key add prints", async () => {
    const { publicKey, privateKey } = await openpgp.generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: `Eve ${evil.replaceAll('\0', '')}` }],
      format: 'object',
      config: { v6Keys: false, aeadProtect: false },
    });
    const file = join(tempDir(), 'eve.asc');
    const fingerprint = publicKey.getFingerprint().toUpperCase();
    for (const [armored, exit] of [
      [publicKey.armor(), 0],
      [privateKey.armor(), 20],
    ] as const) {
      writeFileSync(file, armored);
      for (const more of [[], ['--json']]) {
        const shown = await depotInside(['key', 'show', file, ...more]);
        expect(shown.code).toBe(0);
        expectHarmless(shown);
      }
      const supplier = await Supplier.create(nobody);
      const added = await supplier.depot(['key', 'add', 'acme-crm', file, '--fingerprint', fingerprint]);
      expect(added.code, added.stderr).toBe(exit);
      expectHarmless(added);
      if (exit === 0) expect(readFileSync(join(supplier.directory, 'keys/eve.asc'), 'utf8')).not.toContain('PRIVATE');
    }
  });

  test('in the keys and values of a configuration', async () => {
    const supplier = await Supplier.create(nobody);
    const original = readFileSync(supplier.config, 'utf8');
    for (const line of [
      `${JSON.stringify(evil)}: 1`,
      `notify: { command: [${JSON.stringify(evil)}], on: [${JSON.stringify(evil)}] }`,
      evil,
    ]) {
      writeFileSync(supplier.config, `${original}${line}\n`);
      for (const more of [[], ['--json']]) {
        const result = await supplier.depot(['push', ...more]);
        expect(result.code).toBe(10);
        expectHarmless(result);
      }
    }
  });
});

describe('malformed packets', () => {
  async function refused(bytes: Uint8Array): Promise<void> {
    const file = join(tempDir(), 'x.pgp');
    writeFileSync(file, bytes);
    const out = receiver.out();
    const began = Date.now();
    const opened = await receiver.decrypt({ file }, out, ['--json']);
    expect(json(opened).error, opened.stderr).toMatchObject({ code: 'verification-failed', exit: 21 });
    const seen = await receiver.verify({ file }, ['--no-signature', '--json']);
    expect(seen.code).toBe(21);
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(readdirSync(dirname(out))).toEqual([]);
  }

  test.each<[string, () => Uint8Array]>([
    ['a PKESK of 4 GiB', () => Buffer.from([0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 3])],
    [
      'a PKESK of 2 GiB and real contents behind it',
      () => Buffer.concat([Buffer.from([0xc1, 0xff, 0x80, 0, 0, 0]), Buffer.alloc(5000)]),
    ],
    ['a PKESK in partial lengths', () => Buffer.from([0xc1, 0xe9, 3, 0, 0])],
    [
      'a PKESK without a body',
      () => Buffer.concat([encodePacket(packetType.pkesk, new Uint8Array(0)), Buffer.from([0xd2, 1, 1])]),
    ],
    ['an old length that is not determined', () => Buffer.from([0x87, 3, 0, 0, 0])],
    [
      '5000 PKESKs',
      () =>
        Buffer.concat([
          ...Array.from({ length: 5000 }, () => encodePacket(packetType.pkesk, Buffer.alloc(94, 3))),
          Buffer.from([0xd2, 1, 1]),
        ]),
    ],
    ['a million markers', () => Buffer.alloc(5_000_000, encodePacket(10, Buffer.from('PGP')))],
    ['nothing but 0xff', () => Buffer.alloc(100_000, 0xff)],
    ['no byte at all', () => new Uint8Array(0)],
  ])('%s', async (_, bytes) => refused(bytes()));

  test.each([
    ['compat', compat],
    ['modern', modern],
  ] as const)('a suitcase that is cut off, goes on, or has a length changed (%s)', async (_, encryption) => {
    const own = await Receiver.create('modern');
    const { bytes, file } = await own.seal(depotTar([{ path: 'data/a', body: 'x'.repeat(200_000) }]).tar, {
      encryption,
    });
    const at = bytes.indexOf(0xd2);
    const longer = Buffer.from(bytes);
    longer[at + 1] += 1;
    for (const changed of [
      bytes.subarray(0, -1),
      bytes.subarray(0, bytes.length / 2),
      Buffer.concat([bytes, Buffer.of(0xca, 0)]),
      Buffer.concat([bytes, bytes]),
      longer,
    ]) {
      writeFileSync(file, changed);
      const out = own.out();
      const result = await own.decrypt({ file }, out, ['--json']);
      expect(json(result).error).toMatchObject({ exit: 21 });
      expect(readdirSync(dirname(out))).toEqual([]);
    }
  });

  test('1000 PKESKs for other and for anonymous recipients: exit 22, in bounded time', async () => {
    const { file, bytes, receipt } = await receiver.seal(Buffer.from('x'));
    const ours = Buffer.from(receipt.keyProof.pkesk, 'base64');
    const broken = Buffer.from(ours);
    broken[broken.length - 1] ^= 1;
    const [stranger, anonymous] = [0x11, 0].map((byte) => Buffer.from(broken).fill(byte, 3, 11));
    writeFileSync(
      file,
      Buffer.concat([
        ...Array.from({ length: 499 }, () => stranger),
        ...Array.from({ length: 500 }, () => anonymous),
        bytes.subarray(ours.length),
      ]),
    );
    const result = await receiver.decrypt({ file }, receiver.out(), ['--json'], { timeoutMs: 60_000 });
    expect(json(result).error).toMatchObject({ code: 'not-addressed', exit: 22 });
    expect(json(result).error!.hint.length).toBeLessThan(500);
    const shown = await receiver.verify({ file }, ['--no-signature']);
    expect(shown.stdout.length).toBeLessThan(20_000);
  });
});

describe('malformed keys', () => {
  test('with thousands of foreign signatures, garbage, private parts or any size are refused or shown, in bounded time', async () => {
    const key = await openpgp.readKey({ armoredKey: readFileSync(receiver.key.publicKey, 'utf8') });
    const signature = (key.users[0].selfCertifications[0] as unknown as { write(): Uint8Array }).write();
    const whole = Buffer.from(key.write());
    const flooded = Buffer.concat([
      whole,
      ...Array.from({ length: 5000 }, () => encodePacket(packetType.signature, signature)),
    ]);
    const directory = tempDir();
    const cases: [string, Uint8Array][] = [
      ['flooded', flooded],
      ['cut', whole.subarray(0, 60)],
      ['large', Buffer.alloc(17 << 20, 0x99)],
      ['armour without end', Buffer.from(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${'A'.repeat(1 << 20)}`)],
      ['two', Buffer.concat([whole, whole])],
      ['empty', new Uint8Array(0)],
      ['length', Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff, 0xff, 4])],
    ];
    for (const [name, bytes] of cases) {
      writeFileSync(join(directory, name), bytes);
      const result = await depotInside(['key', 'show', join(directory, name), '--json'], { timeoutMs: 30_000 });
      expect([0, 20], `${name}: ${result.stdout}`).toContain(result.code);
      if (name !== 'flooded') expect(result.code, name).toBe(20);
    }
  });

  test('key add writes nothing for a key with another fingerprint, and over no file', async () => {
    const supplier = await Supplier.create(nobody);
    const before = readdirSync(join(supplier.directory, 'keys'));
    const other = await supplier.depot([
      'key',
      'add',
      'acme-crm',
      receiver.key.publicKey,
      '--fingerprint',
      'A'.repeat(40),
      '--json',
    ]);
    expect(json(other).error).toMatchObject({ exit: 20 });
    expect(readdirSync(join(supplier.directory, 'keys'))).toEqual(before);
    const name = 'ours.asc';
    writeFileSync(join(supplier.directory, 'keys', name), 'mine');
    const taken = await supplier.depot([
      'key',
      'add',
      'acme-crm',
      receiver.key.publicKey,
      '--fingerprint',
      receiver.key.fingerprint,
      '--json',
    ]);
    expect(json(taken).error).toMatchObject({ code: 'output-exists' });
    expect(readFileSync(join(supplier.directory, 'keys', name), 'utf8')).toBe('mine');
  });
});

test('an output that exists is left alone, even if it is a dangling link', async () => {
  const suitcase = await receiver.seal(archive(raw({ name: 'a', body: 'x' })));
  const out = receiver.out();
  mkdirSync(out);
  writeFileSync(join(out, 'mine'), 'mine');
  expect((await receiver.decrypt(suitcase, out)).code).toBe(5);
  expect(readdirSync(out)).toEqual(['mine']);
  expect(existsSync(`${out}.partial`)).toBe(false);
});
