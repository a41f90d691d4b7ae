/** Two copies of one key: which of them may take the place of the other. */
import * as openpgp from 'openpgp';
import { type Certificate, directSignatures, internalsOf, type OpenPgpCertificate } from './certificate.js';

const { keyRevocation, subkeyRevocation, certRevocation } = openpgp.enums.signature;
const revocations: readonly number[] = [keyRevocation, subkeyRevocation, certRevocation];

/**
 * What `copy` is to `present`, which has the same fingerprint: `later` when its owner signed it anew and it has all the
 * revocations of the other; `unrevoked` when it lacks one; `earlier` when it says nothing new.
 */
export function comparedWith(copy: Certificate, present: Certificate): 'later' | 'earlier' | 'unrevoked' {
  const [its, ours] = [internalsOf(copy), internalsOf(present)];
  const has = new Set(revocationsIn(its));
  if (revocationsIn(ours).some((one) => !has.has(one))) return 'unrevoked';
  return newestIn(its) > newestIn(ours) ? 'later' : 'earlier';
}

/** Bodies, in hex: version 4 and 6 have their type in the second byte, version 3 in the third. */
function revocationsIn({ signatures }: OpenPgpCertificate): string[] {
  return signatures
    .filter((body) => revocations.includes(body[body[0] === 3 ? 2 : 1]!))
    .map((body) => Buffer.from(body).toString('hex'));
}

/** When its owner signed it last, by its user ids, itself and its subkeys. */
function newestIn({ key }: OpenPgpCertificate): number {
  const own = [
    ...directSignatures(key),
    ...key.users.flatMap((user) => user.selfCertifications),
    ...key.subkeys.flatMap((subkey) => subkey.bindingSignatures),
  ];
  return Math.max(0, ...own.map(({ created }) => created?.getTime() ?? 0));
}
