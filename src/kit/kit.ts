import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Arrangement, Beneficiary, Config } from '../config/types.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { lockSecretKey, readCertificate } from '../pgp/keys.js';
import { verifyDetached } from '../pgp/signature.js';
import type { Chain } from '../receipt/chain.js';
import { sha256Hex } from '../primitives.js';
import { printable } from '../printable.js';
import { localError, writeNew } from '../durable-file.js';
import { newestDeposit, type ReceiptOnFile } from '../state/list.js';
import { receiptName, signatureName } from '../names/deposit.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { freePlace } from '../reader/output.js';
import { readGiven } from '../reader/named-files.js';
import { kitChain } from './kit-chain.js';
import { letterHtml } from './letter.js';
import { readOpener } from './opener-page.js';
import { PartialDirectory } from '../reader/partial-directory.js';

export interface KitOptions {
  config: Config;
  stateDirectory: string;
  arrangement: Arrangement;
  /** A directory that does not exist yet. */
  out: string;
  /** Public keys of earlier signers, for receipts that they signed. */
  signers: string[];
  /** The passphrase that locks the private key in the kit; without it no private key is in it. */
  secretKeyPassphrase?: string;
  /** Makes the kit without opener.html. */
  withoutOpener: boolean;
  now: Date;
}

export interface Kit {
  directory: string;
  depositId: string;
  files: string[];
  /** The suitcases that open the newest deposit, as the agent is asked for them; null where it needs only its own. */
  suitcases: { depositId: string; name: string; bytes: number; sha256: string }[] | null;
  /** A deposit that the newest is built on, and of which there is no receipt that fits. */
  missing: Chain['missing'];
  signers: string[];
  /** Fingerprints of the keys for which the newest deposit is sealed. */
  recipients: string[];
  /** Null in a kit without opener. */
  openerSha256: string | null;
  includesSecretKey: boolean;
}

const secretName = 'private.secret.asc';

/**
 * Everything that a beneficiary needs beside the suitcase and its private key. All of it or nothing appears at `out`.
 * @throws DepotError 'usage' without a deposit or an opener, or where the private key is the beneficiary's own;
 *   'verification-failed' when none of the signers signed the newest receipt, 'output-exists', …
 */
export async function makeKit(o: KitOptions): Promise<Kit> {
  const out = await freePlace(o.out);
  const state = new ArrangementState(o.stateDirectory, o.arrangement.name);
  const newest = await newestDeposit(state);
  if (newest?.signature == null)
    throw new DepotError(
      'usage',
      `there is no deposit of ${o.arrangement.name} with a signed receipt in ${printable(state.directory)}`,
      { hint: `make one: «depot push ${o.arrangement.name}»` },
    );
  const signers = await signersOf(o, newest);
  const cover = await state.readFile(newest.receipt.cover.name);
  const opener = o.withoutOpener
    ? null
    : readOpener(
        (cause) =>
          new DepotError('usage', 'this build of depot has no opener.html, so the kit would lack it', {
            hint: 'install depot as the README says (its package holds opener.html), or leave it out: --no-opener',
            cause,
          }),
      );
  const secret = o.secretKeyPassphrase === undefined ? null : await secretKeyOf(o.arrangement, o.secretKeyPassphrase);
  const openerSha256 = opener === null ? null : sha256Hex(opener);
  const id = newest.depositId;
  const chain = await kitChain(state, newest.receipt);
  const letter = letterHtml({
    supplier: o.config.supplier.name,
    receipt: newest.receipt,
    chain,
    signers,
    openerSha256,
    secretKey: secret === null ? null : secretName,
    date: o.now.toISOString().slice(0, 10),
  });
  const wanted: [string, Uint8Array | string | null][] = [
    ['letter.html', letter],
    ['opener.html', opener],
    ...signers.map(({ file, armored }): [string, string] => [file, armored]),
    [receiptName(id), newest.bytes],
    [signatureName(id), newest.signature],
    [newest.receipt.cover.name, cover],
    ...(chain?.files ?? []),
    [secretName, secret],
  ];
  const contents = wanted.flatMap(([name, bytes]): [string, Uint8Array | string][] =>
    bytes === null ? [] : [[name, bytes]],
  );
  await writeAll(out, contents);
  return {
    directory: out,
    depositId: id,
    files: contents.map(([name]) => name),
    suitcases: chain === null ? null : chain.receipts.map(({ depositId, suitcase }) => ({ depositId, ...suitcase })),
    missing: chain?.missing ?? null,
    signers: signers.map(({ fingerprint }) => fingerprint),
    recipients: newest.receipt.encryption.recipients.map(({ fingerprint }) => fingerprint),
    openerSha256,
    includesSecretKey: secret !== null,
  };
}

