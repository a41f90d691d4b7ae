import { cleanup, removeTree } from './cleanup.js';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run, type Finished, type RunOptions } from './process.js';

export interface KeyOptions {
  name?: string;
  /**
   * `curve25519` (Ed25519 with a Curve25519 subkey), `rsa3072`, `rsa2048`, `rsa1024` (RSA for both), `dsa2048` (with an ElGamal subkey),
   * `nistp256`, or `sign-only`: Ed25519 without any encryption subkey.
   */
  kind?: 'curve25519' | 'rsa3072' | 'rsa2048' | 'rsa1024' | 'dsa2048' | 'nistp256' | 'sign-only';
  /** When it was made, as gpg wants it (`20200101T000000`); default now. */
  at?: string;
  /** As gpg wants it: `1y`, `20201231T000000`, `never` (default). */
  expires?: string;
  passphrase?: string;
  /** Digest of the self-signatures; `SHA1` for a weak one. */
  digest?: 'SHA1' | 'SHA256' | 'SHA512';
}

/** GnuPG with its own home directory, which is removed at the end of the test. */
export class Gnupg {
  private constructor(readonly home: string) {}

  static create(): Gnupg {
    // The agent's socket lies in it, and a socket's path has at most 107 bytes: not below TMPDIR.
    const gnupg = new Gnupg(mkdtempSync('/tmp/dg-'));
    cleanup(async () => {
      await run('gpgconf', ['--kill', 'all'], { env: gnupg.env });
      await removeTree(gnupg.home);
    });
    return gnupg;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, GNUPGHOME: this.home, LC_ALL: 'C.UTF-8' };
  }

  /** gpg with what a script needs in front; a non-zero exit is a result. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(
      'gpg',
      ['--batch', '--yes', '--no-tty', '--trust-model', 'always', '--pinentry-mode', 'loopback', ...args],
      { env: this.env, ...options },
    );
  }

  async must(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const result = await this.run(args, options);
    if (result.code !== 0) throw new Error(`gpg ${args.join(' ')}: exit ${result.code ?? '?'}\n${result.stderr}`);
    return result;
  }

  /** Makes a key and returns its fingerprint, 40 upper-case hex. */
  async generate(options: KeyOptions = {}): Promise<string> {
    const name = options.name ?? 'Gemeente Voorbeeld <ict@voorbeeld.example>';
    const [primary, subkey] = {
      curve25519: ['ed25519', 'cv25519'],
      rsa3072: ['rsa3072', 'rsa3072'],
      rsa2048: ['rsa2048', 'rsa2048'],
      rsa1024: ['rsa1024', 'rsa1024'],
      dsa2048: ['dsa2048', 'elg2048'],
      nistp256: ['nistp256', 'nistp256'],
      'sign-only': ['ed25519', undefined],
    }[options.kind ?? 'curve25519'];
    const common = [
      '--passphrase',
      options.passphrase ?? '',
      ...(options.at === undefined ? [] : ['--faked-system-time', `${options.at}!`]),
      ...(options.digest === undefined ? [] : ['--cert-digest-algo', options.digest]),
    ];
    const expires = options.expires ?? 'never';
    const made = await this.must([
      ...common,
      '--status-fd',
      '1',
      '--quick-generate-key',
      name,
      primary!,
      'cert,sign',
      expires,
    ]);
    const fingerprint = /KEY_CREATED \S ([0-9A-F]+)/.exec(made.stdout)![1];
    if (subkey !== undefined) await this.must([...common, '--quick-add-key', fingerprint, subkey, 'encr', expires]);
    return fingerprint;
  }

  /** Revokes the key with the certificate that gpg made with it, or with a new one under another digest. */
  async revoke(
    fingerprint: string,
    how: { digest?: 'SHA1' | 'SHA512'; reason?: 'none' | 'compromised' | 'superseded' | 'retired'; at?: string } = {},
  ): Promise<void> {
    const reason = { none: 0, compromised: 1, superseded: 2, retired: 3 }[how.reason ?? 'none'];
    const answers = `y\n${reason}\n\ny\n`;
    const made = await mustRun(
      'gpg',
      [
        '--no-tty',
        '--pinentry-mode',
        'loopback',
        '--passphrase',
        '',
        '--command-fd',
        '0',
        '--status-fd',
        '2',
        '--armor',
        '--yes',
        ...(how.at === undefined ? [] : ['--faked-system-time', `${how.at}!`]),
        ...(how.digest === undefined ? [] : ['--cert-digest-algo', how.digest]),
        '--gen-revoke',
        fingerprint,
      ],
      { env: this.env, input: answers },
    );
    await this.must(['--import'], { input: made.bytes });
  }

  async exportPublic(fingerprint: string, armor = true): Promise<Buffer> {
    return (await this.must([...(armor ? ['--armor'] : []), '--export', fingerprint])).bytes;
  }

  async exportSecret(fingerprint: string, passphrase = ''): Promise<Buffer> {
    return (await this.must(['--armor', '--passphrase', passphrase, '--export-secret-keys', fingerprint])).bytes;
  }

  async import(key: string | Uint8Array): Promise<void> {
    await this.must(['--import'], { input: key });
  }

  /** A binary message to these keys; `args` for another cipher, compression or packet form. */
  async encrypt(
    plaintext: string | Uint8Array,
    recipients: string[],
    args: string[] = ['--compress-algo', 'none'],
  ): Promise<Buffer> {
    return (await this.must([...args, ...recipients.flatMap((r) => ['-r', r]), '--encrypt'], { input: plaintext }))
      .bytes;
  }

  /** What `gpg -d` gives; rejects unless it exits 0. */
  async decrypt(message: Uint8Array, passphrase = ''): Promise<Buffer> {
    return (await this.must(['--passphrase', passphrase, '--decrypt'], { input: message })).bytes;
  }

  /** `gpg --verify` of a detached signature. */
  async verify(signature: string | Uint8Array, signed: string | Uint8Array): Promise<Finished> {
    const file = join(this.home, 'signature');
    writeFileSync(file, signature);
    return this.run(['--status-fd', '1', '--verify', file, '-'], { input: signed });
  }

  /** The packets of a message or key, as `--list-packets` names them. */
  async packets(bytes: Uint8Array): Promise<string> {
    return (await this.run(['--list-packets'], { input: bytes })).stdout;
  }

  /** The revocation certificate that gpg writes next to every new key, ready to import. */
  storedRevocation(fingerprint: string): string {
    return readFileSync(join(this.home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8').replace(
      ':-----BEGIN',
      '-----BEGIN',
    );
  }
}
