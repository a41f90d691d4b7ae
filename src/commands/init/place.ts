/** Puts what was answered on disk, so that a run that stopped half way can be repeated: what is there is taken up. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Account } from '../../accounts.js';
import { DepotError, isDepotError } from '../../errors.js';
import { isLocked, readCertificate, readSecretKey } from '../../pgp/keys.js';
import { handOver } from '../../permissions.js';
import { readPlain } from '../../plain-file.js';
import { printable } from '../../printable.js';
import { errorCode, localError, makeOwnDirectory, writeNewSecret } from '../../durable-file.js';
import { newestDeposit } from '../../state/list.js';
import { ArrangementState } from '../../state/arrangement-state.js';
import { Secret } from '../../secret.js';
import { storeSecret } from '../../secrets/login.js';
import type { Context } from '../context.js';
import { openDirectory } from '../open-directory.js';
import { exists, writeKeyPair } from '../key/write.js';
import { givenPassphrase } from '../passphrase.js';
import type { InitFlags } from './options.js';
import { makeStateFor, requireGivable, requireRootsSite } from './state-place.js';
import type { Talk } from './talk.js';

/** Where things go, and whose they are to be. */
export interface Place {
  /** depot.yaml, absolute, and its directory. */
  config: string;
  directory: string;
  state: string;
  /** The account that pushes, when root sets up for it; null: the running one. */
  account: Account | null;
}

export interface PlacedSigner {
  /** As it stands in depot.yaml. */
  relative: string;
  fingerprint: string;
  secretKey: string;
  publicKey: string | null;
  /** Where the passphrase was put, when it was. */
  passphrase: string | null;
}

/**
 * The state directory is the account's from here on: its owner is how every later run knows which account pushes.
 *
 * @throws DepotError 'state-insecure' when it cannot be given to the account, and 'config-insecure' when somebody else could
 * exchange what root makes: before anything is made
 */
export async function makeDirectories({ directory, state, account }: Place): Promise<void> {
  await requireRootsSite(path.join(directory, 'keys'));
  if (account !== null) await requireGivable(state, account);
  for (const one of [directory, path.join(directory, 'keys')]) await openDirectory(one);
  if (account === null) await makeOwnDirectory(state);
  else await makeStateFor(account, state);
}

/** Null where there is none. */
async function keyThere(file: string): Promise<Buffer | null> {
  return readPlain(file).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw localError(error, 'read', file);
  });
}

/** Throws when the state directory has deposits of this arrangement that another key signed: somebody else's records, or the wrong `--state`. */
export async function requireOwnLedger(
  a: { arrangement: string; signer: string | null },
  { directory, state }: Place,
): Promise<void> {
  const newest = await newestDeposit(new ArrangementState(state, a.arrangement));
  if (newest === null) return;
  const { signerFingerprint } = newest.receipt.supplier;
  const bytes = await keyThere(a.signer ?? path.join(directory, 'keys/supplier.secret.asc'));
  if (bytes !== null && (await readCertificate(bytes)).fingerprint === signerFingerprint) return;
  throw new DepotError(
    'output-exists',
    `${printable(state)} has deposits of ${a.arrangement} that key ${signerFingerprint} signed`,
    {
      hint: 'choose another --state, or give that key with --signer',
    },
  );
}

/** A new signing key, the one that an earlier run made, or a copy of the one that was named. */
export async function placeSigner(
  a: { supplier: string; signer: string | null; signerEmail: string },
  o: InitFlags,
  place: Place,
  talk: Talk | null,
  context: Context,
): Promise<PlacedSigner> {
  const inside = a.signer !== null && !path.relative(place.directory, a.signer).startsWith('..');
  const secretKey = inside ? a.signer! : path.join(place.directory, 'keys/supplier.secret.asc');
  if (a.signer !== null && !inside) await copyOnce(a.signer, secretKey);
  const bytes = await keyThere(secretKey);
  const passphrase =
    bytes === null ? await newPassphrase(o, talk, context) : await passphraseOf(bytes, secretKey, o, talk, context);
  // First the passphrase: a key that is there without it would be of no use to anyone.
  const kept =
    passphrase === undefined || o.passphraseFile !== undefined
      ? null
      : await keepPassphrase(passphrase, secretKey, place, context);
  const publicKey = path.join(place.directory, 'keys/supplier.public.asc');
  const fingerprint =
    bytes === null
      ? (
          await writeKeyPair({
            kind: 'signer',
            profile: 'compat',
            name: a.supplier,
            email: a.signerEmail,
            prefix: path.join(place.directory, 'keys/supplier'),
            ...(passphrase === undefined ? {} : { passphrase }),
          })
        ).fingerprint
      : (await readCertificate(bytes)).fingerprint;
  if (!inside) await shareKey(secretKey, place.account);
  return {
    relative: path.relative(place.directory, secretKey).replaceAll(path.sep, '/'),
    fingerprint,
    secretKey,
    passphrase: kept,
    publicKey:
      a.signer === null &&
      (await stat(publicKey).then(
        () => true,
        () => false,
      ))
        ? publicKey
        : null,
  };
}