interface KitSigner {
  file: string;
  fingerprint: string;
  armored: string;
}

/** The signer of the newest receipt first, as `signer.public.asc`: the lines of letter and cover name that one. */
async function signersOf(
  { config, arrangement, signers }: KitOptions,
  { receipt, bytes, signature }: ReceiptOnFile,
): Promise<KitSigner[]> {
  const certificates: Certificate[] = [];
  for (const file of [config.supplier.signingKey, ...config.supplier.formerSigningKeys, ...signers]) {
    const certificate = await readCertificate(await readGiven(file, "the signer's key"));
    if (!certificates.some(({ fingerprint }) => fingerprint === certificate.fingerprint))
      certificates.push(certificate);
  }
  const signed = await verifyDetached(bytes, signature!, certificates).catch((error: unknown) => {
    if (isDepotError(error))
      error.hint = `give the public key of ${receipt.supplier.signerFingerprint}, which signed the newest receipt, under supplier.formerSigningKeys in depot.yaml, or with --signer FILE; or make a new deposit first: «depot push ${arrangement.name}»`;
    throw error;
  });
  const isFirst = ({ fingerprint }: Certificate): number => Number(fingerprint === signed.fingerprint);
  certificates.sort((a, b) => isFirst(b) - isFirst(a));
  // `armored` gives the public part only, whatever the file held.
  return certificates.map((certificate, i) => ({
    file: i === 0 ? 'signer.public.asc' : `signer-${i + 1}.public.asc`,
    fingerprint: certificate.fingerprint,
    armored: certificate.armored(),
  }));
}

/** Only a key that the supplier made, and only locked. */
async function secretKeyOf({ name, beneficiaries }: Arrangement, passphrase: string): Promise<string> {
  const found: string[] = [];
  for (const beneficiary of beneficiaries) {
    const file = await suppliersSecretKey(beneficiary);
    if (file !== null) found.push(file);
  }
  if (found.length === 0)
    throw new DepotError(
      'usage',
      `the private keys of ${name} are not here: no NAME.secret.asc lies beside a NAME.public.asc of the configuration`,
      { hint: 'leave out --include-secret-key: the beneficiary has its own key' },
    );
  if (found.length > 1)
    throw new DepotError(
      'usage',
      `${found.length} beneficiaries of ${name} have private keys here, and one kit is for one of them`,
      { hint: 'leave out --include-secret-key, and give each beneficiary its own key' },
    );
  return lockSecretKey(await readGiven(found[0]!, 'the private key'), passphrase);
}

async function writeAll(out: string, contents: [string, Uint8Array | string][]): Promise<void> {
  const partial = await PartialDirectory.make(out);
  try {
    for (const [name, bytes] of contents) {
      const file = path.join(partial.path, name);
      await writeNew(file, bytes).catch((error: unknown) => {
        throw localError(error, 'write', file);
      });
    }
    await partial.putInPlace();
  } catch (error) {
    // Where it cannot be removed, why the work failed is still what counts; the next try says what lies there.
    await partial.remove().catch(() => false);
    throw error;
  }
}

/** The private key that `depot key generate` wrote beside the public one. Null when it is not there any more, or never was. */
export async function suppliersSecretKey({ key }: Pick<Beneficiary, 'key'>): Promise<string | null> {
  if (!key.endsWith('.public.asc')) return null;
  const file = key.replace(/\.public\.asc$/, '.secret.asc');
  const found = await stat(file).catch(() => null);
  return found?.isFile() === true ? file : null;
}
