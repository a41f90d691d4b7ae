/** What a beneficiary may be handed: damaged, exchanged, foreign and hostile files. Never an output in place, never a check shown as passed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { depotHere } from '../support/in-process.js';
import { peer, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, makeKey, Supplier } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen');
const gpg = peers('gpg', 'gpgconf');
const python = peer('python3');

interface Released {
  supplier: Supplier;
  deposit: Deposit;
  suitcase: Buffer;
  file: string;
  proof: string[];
}

/** Offsets of the packets of an OpenPGP message made by depot: definite or partial lengths, new format. */
function packets(bytes: Buffer): { tag: number; start: number; body: number; end: number }[] {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const tag = bytes[at++] & 0x3f;
    let body = 0;
    for (;;) {
      const first = bytes[at];
      const partial = first >= 224 && first < 255;
      const length =
        first < 192
          ? first
          : first < 224
            ? ((first - 192) << 8) + bytes[at + 1] + 192
            : partial
              ? 1 << (first & 31)
              : bytes.readUInt32BE(at + 1);
      at += first < 192 || partial ? 1 : first < 224 ? 2 : 5;
      if (body === 0) body = at;
      at += length;
      if (!partial) break;
    }
    found.push({ tag, start, body, end: at });
  }
  return found;
}

describe.skipIf(!ssh).each(['compat', 'modern'] as const)('a %s suitcase', (profile) => {
  let server: Sshd;
  let a: Released;
  let b: Released;
  beforeAll(async () => {
    server = await startSshd();
    const supplier = await Supplier.create(server, { profile, arrangement: { compression: 'none' } });
    writeFileSync(join(supplier.data, 'file'), pattern(300_000));
    const released = async (): Promise<Released> => {
      const deposit = await supplier.deposit();
      const file = join(server.incoming, deposit.suitcase);
      return {
        supplier,
        deposit,
        file,
        suitcase: readFileSync(file),
        proof: ['--receipt', deposit.receiptFile, '--signer', supplier.signerPublic],
      };
    };
    a = await released();
    b = await released();
  });

  /** Both commands, with and without the receipt, must refuse the file with this exit status and leave nothing. */
  async function refusedAs(bytes: Uint8Array, exit: number, what: string, key = a.supplier.recipientKey) {
    const directory = tempDir();
    const file = join(directory, 'suitcase.pgp');
    writeFileSync(file, bytes);
    const before = readdirSync(directory);
    for (const proof of [a.proof, []]) {
      const out = join(directory, 'out');
      const opened = await depotHere(['decrypt', file, '--key', key, ...proof, '--out', out, '--json']);
      expect(opened.code, `${what}: decrypt ${proof.length > 0 ? 'with' : 'without'} receipt: ${opened.stdout}`).toBe(
        exit,
      );
      expect(json(opened).ok).toBe(false);
      expect(readdirSync(directory), what).toEqual(before);
    }
    const verified = await depotHere(['verify', file, '--key', key, ...a.proof, '--deep', '--json']);
    expect(verified.code, `${what}: verify: ${verified.stdout}`).toBe(exit);
    expect(json(verified).result ?? 'failed').toBe('failed');
    const streamed = await depotHere(['decrypt', file, '--key', key, '--stdout']);
    expect(streamed.code, `${what}: decrypt --stdout`).toBe(exit);
    expect(streamed.bytes, what).toHaveLength(0);
  }

  test('opens when it is whole', async () => {
    const out = freshPath();
    const opened = await depotHere([
      'decrypt',
      a.file,
      '--key',
      a.supplier.recipientKey,
      ...a.proof,
      '--out',
      out,
      '--json',
    ]);
    expect(opened.code, opened.stdout).toBe(0);
    expect(json(opened)).toMatchObject({ ok: true, origin: 'proven' });
    expect((await depotHere(['verify', a.file, ...a.proof, '--key', a.supplier.recipientKey, '--deep'])).code).toBe(0);
  });

  test('exits with 21 if it is truncated anywhere', async () => {
    const [, seipd] = packets(a.suitcase);
    for (const length of [seipd.start, seipd.body + 40, 100_000, a.suitcase.length - 20, a.suitcase.length - 1])
      await refusedAs(a.suitcase.subarray(0, length), 21, `${length} bytes`);
  });

  test('exits with 21 if a bit of its body is flipped', async () => {
    const [, seipd] = packets(a.suitcase);
    for (const at of [
      seipd.start,
      seipd.body,
      seipd.body + 1,
      seipd.body + 60,
      150_000,
      a.suitcase.length - 30,
      a.suitcase.length - 1,
    ]) {
      const flipped = Buffer.from(a.suitcase);
      flipped[at] ^= 0x10;
      await refusedAs(flipped, 21, `bit 4 of byte ${at}`);
    }
  });

  test('exits with 21 if a bit of its PKESK is flipped, or without the receipt with 21 or 22', async () => {
    const [pkesk] = packets(a.suitcase);
    for (const at of [pkesk.body, pkesk.body + 5, pkesk.end - 10, pkesk.end - 1]) {
      const flipped = Buffer.from(a.suitcase);
      flipped[at] ^= 1;
      const file = freshPath('suitcase.pgp');
      writeFileSync(file, flipped);
      const out = freshPath();
      const verified = await depotHere(['verify', file, '--key', a.supplier.recipientKey, ...a.proof, '--json']);
      expect(verified.code, verified.stdout).toBe(21);
      const opened = await depotHere(['decrypt', file, '--key', a.supplier.recipientKey, '--out', out]);
      expect([21, 22], opened.stderr).toContain(opened.code);
      expect(existsSync(out)).toBe(false);
    }
  });

  test('exits with 21 if something follows it, if there are two in one file, or if its beginning is missing', async () => {
    await refusedAs(Buffer.concat([a.suitcase, Buffer.from('x')]), 21, 'one byte more');
    await refusedAs(Buffer.concat([a.suitcase, b.suitcase]), 21, 'two suitcases');
    const [pkesk] = packets(b.suitcase);
    await refusedAs(
      Buffer.concat([b.suitcase.subarray(0, pkesk.end), a.suitcase.subarray(packets(a.suitcase)[0].end)]),
      21,
      'the PKESK of another',
    );
  });

  test("exits with 21 for another deposit's suitcase, receipt or signature, and says which", async () => {
    const key = ['--key', a.supplier.recipientKey];
    const swapped = await depotHere(['verify', b.file, ...a.proof, ...key, '--json']);
    expect(swapped.code).toBe(21);
    expect(json(swapped).checks!.filter((c) => c.result === 'failed').length).toBeGreaterThan(1);
    const out = freshPath();
    // Mostly it is the receipt of the kit, and the agent released a later deposit.
    for (const args of [
      ['decrypt', b.file, ...a.proof, ...key, '--out', out],
      ['verify', b.file, ...a.proof, ...key],
    ]) {
      const said = await depotHere(args);
      expect(said.code).toBe(21);
      expect(said.stderr).toContain(
        `depot: hint: take the receipt of this deposit, ${b.deposit.depositId}.receipt.json: the one given is of ${a.deposit.depositId}`,
      );
      expect(said.stderr).not.toContain('fetch');
    }
    expect(existsSync(out)).toBe(false);
    const directory = tempDir();
    const receipt = join(directory, 'r.receipt.json');
    writeFileSync(receipt, readFileSync(a.deposit.receiptFile));
    writeFileSync(`${receipt}.asc`, readFileSync(`${b.deposit.receiptFile}.asc`));
    expect((await depotHere(['verify', a.file, '--receipt', receipt, '--signer', a.supplier.signerPublic])).code).toBe(
      21,
    );
    writeFileSync(`${receipt}.asc`, readFileSync(`${a.deposit.receiptFile}.asc`));
    writeFileSync(
      receipt,
      readFileSync(a.deposit.receiptFile, 'utf8').replace('"complete": true', '"complete":  true'),
    );
    expect((await depotHere(['verify', a.file, '--receipt', receipt, '--signer', a.supplier.signerPublic])).code).toBe(
      21,
    );
  });

  test('exits with 21 for a receipt by another signer, 24 without a given signer, 0 if the check is left out on purpose', async () => {
    const other = await makeKey(join(tempDir(), 'other'), 'Somebody Else', 'compat');
    expect(
      (await depotHere(['verify', a.file, '--receipt', a.deposit.receiptFile, '--signer', other.publicKey])).code,
    ).toBe(21);
    const nobody = await depotHere(['verify', a.file, '--receipt', a.deposit.receiptFile, '--json']);
    expect(nobody.code).toBe(24);
    expect(json(nobody)).toMatchObject({ ok: false, result: 'incomplete' });
    expect((await depotHere(['verify', a.file, '--receipt', a.deposit.receiptFile, '--no-signature'])).code).toBe(0);
  });

  test('exits with 22 for a key that it is not addressed to', async () => {
    const other = await makeKey(join(tempDir(), 'other'), 'Somebody Else', profile);
    await refusedAs(a.suitcase, 22, 'another key', other.secretKey);
    // Without a receipt there are only the ids of parts: what the hint has one type finds the key among others.
    const { hint } = json(
      await depotHere(['decrypt', a.file, '--key', other.secretKey, '--out', freshPath(), '--json']),
    ).error!;
    const parts = /depot key show FILE --json \| grep -E '([^']+)'/.exec(hint)![1];
    const shown = async (key: string): Promise<string> => (await depotHere(['key', 'show', key, '--json'])).stdout;
    expect(await shown(a.supplier.recipientKey)).toMatch(new RegExp(parts));
    expect(await shown(other.secretKey)).not.toMatch(new RegExp(parts));
    expect(hint.includes('gpg --list-secret-keys')).toBe(profile === 'compat');
  });

  test("the key proof needs no suitcase, and fails with another deposit's PKESK or head", async () => {
    const proved = await depotHere(['verify', ...a.proof, '--key', a.supplier.recipientKey, '--json']);
    expect(proved.code, proved.stdout).toBe(0);
    expect(json(proved).checks!.find((c) => /key/.test(c.name) && c.result === 'passed')).toBeDefined();
    for (const field of ['pkesk', 'head', 'commitment', ...(profile === 'modern' ? ['tail'] : [])] as const) {
      const document = JSON.parse(readFileSync(a.deposit.receiptFile, 'utf8')) as { keyProof: Record<string, unknown> };
      document.keyProof[field] = (JSON.parse(readFileSync(b.deposit.receiptFile, 'utf8')) as typeof document).keyProof[
        field
      ];
      const file = freshPath('forged.receipt.json');
      writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
      const forged = await depotHere([
        'verify',
        '--receipt',
        file,
        '--no-signature',
        '--key',
        a.supplier.recipientKey,
        '--json',
      ]);
      expect(forged.code, `${field}: ${forged.stdout}`).toBe(21);
    }
  });

  test('a digest from the agent passes if it is right, and fails otherwise', async () => {
    const { sha256 } = a.deposit.receipt.suitcase;
    expect((await depotHere(['verify', ...a.proof, '--agent-sha256', sha256.toUpperCase()])).code).toBe(0);
    expect((await depotHere(['verify', ...a.proof, '--agent-sha256', b.deposit.receipt.suitcase.sha256])).code).toBe(
      21,
    );
  });

  test('exits with 5 if the output exists, and leaves that alone', async () => {
    const out = freshPath();
    mkdirSync(out);
    writeFileSync(join(out, 'mine'), 'x');
    const opened = await depotHere(['decrypt', a.file, '--key', a.supplier.recipientKey, '--out', out, '--json']);
    expect(json(opened).error).toMatchObject({ code: 'output-exists', exit: 5 });
    expect(readdirSync(out)).toEqual(['mine']);
    expect(readdirSync(dirname(out))).toEqual(['out']);
  });

  test('--stdout emits the tar, and an input that cannot be read twice is refused', async () => {
    const streamed = await depotHere(['decrypt', a.file, '--key', a.supplier.recipientKey, '--stdout']);
    expect(streamed.code, streamed.stderr).toBe(0);
    expect((await mustRun('tar', ['-tf', '-'], { input: streamed.bytes })).stdout).toContain('data/data/file');
    const piped = await depot(['decrypt', '/dev/stdin', '--key', a.supplier.recipientKey, '--stdout'], {
      input: a.suitcase,
    });
    expect(piped.code).not.toBe(0);
    expect(piped.bytes).toHaveLength(0);
  });
});