/** An SSH key that the account can read: itself, or a copy in `keys/` when root sets up for another account. */
export async function placePrivateKey(
  file: string | null,
  directory: string,
  account: Account | null,
): Promise<string | null> {
  if (file === null || account === null) return file;
  const copy = await copied(file, path.join(directory, 'keys/ssh'));
  await shareKey(copy, account);
  return copy;
}

/** Where the copy is: an earlier one of another key stays, and this one gets a number. */
async function copied(file: string, to: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const numbered = number === 1 ? to : `${to}-${number}`;
    try {
      await copyOnce(file, numbered);
      return numbered;
    } catch (error) {
      if (!isDepotError(error, 'output-exists') || number === 100) throw error;
    }
  }
}

/** Root's, 0640 for the account's group: the account uses it and cannot change it. Its own, 0600, without another account. */
async function shareKey(file: string, account: Account | null): Promise<void> {
  const given =
    account === null ? handOver('file', file, 0o600) : handOver('file', file, 0o640, { uid: 0, gid: account.gid });
  await given.catch((error: unknown) => {
    throw localError(error, 'write', file);
  });
}

async function copyOnce(from: string, to: string): Promise<void> {
  try {
    await writeNewSecret(to, await readFile(from));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw localError(error, 'write', to);
    if (!(await readFile(from)).equals(await readFile(to))) throw exists(to);
  }
}

/** Undefined: the key is to have none. */
async function newPassphrase(o: InitFlags, talk: Talk | null, context: Context): Promise<string | undefined> {
  if (o.noPassphrase) return undefined;
  const given = await givenPassphrase(o.passphraseFile, context);
  if (given !== undefined || talk === null) return given;
  for (;;) {
    const passphrase = await talk.hidden(
      'Passphrase for the new signing key; depot keeps it for the scheduled run (Enter for none: file permissions alone then protect the key)',
    );
    if (passphrase === '') return undefined;
    if ((await talk.hidden('Repeat the passphrase')) === passphrase) return passphrase;
    talk.say('  they do not match; type both again');
  }
}

/** Of a key that is there; undefined when it is not locked. */
async function passphraseOf(
  bytes: Buffer,
  file: string,
  o: InitFlags,
  talk: Talk | null,
  context: Context,
): Promise<string | undefined> {
  const certificate = await readCertificate(bytes);
  if (!certificate.isSecret)
    throw new DepotError('key-unreadable', `${printable(file)} is a public key; the signing key was expected there`, {
      hint: 'move it away, or name the secret key with --signer',
    });
  if (!isLocked(certificate)) return undefined;
  talk?.say(`The signing key ${printable(file)} already exists.`);
  const given = await givenPassphrase(o.passphraseFile, context);
  for (let passphrase = given; ; passphrase = undefined) {
    passphrase ??= talk === null ? undefined : await talk.hidden('Its passphrase');
    try {
      await readSecretKey(bytes, () => Promise.resolve(passphrase));
      return passphrase;
    } catch (error) {
      if (talk === null || !isDepotError(error, 'passphrase-wrong')) throw error;
      talk.say(`  ${error.message}`);
    }
  }
}

async function keepPassphrase(
  passphrase: string,
  key: string,
  { directory, account }: Place,
  context: Context,
): Promise<string> {
  const stored = await storeSecret('file', new Secret(passphrase), {
    kind: 'signingKeyPassphrase',
    configDirectory: directory,
    env: context.env,
    key,
    owner: account ?? undefined,
  });
  for (const warning of stored.warnings) context.screen.warn(warning);
  return stored.where;
}
