/** SSH private keys: read, or named as what they are, with the line that makes them into one that is read. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { ParsedKey } from 'ssh2';
import ssh2 from 'ssh2';
import { DepotError } from '../errors.js';
import { printable, said } from '../printable.js';
import { typedWord } from '../shell.js';
import { looseTextOf } from '../text-file.js';
import { tooDear } from './key-cost.js';
import { headOf, isChacha, openChacha, openSshText, string } from './openssh-key.js';
import { isEncryptedPutty, isPutty, puttyPublicKey, readPutty } from './putty-key.js';
import type { Login, PrivateKeyName } from './types.js';

/** For messages: what the file is called, and what names it. */
type NamedFile = Pick<Login, 'privateKeyFile' | 'privateKeyName'>;

/** `store` is the command that stores its passphrase. @throws DepotError 'secret-missing', 'passphrase-wrong', 'key-unreadable' */
export async function readKey(
  bytes: Uint8Array,
  { passphrase, privateKeyFile, privateKeyName = 'remote.privateKey' }: NamedFile & Pick<Login, 'passphrase'>,
  store: string,
): Promise<ParsedKey> {
  const name = nameOf(privateKeyFile);
  const typed = privateKeyFile === undefined ? 'FILE' : typedWord(privateKeyFile);
  const text = looseTextOf(bytes);
  const foreign = formOf(text, typed, privateKeyName) ?? tooDear(text, typed);
  if (foreign !== null) throw new DepotError('key-unreadable', `${name} is ${foreign.what}`, { hint: foreign.hint });
  const plain = await parse(text);
  if (!(plain instanceof Error)) return plain;
  if (!isEncrypted(text, plain))
    throw new DepotError('key-unreadable', `${name} cannot be read: ${said(plain)}`, {
      hint: isPutty(text)
        ? `check whether PuTTY reads it: puttygen ${typed} -L; or copy the key again, or make a new one`
        : `check that it is an OpenSSH private key, and not another file: ssh-keygen -y -f ${typed}`,
    });
  const secret = await passphrase?.();
  if (secret === undefined) {
    throw new DepotError('secret-missing', `${name} is encrypted, and there is no passphrase for it`, {
      hint:
        passphrase === undefined
          ? 'the key for a jump host must have no passphrase: name such a key in remote.proxyJump.privateKey, or use sshAgent'
          : `store the passphrase: ${store}`,
    });
  }
  const second = await parse(text, secret);
  if (!(second instanceof Error)) return second;
  if (!wrongPassphrase.test(second.message) && !text.includes('BEGIN ENCRYPTED PRIVATE KEY')) {
    throw new DepotError(
      'key-unreadable',
      `${name} could not be opened: ${said(second)}; depot cannot tell whether the passphrase is right`,
      {
        hint: isPutty(text)
          ? `convert it: puttygen ${typed} -O private-openssh -o NEW; or in PuTTYgen: Conversions, Export OpenSSH key`
          : `write it again in the usual form: ssh-keygen -p -Z aes256-ctr -f ${typed}`,
      },
    );
  }
  throw new DepotError('passphrase-wrong', `the passphrase does not open ${name}`, {
    hint: `try the passphrase with: ${isPutty(text) ? `puttygen ${typed} -O private-openssh -o NEW` : `ssh-keygen -y -f ${typed}`}; then store the right one: ${store}`,
  });
}

function nameOf(file: string | undefined): string {
  return file === undefined ? 'the SSH private key' : `the SSH private key ${printable(file)}`;
}

/** The public part of a key file, where it can be had without a passphrase; `alone`: the file has no other. */
export function publicPart(
  bytes: Uint8Array,
  { privateKeyFile, privateKeyName = 'remote.privateKey' }: NamedFile,
): { publicKey: Buffer; alone: boolean } | null {
  const text = looseTextOf(bytes).trim();
  const [, type, base64] = /^(ssh-\S+|ecdsa-\S+|sk-\S+) +([A-Za-z0-9+/=]+)/.exec(text) ?? [];
  if (type !== undefined && base64 !== undefined) {
    const refused = /-cert-v01@/.test(type)
      ? 'a certificate of an SSH user key, which depot cannot use to log in'
      : type.startsWith('sk-')
        ? `a key on a hardware token (${printable(type.slice(0, 60))}), which depot cannot use to log in`
        : null;
    if (refused !== null)
      throw new DepotError('key-unreadable', `${nameOf(privateKeyFile)} is ${refused}`, {
        hint: `make a plain key, have its public part added at the server, and name it in ${privateKeyName} of depot.yaml: ssh-keygen -t ed25519 -f NEW`,
      });
    return { publicKey: Buffer.from(base64, 'base64'), alone: true };
  }
  const publicKey = isPutty(text) ? puttyPublicKey(text) : (headOf(text)?.publicKey ?? null);
  return publicKey && { publicKey, alone: false };
}