const hostile: [string, string][] = [
  ['a name that climbs out', 'add("../escaped")'],
  ['an absolute name', 'add("/tmp/escaped-absolutely")'],
  ['a name that climbs out half way', 'add("data/x/../../../escaped")'],
  ['a file through a symlink', 'link("data/out", "../../.."); add("data/out/escaped")'],
  [
    'a file through a symlink to a directory of the archive',
    'folder("data/real"); link("data/alias", "real"); add("data/alias/escaped")',
  ],
  ['a hard link out', 'hard("data/h", "../../../etc/hostname")'],
  ['a hard link through a symlink', 'link("data/s", "/etc"); hard("data/h", "data/s/hostname")'],
  ['a name twice', 'add("data/x"); add("data/x")'],
  ['a file where a symlink is', 'link("data/x", "/tmp/target"); add("data/x")'],
];

describe.skipIf(!gpg || python === undefined)('harmful archives in a message by gpg', () => {
  let gnupg: Gnupg;
  let fingerprint: string;
  let key: string;
  beforeAll(async () => {
    gnupg = Gnupg.create();
    fingerprint = await gnupg.generate();
    key = freshPath('key.asc');
    writeFileSync(key, await gnupg.exportSecret(fingerprint), { mode: 0o600 });
  });

  test.each(hostile)('%s: exits with 23, and writes nothing anywhere', async (_, program) => {
    const script = `
import sys, tarfile, io
t = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT)
def put(name, kind, target="", data=b""):
    i = tarfile.TarInfo(name); i.type = kind; i.linkname = target; i.size = len(data); t.addfile(i, io.BytesIO(data))
def add(name): put(name, tarfile.REGTYPE, data=b"harm")
def link(name, target): put(name, tarfile.SYMTYPE, target)
def hard(name, target): put(name, tarfile.LNKTYPE, target)
def folder(name): put(name, tarfile.DIRTYPE)
add("data/before")
${program}
t.close()`;
    const tar = (await mustRun(python!, ['-c', script])).bytes;
    const directory = tempDir();
    const [file, out] = [join(directory, 'message.pgp'), join(directory, 'a/b/out')];
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(file, await gnupg.encrypt(tar, [fingerprint]));
    const opened = await depotHere(['decrypt', file, '--key', key, '--out', out, '--json']);
    expect(opened.code, opened.stdout).toBe(23);
    expect(json(opened).error!.code).toBe('archive-refused');
    expect(readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()).toEqual(['a', 'a/b', 'message.pgp']);
    expect(existsSync('/tmp/escaped-absolutely')).toBe(false);
  });

  test('a symlink that points outside is only text, and is restored unchanged', async () => {
    const directory = tempDir();
    await mustRun(
      'sh',
      [
        '-c',
        'mkdir t && cd t && echo x > file && ln -s /etc/hostname absolute && ln -s ../../../elsewhere upwards && tar -cf ../t.tar .',
      ],
      { cwd: directory },
    );
    const file = join(directory, 'message.pgp');
    writeFileSync(file, await gnupg.encrypt(readFileSync(join(directory, 't.tar')), [fingerprint]));
    const opened = await depotHere(['decrypt', file, '--key', key, '--out', join(directory, 'out')]);
    expect(opened.code, opened.stderr).toBe(0);
    expect((await mustRun('readlink', ['absolute', 'upwards'], { cwd: join(directory, 'out') })).stdout).toBe(
      '/etc/hostname\n../../../elsewhere\n',
    );
  });
});
