/** The keys of an arrangement as a push would judge them now, one by one, and those that older receipts name. */
import { readBoundedFile } from '../plain-file.js';
import type { Arrangement, Config } from '../config/types.js';
import { isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate } from '../pgp/keys.js';
import { judgeRecipient, judgeSigner } from '../pgp/policy.js';
import type { Receipt } from '../receipt/schema.js';
import type { KeyRow } from './data.js';

const day = 24 * 3_600_000;

/** Signer first, then the beneficiaries in the order of the configuration. */
export async function configuredKeys(
  config: Config,
  arrangement: Arrangement,
  signer: KeyRow,
  now: Date,
): Promise<KeyRow[]> {
  const rows: KeyRow[] = [signer];
  for (const { name, key, fingerprint } of arrangement.beneficiaries) {
    const row = { role: 'beneficiary' as const, name, fingerprint };
    const judgement = arrangement.retiredKeys.includes(fingerprint)
      ? unusable('it is retired for this arrangement')
      : await judged(key, now, (certificate) => judgeRecipient(certificate, fingerprint, now));
    rows.push({ ...row, ...judgement });
  }
  return rows;
}

/** The supplier's signing key: its public side is enough, no passphrase is asked for. */
export async function signerKey(config: Config, now: Date): Promise<KeyRow> {
  let fingerprint = '';
  const found = await judged(config.supplier.signingKey, now, (certificate) => {
    fingerprint = certificate.fingerprint;
    return judgeSigner(certificate, now);
  });
  return { role: 'signer', name: config.supplier.name, fingerprint, ...found };
}

/** Recipients of these receipts (newest first) that `known` has not: by what the newest receipt says of each. */
export function keysOfReceipts(
  receipts: Iterable<Pick<Receipt, 'encryption'>>,
  known: readonly KeyRow[],
  now: Date,
): KeyRow[] {
  const rows = new Map<string, KeyRow>();
  for (const { encryption } of receipts) {
    for (const { fingerprint, algorithm, expiresAt } of encryption.recipients) {
      if (rows.has(fingerprint) || known.some((key) => key.fingerprint === fingerprint)) continue;
      const row = { role: 'earlier' as const, name: null, fingerprint, algorithm, usable: null, reason: null };
      rows.set(fingerprint, { ...row, ...expiry(expiresAt, now) });
    }
  }
  return [...rows.values()];
}

type Judgement = Pick<KeyRow, 'algorithm' | 'expiresAt' | 'daysLeft' | 'usable' | 'reason'>;

async function judged(
  file: string,
  now: Date,
  judge: (c: Certificate) => Promise<{ algorithm: string; expiresAt: string | null }>,
): Promise<Judgement> {
  let certificate: Certificate;
  try {
    certificate = await readCertificate(await readBoundedFile(file));
  } catch (error) {
    // Paths say where things are at the supplier, and are not for the page.
    if (isDepotError(error))
      return unusable(
        error.code === 'key-unreadable'
          ? 'its file holds no key that depot can read'
          : 'its file is not one that depot can read',
      );
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM')
      return { ...unusable('this account cannot read its file'), usable: null };
    if (code === undefined) throw error;
    return unusable(code === 'ENOENT' ? 'its file is not there' : `its file could not be read (${code})`);
  }
  try {
    const { algorithm, expiresAt } = await judge(certificate);
    return { algorithm, ...expiry(expiresAt, now), usable: true, reason: null };
  } catch (error) {
    if (!isDepotError(error)) throw error;
    const { fingerprint, algorithm, expiresAt } = certificate;
    const reason = error.message.replace(`key ${fingerprint}: `, '');
    return { algorithm, ...expiry(expiresAt, now), usable: false, reason };
  }
}

function unusable(reason: string): Judgement {
  return { algorithm: null, expiresAt: null, daysLeft: null, usable: false, reason };
}

function expiry(expiresAt: string | Date | null, now: Date): Pick<KeyRow, 'expiresAt' | 'daysLeft'> {
  if (expiresAt === null) return { expiresAt: null, daysLeft: null };
  const at = new Date(expiresAt);
  return { expiresAt: at, daysLeft: Math.floor((at.getTime() - now.getTime()) / day) };
}
