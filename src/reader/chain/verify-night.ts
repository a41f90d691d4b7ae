/** `verify` of a directory, or of several suitcases: every suitcase that the night needs. */
import { isDepotError } from '../../errors.js';
import { openSuitcase } from '../../open/opening.js';
import { requireSameChain } from '../../dataset/increment/chain-file.js';
import { printable } from '../../printable.js';
import type { Checks } from '../checks.js';
import { agreeing, wrong } from '../found.js';
import { openSuitcaseFile } from '../suitcase-file.js';
import { isWhole, missingWords, type Member, type Members } from './members.js';

interface NightOptions {
  deep: boolean;
  signal: AbortSignal;
}

interface NightHooks {
  warn(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

/** Checks the suitcases before the wanted one, which is checked like any other. Writes nothing. */
export async function verifyMembers(o: NightOptions, hooks: NightHooks, found: Members, checks: Checks): Promise<void> {
  const earlier = found.members.slice(0, -1);
  const { words, code } = missingWords(found);
  if (code === 'incomplete') checks.missing('chain', words);
  else if (code !== null) checks.failed('chain', words, code);
  else checks.passed('chain', `${earlier.length} suitcases before it, each with the size and SHA-256 that it names`);
  if (earlier.length === 0) return;
  const opened = earlier.filter(({ suitcase }) => suitcase !== null).length;
  const scope = `the key opens ${opened} of the ${earlier.length} suitcases before it`;
  if (opened === earlier.length) checks.passed('chain-key-proof', scope);
  else checks.missing('chain-key-proof', scope);
  if (!o.deep) return;
  const total = earlier.reduce((sum, { suitcase }) => sum + (suitcase?.bytes ?? 0), 0);
  let done = 0;
  let right = 0;
  for (const [number, member] of earlier.entries()) {
    if (member.suitcase === null) continue;
    const progress = (bytes: number): void => hooks.progress({ bytes: done + bytes, totalBytes: total });
    if (await isRight(number, member, found, { ...o, warn: hooks.warn.bind(hooks), progress }, checks)) right++;
    done += member.suitcase.bytes;
  }
  if (right === earlier.length)
    checks.passed('chain-contents', `${right} suitcases, every entry as their own manifests say`);
  if (isWhole(found))
    checks.missing('dataset', 'what lies in several suitcases was not put together, since that takes room on disk');
}

async function isRight(
  number: number,
  { suitcase, need, depositId }: Member,
  { night }: Members,
  hooks: { signal: AbortSignal; warn(message: string): void; progress(bytes: number): void },
  checks: Checks,
): Promise<boolean> {
  const file = await openSuitcaseFile(suitcase!.path);
  try {
    const { handle, preamble, consumed } = file;
    const { sessionKey, cipher } = suitcase!.unwrapped!;
    const mode = { kind: 'check' } as const;
    const unlimited = { maxBytes: null, maxWritten: null, maxEntries: null };
    const opened = await openSuitcase(
      { fd: handle.fd, preamble, consumed, sessionKey, cipher, mode, ...unlimited, wantsSha256: true },
      hooks,
    );
    if (opened.sha256 !== need!.sha256) throw wrong('it changed while it was read');
    const { chain, manifest } = agreeing(opened);
    if (number === 0 ? chain !== undefined || manifest === 'none' : chain?.number !== number)
      throw wrong('it is not what its place in the chain says');
    if (chain !== undefined && night.suitcase?.chain != null) requireSameChain(night.suitcase.chain, chain);
    return true;
  } catch (error) {
    if (!isDepotError(error, 'verification-failed') && !isDepotError(error, 'archive-refused')) throw error;
    checks.failed('chain-contents', `${printable(depositId)}: ${error.message}`, error.code);
    return false;
  } finally {
    await file.handle.close();
  }
}