const publicKey =
  /^(?:ssh-|ecdsa-|sk-)\S{1,60} +[A-Za-z0-9+/]|^-----BEGIN (?:RSA )?PUBLIC KEY|^---- BEGIN SSH2 PUBLIC KEY/;

/** Whether it is a public key or a certificate, in which nothing is secret. */
export function isPublic(bytes: Uint8Array): boolean {
  return publicKey.test(looseTextOf(bytes));
}

/** What ssh2 says of one: of the check numbers of OpenSSH, of AES-GCM, of the old PEM form. */
const wrongPassphrase = /bad passphrase|unable to authenticate data|bad decrypt|wrong final block length/i;

/** Whether an SSH key is encrypted; false too for one that is not understood. */
export function needsPassphrase(bytes: Buffer): boolean {
  const text = looseTextOf(bytes);
  if (formOf(text, 'FILE', 'remote.privateKey') !== null) return false;
  if (isPutty(text)) return isEncryptedPutty(text);
  const plain = parseHere(text);
  return plain instanceof Error && isEncrypted(text, plain);
}

function isEncrypted(text: string, failure: Error): boolean {
  return /encrypted/i.test(failure.message) || text.includes('BEGIN ENCRYPTED PRIVATE KEY') || isChacha(text);
}

async function parse(text: string, passphrase?: string): Promise<ParsedKey | Error> {
  if (isPutty(text)) {
    const outcome = await readPutty(text, passphrase);
    if (outcome === 'no passphrase') return new Error('encrypted');
    if (outcome === 'wrong passphrase') return new Error('bad passphrase');
    return 'unreadable' in outcome ? new Error(outcome.unreadable) : parseHere(outcome.openssh);
  }
  if (passphrase !== undefined && isChacha(text)) {
    const opened = await openChacha(text, passphrase);
    return opened === null ? new Error('bad passphrase') : parseHere(opened);
  }
  return parseHere(text, passphrase);
}

/** What ssh2 reads, or Node. */
function parseHere(text: string, passphrase?: string): ParsedKey | Error {
  const key = first(ssh2.utils.parseKey(text, passphrase));
  if (!(key instanceof Error)) return key.isPrivateKey() ? key : new Error('not a private key');
  const converted = convertPkcs8(text, passphrase);
  return converted === null ? key : first(ssh2.utils.parseKey(converted));
}

/** ssh2's types say one key; its OpenSSH parser gives a list of one, and for some damaged files nothing at all. */
function first(parsed: ParsedKey | ParsedKey[] | Error | undefined): ParsedKey | Error {
  return (Array.isArray(parsed) ? parsed[0] : parsed) ?? new Error('no key');
}

interface Form {
  what: string;
  hint: string;
}

/** Forms of keys, and what is no private key, that neither passphrase nor patience makes readable. Null for any other. */
function formOf(text: string, typed: string, named: PrivateKeyName): Form | null {
  if (text.includes('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY'))
    return {
      what: 'a key in the format of ssh.com, which depot cannot read',
      hint: `convert it: puttygen ${typed} -O private-openssh -o NEW`,
    };
  if (text.startsWith('SSH PRIVATE KEY FILE FORMAT'))
    return {
      what: 'a key of SSH version 1, which servers no longer accept',
      hint: 'make a new one: ssh-keygen -t ed25519 -f NEW',
    };
  if (text.includes('-----BEGIN PGP '))
    return {
      what: 'an OpenPGP key',
      hint: `name the SSH key in ${named} of depot.yaml; make one with: ssh-keygen -t ed25519 -f NEW`,
    };
  if (/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(text))
    return { what: 'a certificate (X.509)', hint: `name the private key in ${named} of depot.yaml` };
  if (publicKey.test(text)) {
    return {
      what: /^\S+-cert-v01@/.test(text)
        ? 'a certificate of an SSH user key, which depot cannot use to log in'
        : 'a public key',
      hint: `name the private key in ${named} of depot.yaml: the file beside it, usually without .pub; with sshAgent: true, a public key selects one of the keys of the ssh-agent`,
    };
  }
  return openSshForm(text);
}

/** A key on a hardware token signs nothing by itself, in OpenSSH's form. */
function openSshForm(text: string): Form | null {
  const type = headOf(text)?.type ?? '';
  return type.startsWith('sk-')
    ? {
        what: `a key on a hardware token (${printable(type.slice(0, 60))}), which somebody must touch for each login`,
        hint: 'make a key for unattended pushes: ssh-keygen -t ed25519 -f NEW',
      }
    : null;
}

/** A PKCS #8 private key (PEM) in a form that ssh2 reads; null when it is none, or the passphrase does not open it. */
function convertPkcs8(pem: string, passphrase?: string): string | null {
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

/** In OpenSSH's form. */
function opensshEd25519(key: KeyObject): string {
  const { x, d } = key.export({ format: 'jwk' });
  const [point, seed] = [x!, d!].map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer];
  return openSshText(Buffer.concat([string('ssh-ed25519'), string(point)]), [point, Buffer.concat([seed, point])]);
}
