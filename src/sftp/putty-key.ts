/** PuTTY's private keys (.ppk), versions 2 and 3: PuTTY's manual, appendix C. */
import { createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { openSshText, string, takeString, typeOf } from './openssh-key.js';

interface Ppk {
  version: 2 | 3;
  encryption: string;
  comment: string;
  publicKey: Buffer;
  secret: Buffer;
  mac: Buffer;
  header: (name: string) => string;
}

/** What came of reading one: a key without encryption in OpenSSH's form, or why not. */
export type PpkOutcome = { openssh: string } | 'no passphrase' | 'wrong passphrase' | { unreadable: string };

export function isPutty(text: string): boolean {
  return text.startsWith('PuTTY-User-Key-File-');
}

export function isEncryptedPutty(text: string): boolean {
  return isPutty(text) && /^Encryption: *(?!none\b)\S/m.test(text);
}

/** The public key in it, which is never encrypted; null where it is damaged. */
export function puttyPublicKey(text: string): Buffer | null {
  const ppk = parsed(text);
  return 'unreadable' in ppk ? null : ppk.publicKey;
}

export async function readPutty(text: string, passphrase?: string): Promise<PpkOutcome> {
  const ppk = parsed(text);
  if ('unreadable' in ppk) return ppk;
  const encrypted = ppk.encryption !== 'none';
  if (encrypted && ppk.encryption !== 'aes256-cbc')
    return { unreadable: `depot does not know its encryption, ${ppk.encryption}` };
  if (encrypted && passphrase === undefined) return 'no passphrase';
  const keys = await keysOf(ppk, encrypted ? passphrase : undefined);
  if ('unreadable' in keys) return keys;
  let secret = ppk.secret;
  if (encrypted) {
    if (secret.length === 0 || secret.length % 16 !== 0) return { unreadable: 'it is incomplete' };
    const cipher = createDecipheriv('aes-256-cbc', keys.cipher, keys.iv).setAutoPadding(false);
    secret = Buffer.concat([cipher.update(secret), cipher.final()]);
  }
  const type = typeOf(ppk.publicKey);
  const signed = [type, ppk.encryption, ppk.comment].map((one) => string(Buffer.from(one, 'utf8')));
  const mac = createHmac(ppk.version === 2 ? 'sha1' : 'sha256', keys.mac)
    .update(Buffer.concat([...signed, string(ppk.publicKey), string(secret)]))
    .digest();
  if (mac.length !== ppk.mac.length || !timingSafeEqual(mac, ppk.mac))
    return encrypted
      ? 'wrong passphrase'
      : { unreadable: 'it was changed or damaged: its checksum (Private-MAC) is wrong' };
  const fields = fieldsOf(type, ppk.publicKey, secret);
  return fields === null
    ? { unreadable: `depot does not accept its type, ${type}` }
    : { openssh: openSshText(ppk.publicKey, fields) };
}

function parsed(text: string): Ppk | { unreadable: string } {
  const lines = text.split(/\r\n|\r|\n/);
  const version = /^PuTTY-User-Key-File-(\d+): */.exec(lines[0] ?? '')?.[1];
  if (version !== '2' && version !== '3')
    return { unreadable: `depot does not know its version, ${version ?? 'none'}` };
  const header = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
  const block = (name: string): Buffer => {
    const at = lines.findIndex((line) => line.startsWith(`${name}-Lines: `));
    const count = Number(header(`${name}-Lines`));
    return at < 0 || !Number.isSafeInteger(count)
      ? Buffer.alloc(0)
      : Buffer.from(lines.slice(at + 1, at + 1 + count).join(''), 'base64');
  };
  const publicKey = block('Public');
  const named = lines[0]!.slice(lines[0]!.indexOf(':') + 1).trim();
  if (named === '' || typeOf(publicKey) !== named) return { unreadable: 'it is incomplete' };
  return {
    version: version === '2' ? 2 : 3,
    encryption: header('Encryption').trim(),
    comment: header('Comment'),
    publicKey,
    secret: block('Private'),
    mac: Buffer.from(header('Private-MAC').trim(), 'hex'),
    header,
  };
}

interface Keys {
  cipher: Buffer;
  iv: Buffer;
  mac: Buffer;
}

interface Argon2 {
  /** KiB */
  memorySize: number;
  iterations: number;
  parallelism: number;
}

/** What its passphrase is put through; null where there is none, or another derivation. */
export function argon2Of(text: string): Argon2 | null {
  const ppk = isPutty(text) ? parsed(text) : null;
  return ppk === null || 'unreadable' in ppk || ppk.version === 2 || ppk.encryption === 'none' ? null : argon2In(ppk);
}

function argon2In(ppk: Ppk): Argon2 {
  const of = (name: string): number => Number(ppk.header(`Argon2-${name}`));
  return { memorySize: of('Memory'), iterations: of('Passes'), parallelism: of('Parallelism') };
}

const variants = new Map<string, 'argon2id' | 'argon2i' | 'argon2d'>([
  ['Argon2id', 'argon2id'],
  ['Argon2i', 'argon2i'],
  ['Argon2d', 'argon2d'],
]);

async function keysOf(ppk: Ppk, passphrase: string | undefined): Promise<Keys | { unreadable: string }> {
  const none = Buffer.alloc(0);
  if (ppk.version === 2) {
    const sha1 = (...parts: (string | Buffer)[]): Buffer => {
      const hash = createHash('sha1');
      for (const part of parts) hash.update(part);
      return hash.digest();
    };
    const counted = (n: number): Buffer => sha1(Buffer.from([0, 0, 0, n]), passphrase ?? '');
    return {
      cipher: Buffer.concat([counted(0), counted(1)]).subarray(0, 32),
      iv: Buffer.alloc(16),
      mac: sha1('putty-private-key-file-mac-key', passphrase ?? ''),
    };
  }
  if (passphrase === undefined) return { cipher: none, iv: none, mac: none };
  const derivation = ppk.header('Key-Derivation').trim();
  if (derivation === '') return { unreadable: 'it is incomplete' };
  const variant = variants.get(derivation);
  if (variant === undefined) return { unreadable: `depot does not know its key derivation, ${derivation}` };
  const { memorySize, iterations, parallelism } = argon2In(ppk);
  const numbers = [memorySize, iterations, parallelism];
  if (!numbers.every((one) => Number.isInteger(one) && one >= 1) || parallelism > 255 || memorySize < 8 * parallelism)
    return { unreadable: 'what it says about its passphrase (Argon2) makes no sense' };
  const salt = Buffer.from(ppk.header('Argon2-Salt').trim(), 'hex');
  // hash-wasm takes no shorter one, nor does Argon2's reference implementation.
  if (salt.length < 8) return { unreadable: 'its salt (Argon2-Salt) is missing, damaged or too short' };
  const derive = (await import('hash-wasm'))[variant];
  const found = Buffer.from(
    await derive({
      password: Buffer.from(passphrase),
      salt,
      iterations,
      memorySize,
      parallelism,
      hashLength: 80,
      outputType: 'binary',
    }),
  );
  return { cipher: found.subarray(0, 32), iv: found.subarray(32, 48), mac: found.subarray(48) };
}

/** The fields of OpenSSH's form, after the type; null for a type that it does not have here. */
function fieldsOf(type: string, publicKey: Buffer, secret: Buffer): Buffer[] | null {
  const [, ...open] = stringsIn(publicKey);
  const [first, second, third, fourth] = stringsIn(secret);
  if (first === undefined) return null;
  switch (type) {
    case 'ssh-rsa': {
      const [e, n] = open;
      if (n === undefined || second === undefined || third === undefined || fourth === undefined) return null;
      return [n, e!, first, fourth, second, third];
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return open.length < 2 ? null : [...open.slice(0, 2), first];
    case 'ssh-ed25519': {
      const [point] = open;
      if (point === undefined || first.length > 32) return null;
      // A number, its lowest byte first, without the zeros at its end.
      return [point, Buffer.concat([first, Buffer.alloc(32 - first.length), point])];
    }
    default:
      return null;
  }
}

function stringsIn(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let next = takeString(bytes); next !== null; next = takeString(next[1])) found.push(next[0]);
  return found;
}
