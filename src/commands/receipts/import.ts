import type { ReceiptsImportFlags } from './options.js';
import { importAttestation } from '../../kit/import-attestation.js';
import type { FiledAttestation } from '../../state/attested.js';
import { printable } from '../../printable.js';
import { labelled, shortFingerprint } from '../../ui/format.js';
import type { Context } from '../context.js';
import { configFor } from '../deposits.js';

/** Checks and files what a beneficiary sent. */
export async function importFile(o: ReceiptsImportFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  const { filed, already, warnings } = await importAttestation({
    config,
    stateDirectory: config.state.path,
    file: o.file,
    signers: o.signers,
    now: new Date(),
    ...(o.signature === undefined ? {} : { signature: o.signature }),
    ...(o.fingerprint === undefined ? {} : { fingerprint: o.fingerprint }),
  });
  for (const warning of warnings) context.screen.warn(warning);
  context.screen.result(
    { ok: true, depositId: filed.depositId, path: filed.path, alreadyFiled: already, ...provenDocument(filed) },
    [
      labelled('proven', `${filed.depositId}: ${provenText(filed)}`),
      labelled('filed', `${already ? 'already, as ' : ''}${printable(filed.path)}`),
      ...(filed.attestation.agentSha256 === undefined
        ? [labelled('agent', 'was not asked what it has')]
        : [
            labelled(
              'agent',
              'gave the SHA-256 in the receipt; that shows that it has the file only if it computed the digits from the file',
            ),
          ]),
    ],
  );
  return 0;
}

/** Proven by whom, when, as JSON. */
export function provenDocument({ attestation, filing }: FiledAttestation): object {
  return {
    keyFingerprint: attestation.keyFingerprint,
    beneficiary: filing.beneficiary,
    attestedAt: attestation.attestedAt,
    signedBy: filing.signedBy,
    agentSha256: attestation.agentSha256 ?? null,
    selfAttested: filing.selfAttested,
  };
}

/** `by Gemeente Voorbeeld (8F3A…91C2) on 2026-11-23`; who made its own proof is not called proven. */
export function provenText({ attestation, filing }: FiledAttestation): string {
  const key = shortFingerprint(attestation.keyFingerprint);
  const who = filing.beneficiary === null ? `key ${key}` : `${printable(filing.beneficiary)} (${key})`;
  const when = attestation.attestedAt.slice(0, 10);
  return filing.selfAttested ? `self-attested on ${when}: the supplier made the key of ${who}` : `by ${who} on ${when}`;
}
