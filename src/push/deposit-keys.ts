import type { Stats } from 'node:fs';
import type { Arrangement, Config } from '../config/types.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate, readSecretKey } from '../pgp/keys.js';
import { judgeRecipient, judgeSigner, type Recipient, requirePublic } from '../pgp/policy.js';
import { chooseEncryption, type Encryption } from '../pgp/sessionkey.js';
import { requirePrivate } from '../permissions.js';
import { printable } from '../printable.js';
import type { Warn } from '../warning.js';
import { readBoundedFile } from '../plain-file.js';
import type { SecretFinder } from './secret-finder.js';
import type { SharedByPushes, Signer } from './shared.js';

/** Every key that a deposit needs, judged (law 6 of docs/architecture.md), and how it will be encrypted for them. */
export interface DepositKeys extends Signer {
  recipients: Recipient[];
  encryption: Encryption;
}

/** Reads and judges recipients and signer, before anything is connected or started. Throws as those two do. */
export async function readKeys(
  config: Config,
  arrangement: Arrangement,
  secrets: SecretFinder,
  at: Date,
  shared?: SharedByPushes,
): Promise<DepositKeys> {
  const recipients = await readRecipients(arrangement, at);
  const encryption = chooseEncryption(arrangement.encryption, recipients);
  const read = (): Promise<Signer> => readSigner(config, secrets, at);
  const { signer, warnings, urgent } = await (shared === undefined ? read() : shared.signer(read));
  return {
    recipients,
    encryption,
    signer,
    warnings: [...recipients.flatMap((recipient) => recipient.warnings), ...warnings],
    urgent: [...recipients.flatMap((recipient) => recipient.urgent), ...urgent],
  };
}

export function tellOfKeys({ warnings, urgent }: DepositKeys, { warn }: { warn: Warn }): void {
  for (const warning of warnings) warn(warning, urgent.includes(warning) ? 'act' : undefined);
}

/** The beneficiaries' keys. A retired key is refused whatever its file says. */
export async function readRecipients(arrangement: Arrangement, at: Date): Promise<Recipient[]> {
  const recipients: Recipient[] = [];
  for (const { name, key, fingerprint } of arrangement.beneficiaries) {
    if (arrangement.retiredKeys.includes(fingerprint)) {
      throw new DepotError(
        'recipient-unusable',
        `the key ${fingerprint} of ${printable(name)} is retired for ${arrangement.name}`,
        { hint: `put the beneficiary's new key in, with: «depot key add ${arrangement.name} FILE --fingerprint F»` },
      );
    }
    const certificate = await readCertificate(await readKeyFile(key));
    requirePublic(certificate, key);
    const owned = (text: string): string =>
      text.replace(/^key (\S+?):? (?=expire)/, (_, short: string) => `the key of ${printable(name)} (${short}) `);
    const judged = await judgeRecipient(certificate, fingerprint, at).catch((error: unknown) => {
      if (isDepotError(error)) error.message = owned(error.message);
      throw error;
    });
    recipients.push({ ...judged, warnings: judged.warnings.map(owned), urgent: judged.urgent.map(owned) });
  }
  return recipients;
}

/**
 * The supplier's signing key, unlocked and fit for signing now. Its file must be the supplier's alone.
 * @throws DepotError 'secret-insecure', 'signer-unusable', 'key-unreadable', 'secret-missing', 'passphrase-wrong'
 */
export async function readSigner(config: Config, secrets: SecretFinder, at: Date): Promise<Signer> {
  const file = config.supplier.signingKey;
  const { bytes, certificate } = await readSigningKey(file);
  const { warnings, urgent } = await judgeSigner(certificate, at);
  const [arrangement = 'NAME'] = config.arrangements.keys();
  const store = `«depot login ${arrangement} --for signing-key»`;
  const signer = await readSecretKey(bytes, async () => (await secrets.find('signingKeyPassphrase'))?.reveal()).catch(
    (error: unknown) => {
      if (isDepotError(error)) error.message = `signing key ${printable(file)}: ${error.message}`;
      if (isDepotError(error, 'secret-missing')) error.hint = `store the passphrase: ${store}`;
      if (isDepotError(error, 'passphrase-wrong')) error.hint = `store the right passphrase: ${store}`;
      throw error;
    },
  );
  return { signer, warnings, urgent };
}

/** What the file is comes before who can read it: on a public key nobody should run chmod. */
export async function readSigningKey(file: string): Promise<{ bytes: Buffer; certificate: Certificate }> {
  const modes: Stats[] = [];
  const bytes = await readKeyFile(file, (opened) => {
    modes.push(opened);
  });
  const certificate = await readCertificate(bytes).catch(async (error: unknown) => {
    for (const mode of modes) await requirePrivate(file, mode);
    throw error;
  });
  if (!certificate.isSecret) {
    throw new DepotError(
      'signer-unusable',
      `supplier.signingKey: ${printable(file)} holds a public key, but receipts are signed with the secret one`,
      { hint: 'name the file with the secret key in depot.yaml (key generate calls it PREFIX.secret.asc)' },
    );
  }
  for (const mode of modes) await requirePrivate(file, mode);
  return { bytes, certificate };
}

export async function readKeyFile(file: string, check?: (opened: Stats) => void): Promise<Buffer> {
  try {
    return await readBoundedFile(file, check);
  } catch (cause) {
    if (isDepotError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'this account cannot read it'
          : printable((cause as Error).message);
    throw new DepotError('key-unreadable', `key file ${printable(file)}: ${reason}`, {
      hint:
        code === 'EACCES'
          ? 'run it as the account that pushes, or see what this one needs: «depot doctor»'
          : 'check the path in depot.yaml',
      cause,
    });
  }
}
