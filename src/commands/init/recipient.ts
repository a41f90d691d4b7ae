/** The beneficiary's key, and its fingerprint once somebody has compared it. */
import { DepotError, isDepotError } from '../../errors.js';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import { judgeRecipient, requirePublic } from '../../pgp/policy.js';
import { groupedFingerprint } from '../../ui/format.js';
import { readKeyFile } from '../key-file.js';
import type { Answers, Draft } from './draft.js';
import { absolutePath } from './paths.js';
import type { Asked } from './asked.js';

/** Not compared: no set-up, but the answers stay. `known` is a file that was named already; `offered` one that Enter takes. */
export async function comparedKey(
  known: Pick<Draft, 'keyFile' | 'fingerprint'>,
  offered: string | undefined,
  { talk, context, again }: Asked,
): Promise<Pick<Answers, 'keyFile' | 'fingerprint'>> {
  for (let given = known.keyFile; ; given = undefined) {
    let certificate: Certificate | undefined;
    const keyFile =
      given ??
      absolutePath(
        await talk.text("File with the beneficiary's public key", {
          path: true,
          fallback: offered,
          check: async (file) => {
            const found = await usableKey(absolutePath(file, context));
            if ('wrong' in found) return found.wrong;
            certificate = found.value;
            return undefined;
          },
        }),
        context,
      );
    certificate ??= await readCertificate(await readKeyFile(keyFile));
    if (known.fingerprint !== undefined) return { keyFile, fingerprint: known.fingerprint };
    talk.say(`The fingerprint of this key is\n  ${groupedFingerprint(certificate.fingerprint)}`);
    const compared = await isCompared(talk);
    if (compared === 'same') return { keyFile, fingerprint: certificate.fingerprint };
    if (compared === 'later')
      throw new DepotError('recipient-unusable', "the beneficiary's key was not compared", {
        hint: `phone the beneficiary, then continue where you left off: ${again}`,
      });
  }
}

/** The first choice, which a hasty Enter takes, decides nothing. */
async function isCompared(talk: Asked['talk']): Promise<'same' | 'other' | 'later'> {
  for (;;) {
    const answer = await talk.choose(
      'Phone the beneficiary and ask them to read out their fingerprint. Does it match exactly?',
      [
        { value: 'not-yet', label: 'I have not compared it yet' },
        { value: 'same', label: 'yes, it matches' },
        { value: 'other', label: 'no: take another file' },
        { value: 'later', label: 'stop, and continue later; your answers are kept' },
      ],
    );
    if (answer !== 'not-yet') return answer;
    talk.say(
      '  Anyone who has the private key that belongs to this file can open the deposits. Phone now, then answer; or stop, and continue later.',
    );
  }
}

async function usableKey(file: string): Promise<{ value: Certificate } | { wrong: string }> {
  try {
    const certificate = await readCertificate(await readKeyFile(file));
    requirePublic(certificate, file);
    await judgeRecipient(certificate, certificate.fingerprint, new Date());
    return { value: certificate };
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return { wrong: error.hint === undefined ? error.message : `${error.message}\n  ${error.hint}` };
  }
}

/** The name in it, without the address; empty when it has none. */
export async function nameInKey(file: string): Promise<string> {
  const certificate = await readCertificate(await readKeyFile(file));
  return certificate.userIds[0]?.replace(/\s*<[^>]*>\s*$/, '') ?? '';
}
