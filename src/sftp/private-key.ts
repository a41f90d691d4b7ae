/** SSH private keys: read, or named as what they are, with the line that makes them into one that is read. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { ParsedKey } from 'ssh2';
import ssh2 from 'ssh2';
import { DepotError } from '../errors.js';
import { printable, said } from '../printable.js';
import { typedWord } from '../shell.js';
import { looseTextOf } from '../text-file.js';
import type { Login } from './types.js';

/** `store` is the command that stores its passphrase. @throws DepotError 'secret-missing', 'passphrase-wrong', 'key-unreadable' */
export async function readKey(
  bytes: Uint8Array,
  { passphrase, privateKeyFile }: Pick<Login, 'passphrase' | 'privateKeyFile'>,
  store: string,
): Promise<ParsedKey> {
  const file = privateKeyFile === undefined ? 'FILE' : printable(privateKeyFile);
  const name = privateKeyFile === undefined ? 'the SSH private key' : `the SSH private key ${file}`;
  const typed = privateKeyFile === undefined ? 'FILE' : typedWord(privateKeyFile);
  const text = Buffer.from(looseTextOf(bytes));
  const plain = parse(text);
  if (!(plain instanceof Error)) return plain;
  const foreign = formOf(text.toString('latin1'), typed);
  if (foreign !== null) throw new DepotError('key-unreadable', `${name} is ${foreign.what}`, { hint: foreign.hint });
  if (!isEncrypted(text, plain))
    throw new DepotError('key-unreadable', `${name} cannot be read: ${said(plain)}`, {
      hint: `look whether it is a private key of OpenSSH, and not another file: ssh-keygen -y -f ${typed}`,
    });
  const secret = await passphrase?.();
  if (secret === undefined) {
    throw new DepotError('secret-missing', `${name} is encrypted, and there is no passphrase for it`, {
      hint: `store the passphrase: ${store}`,
    });
  }
  const second = parse(text, secret);
  if (!(second instanceof Error)) return second;
  if (!wrongPassphrase.test(second.message) && !text.includes('BEGIN ENCRYPTED PRIVATE KEY')) {
    throw new DepotError(
      'key-unreadable',
      `${name} was not opened: ${said(second)}; whether the passphrase is right is not known`,
      { hint: `have it written in the usual form: ssh-keygen -p -Z aes256-ctr -f ${typed}` },
    );
  }
  throw new DepotError('passphrase-wrong', `the passphrase does not open ${name}`, {
    hint: `try the passphrase with: ssh-keygen -y -f ${typed}; then store the right one: ${store}`,
  });
}

/** What ssh2 says of one: of the check numbers of OpenSSH, of AES-GCM, of the old PEM form. */
const wrongPassphrase = /bad passphrase|unable to authenticate data|bad decrypt|wrong final block length/i;

/** Whether an SSH key is encrypted; false too for one that is not understood. */
export function needsPassphrase(bytes: Buffer): boolean {
  const text = Buffer.from(looseTextOf(bytes));
  const plain = parse(text);
  return plain instanceof Error && formOf(text.toString('latin1'), 'FILE') === null && isEncrypted(text, plain);
}

function isEncrypted(bytes: Buffer, failure: Error): boolean {
  return /encrypted/i.test(failure.message) || bytes.includes('BEGIN ENCRYPTED PRIVATE KEY');
}

function parse(bytes: Buffer, passphrase?: string): ParsedKey | Error {
  const key = first(ssh2.utils.parseKey(bytes, passphrase));
  if (!(key instanceof Error)) return key.isPrivateKey() ? key : new Error('not a private key');
  const converted = convertPkcs8(bytes, passphrase);
  return converted === null ? key : first(ssh2.utils.parseKey(converted));
}

/** ssh2's types say one key; its OpenSSH parser gives a list of one. */
function first(parsed: ParsedKey | ParsedKey[] | Error): ParsedKey | Error {
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('no key')) : parsed;
}

interface Form {
  what: string;
  hint: string;
}

