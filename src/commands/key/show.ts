import { DepotError, isDepotError } from '../../errors.js';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import { subkeysOf, type Subkey } from '../../pgp/validity.js';
import { judgeRecipient, judgeSigner } from '../../pgp/policy.js';
import { printable } from '../../printable.js';
import { timestamp } from '../../names/deposit.js';
import { groupedFingerprint, labelled, localTime } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';
import type { Context, GlobalOptions } from '../context.js';
import { readKeyFile } from '../key-file.js';

/** Fit or not, with the algorithm of the key that would be used, or the reason. */
interface Judgement {
  usable: boolean;
  algorithm: string | null;
  expiresAt: string | null;
  reason: string | null;
  warnings: string[];
}

export async function show(o: GlobalOptions & { file: string }, context: Context): Promise<number> {
  const bytes = await readKeyFile(o.file);
  const key = await readCertificate(bytes).catch((error: unknown) => {
    throw named(error, o.file);
  });
  const now = new Date();
  const recipient = await judged(judgeRecipient(key, key.fingerprint, now));
  const signer = await judged(judgeSigner(key, now));
  const seipd2 = await judgeRecipient(key, key.fingerprint, now).then(
    (r) => r.announcesSeipd2 && r.aeads.length > 0,
    () => false,
  );
  const subkeys = await subkeysOf(key, now);
  const expiresAt = key.expiresAt === null ? null : timestamp(key.expiresAt);
  context.screen.result(
    {
      ok: true,
      file: o.file,
      fingerprint: key.fingerprint,
      version: key.version,
      userIds: key.userIds,
      algorithm: key.algorithm,
      createdAt: timestamp(key.createdAt),
      expiresAt,
      secret: key.isSecret,
      modern: seipd2,
      recipient,
      signer,
      subkeys: subkeys.map(({ createdAt, expiresAt: ends, ...rest }) => ({
        ...rest,
        createdAt: timestamp(createdAt),
        expiresAt: ends === null ? null : timestamp(ends),
      })),
    },
    lines(key, subkeys, recipient, signer, seipd2),
  );
  return 0;
}

/** Which file, and what such a file looks like. */
function named(error: unknown, file: string): unknown {
  if (!isDepotError(error, 'key-unreadable')) return error;
  return new DepotError('key-unreadable', `${printable(file)}: ${error.message}`, {
    hint: error.hint ?? 'name an OpenPGP key file, like one that gpg --export --armor FINGERPRINT writes',
    cause: error,
  });
}

async function judged(
  work: Promise<{ algorithm: string; expiresAt: string | null; warnings: string[] }>,
): Promise<Judgement> {
  try {
    const { algorithm, expiresAt, warnings } = await work;
    return { usable: true, algorithm, expiresAt, reason: null, warnings };
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return { usable: false, algorithm: null, expiresAt: null, reason: error.message, warnings: [] };
  }
}

function lines(
  key: Certificate,
  subkeys: readonly Subkey[],
  recipient: Judgement,
  signer: Judgement,
  modern: boolean,
): Line[] {
  const verdict = (j: Judgement, what: string): string =>
    j.usable
      ? `yes, ${j.algorithm ?? ''}${j.expiresAt === null ? '' : `, until ${localTime(new Date(j.expiresAt))}`}${what}`
      : `no: ${withoutName(j.reason ?? '', key)}`;
  return [
    labelled('key', groupedFingerprint(key.fingerprint)),
    ...key.userIds.map((id) => labelled('name', printable(id))),
    labelled('kind', `${key.isSecret ? 'secret key' : 'public key'}, version ${key.version}, ${key.algorithm}`),
    labelled('created', localTime(key.createdAt)),
    labelled('expires', key.expiresAt === null ? 'never' : localTime(key.expiresAt)),
    ...subkeys.map((subkey) =>
      labelled('subkey', `${groupedFingerprint(subkey.fingerprint)}, ${subkey.algorithm}, ${state(subkey)}`),
    ),
    labelled('deposits', verdict(recipient, modern ? '; modern' : '; compat')),
    labelled('receipts', verdict(signer, '')),
    ...[...new Set([...recipient.warnings, ...signer.warnings])].map((warning) => labelled('warning', warning)),
  ];
}

function state({ uses, revoked, expiresAt }: Subkey): string {
  const until = expiresAt === null ? '' : `, until ${localTime(expiresAt)}`;
  return `${uses.length === 0 ? 'not bound to the key' : `for ${uses.join(' and ')}`}${until}${revoked ? ', revoked' : ''}`;
}

/** The judgement names the key, which stands above it already. */
function withoutName(reason: string, key: Certificate): string {
  return reason.replace(`key ${key.fingerprint}: `, '');
}
