/** What an earlier run was told, to be looked over before it counts. */
import { printable } from '../../printable.js';
import { groupedFingerprint } from '../../ui/format.js';
import type { Answers, Draft } from './draft.js';

const questions: [keyof Answers, string][] = [
  ['user', 'account'],
  ['supplier', 'your name'],
  ['arrangement', 'arrangement'],
  ['keyFile', 'public key'],
  ['fingerprint', 'compared'],
  ['beneficiary', 'beneficiary'],
  ['signer', 'signing key'],
  ['sources', 'deposited'],
  ['host', 'server'],
  ['directory', 'directory'],
  ['hostKeys', 'host key'],
  ['username', 'user name'],
  ['privateKey', 'login'],
  ['every', 'every'],
];

/** A line for each question that is answered; secrets are not among the answers. */
export function keptAnswers(draft: Draft): string[] {
  return questions
    .filter(([key]) => draft[key] !== undefined && draft[key] !== '')
    .map(([key, label]) => {
      const { user, supplier, arrangement, keyFile, beneficiary, directory, username, every } = draft;
      const shown: Partial<Record<keyof Answers, string | undefined>> = {
        user,
        supplier,
        arrangement,
        keyFile,
        beneficiary,
        directory,
        username,
        every,
        fingerprint: draft.fingerprint === undefined ? '' : groupedFingerprint(draft.fingerprint),
        signer: draft.signer ?? `a new one, with the address ${draft.signerEmail ?? ''}`,
        sources: draft.sources?.map((source) => source.path).join(', ') ?? '',
        host: `${draft.host ?? ''}${draft.port === undefined ? '' : `:${draft.port}`}`,
        hostKeys: draft.hostKeys?.length === 0 ? 'none compared yet' : (draft.hostKeys?.join(', ') ?? ''),
        privateKey: draft.privateKey == null ? 'with a password' : `with the SSH key ${draft.privateKey}`,
      };
      return `  ${label.padEnd(12)}  ${printable(shown[key] ?? '')}`;
    });
}