/** Forms of keys, and what is no private key, that neither passphrase nor patience makes readable. Null for any other. */
function formOf(text: string, typed: string): Form | null {
  const putty = /^PuTTY-User-Key-File-(\d+): *(\S{0,40})/.exec(text);
  if (putty !== null) {
    return {
      what: `a key in PuTTY's format (.ppk, version ${putty[1]!}), which depot does not read`,
      hint: `convert it: puttygen ${typed} -O private-openssh -o NEW; or in PuTTYgen: Conversions, Export OpenSSH key`,
    };
  }
  if (text.includes('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY'))
    return {
      what: 'a key in the format of ssh.com, which depot does not read',
      hint: `convert it: puttygen ${typed} -O private-openssh -o NEW`,
    };
  if (text.startsWith('SSH PRIVATE KEY FILE FORMAT'))
    return {
      what: 'a key of SSH version 1, which no server takes any more',
      hint: 'make a new one: ssh-keygen -t ed25519 -f NEW',
    };
  if (text.includes('-----BEGIN PGP '))
    return {
      what: 'an OpenPGP key',
      hint: 'name the SSH key in remote.privateKey of depot.yaml; make one with: ssh-keygen -t ed25519 -f NEW',
    };
  if (/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(text))
    return { what: 'a certificate (X.509)', hint: 'name the private key in remote.privateKey of depot.yaml' };
  if (
    /^(?:ssh-|ecdsa-|sk-)\S{1,60} +[A-Za-z0-9+/]|^-----BEGIN (?:RSA )?PUBLIC KEY|^---- BEGIN SSH2 PUBLIC KEY/.test(text)
  ) {
    return {
      what: 'a public key',
      hint: 'name the private key in remote.privateKey of depot.yaml: the file beside it, as a rule without .pub',
    };
  }
  return openSshForm(text, typed);
}

/** What the head of OpenSSH's format says (PROTOCOL.key): a cipher that ssh2 does not read, or a type of key that it does not know. */
function openSshForm(text: string, typed: string): Form | null {
  const marker = '-----BEGIN OPENSSH PRIVATE KEY-----';
  const begin = text.indexOf(marker);
  const end = text.indexOf('-----END', begin + marker.length);
  if (begin < 0 || end < 0) return null;
  const strings = stringsOf(Buffer.from(text.slice(begin + marker.length, end), 'base64'));
  if (strings === null) return null;
  const [cipher, , , blob] = strings;
  if (cipher?.toString() === 'chacha20-poly1305@openssh.com') {
    return {
      what: 'encrypted with chacha20-poly1305, which depot does not read',
      hint: `encrypt it with AES instead: ssh-keygen -p -Z aes256-ctr -f ${typed}`,
    };
  }
  const type =
    blob === undefined || blob.length < 4 ? '' : blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  return type.startsWith('sk-')
    ? {
        what: `a key on a hardware token (${printable(type.slice(0, 60))}), which somebody must touch at each login`,
        hint: 'make a key for unattended pushes: ssh-keygen -t ed25519 -f NEW',
      }
    : null;
}

/** Cipher, KDF, its options, and after the number of keys the first public key. */
function stringsOf(bytes: Buffer): Buffer[] | null {
  const magic = 'openssh-key-v1\0';
  if (bytes.toString('latin1', 0, magic.length) !== magic) return null;
  const strings: Buffer[] = [];
  let offset = magic.length;
  for (let i = 0; i < 4; i++) {
    if (i === 3) offset += 4;
    if (offset + 4 > bytes.length) return null;
    const end = offset + 4 + bytes.readUInt32BE(offset);
    strings.push(bytes.subarray(offset + 4, end));
    offset = end;
  }
  return strings;
}

/** A PKCS #8 private key (PEM) in a form that ssh2 reads; null when it is none, or the passphrase does not open it. */
function convertPkcs8(pem: Buffer, passphrase?: string): string | null {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    return null;
  }
  const { asymmetricKeyType: type } = key;
  if (type === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
  if (type === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  return type === 'ed25519' ? opensshEd25519(key) : null;
}

/** OpenSSH's PROTOCOL.key, version 1, without encryption: it stays in memory. */
function opensshEd25519(key: KeyObject): string {
  const { x, d } = key.export({ format: 'jwk' });
  const publicKey = Buffer.from(x!, 'base64url');
  const seed = Buffer.from(d!, 'base64url');
  const type = string('ssh-ed25519');
  // Two equal check numbers, the key, an empty comment; padded 1, 2, 3… to a multiple of 8.
  const secret = Buffer.concat([
    Buffer.alloc(8),
    type,
    string(publicKey),
    string(Buffer.concat([seed, publicKey])),
    string(''),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    count,
    string(Buffer.concat([type, string(publicKey)])),
    string(Buffer.concat([secret, padding])),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.toString('base64').replace(/.{70}/g, '$&\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
