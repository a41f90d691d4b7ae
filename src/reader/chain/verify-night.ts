/** `verify` of a directory, or of several suitcases: every suitcase that the night needs. */
import type { CountedNight } from '../../dataset/assemble/tally.js';
import type { Chain } from '../../dataset/chain/chain-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import type { NightCheck } from '../../open/open-all.js';
import type { Limit, OpenResult } from '../../open/opening.js';
import { printable } from '../../printable.js';
import { nightDiffers } from '../../receipt/chain.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Checks } from '../checks.js';
import { agreeing } from '../found.js';
import { allowedBytes, contentLimit, twice } from '../limits.js';
import { checkGiven, contentsPassed } from './given-checks.js';
import { isWhole, type Member, type Members } from './members.js';
import { openMembers } from './open-members.js';
import { requirePlace } from './place.js';
import { openScratch, scratchBytes, type ScratchFile } from './scratch-file.js';

/** More than any compression saves: what claims to unfold further is no night that somebody deposited. */
const MOST_TIMES = 1100;

interface ScratchOptions {
  deep: boolean;
  /** A directory for contents, so that what lies in several suitcases can be put together. */
  scratch?: string | undefined;
  /** Those at hand. */
  receipts: readonly Receipt[];
}

interface NightOptions {
  deep: boolean;
  maxSize?: number | undefined;
  signers: readonly string[];
  signal: AbortSignal;
}

interface NightHooks {
  warn(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

/** Comes before anything is opened, since there may be too little room. Null where it is not wanted, or there is not all of a chain. */
export async function scratchFor(
  { deep, scratch, receipts }: ScratchOptions,
  note: (message: string) => void,
  found: Members,
): Promise<ScratchFile | null> {
  const { members } = found;
  if (!deep || scratch === undefined || members.length === 1 || !isWhole(found)) return null;
  return openScratch(scratch, scratchBytes(members, receipts), note);
}

/** Checks the suitcases before the wanted one, which is checked like any other, and the whole night. */
export async function verifyMembers(
  o: NightOptions,
  hooks: NightHooks,
  { found, scratch }: Deep,
  checks: Checks,
): Promise<void> {
  checkGiven(found, checks);
  if (found.members.length === 1 || !o.deep) return;
  await verifyContents(o, hooks, { found, scratch }, checks);
  if (isWhole(found) && scratch === null)
    checks.missing(
      'dataset',
      'files that are spread over several suitcases were not checked, because that needs disk space',
      'name a directory for that; depot encrypts what it puts there: --scratch DIR',
    );
}

interface Deep {
  found: Members;
  /** Null: the suitcases are opened, and nothing is put together. */
  scratch: ScratchFile | null;
}

async function verifyContents(
  o: NightOptions,
  hooks: NightHooks,
  { found, scratch }: Deep,
  checks: Checks,
): Promise<void> {
  const { members, night } = found;
  const chain = night.suitcase?.chain ?? null;
  // The wanted one was opened by itself; to put the night together, it takes part once more.
  const those = (scratch === null ? members.slice(0, -1) : members).flatMap((member, number) =>
    member.suitcase === null ? [] : [{ member, number }],
  );
  const limit = o.maxSize === undefined ? (scratch?.room ?? null) : allowedBytes(o.maxSize, 'user');
  const check: NightCheck | null =
    scratch === null
      ? null
      : { scratch: scratch.fd, key: scratch.key, sources: chain!.sources, maxBytes: mostBytes(o, found) };
  const result = await openMembers(
    {
      members: those.map(({ member }) => ({ member, mode: { kind: 'check' } })),
      limits: { maxBytes: limit, maxWritten: null, maxEntries: null },
      goesOn: true,
      night: check,
      signal: o.signal,
    },
    hooks,
  );
  const right = result.opened.filter((one, i) => isRight(one, those[i]!, chain, checks)).length;
  if (right === members.length - (scratch === null ? 1 : 0)) contentsPassed(members.length - 1, checks);
  if (result.night !== null) compareNight(result.night, night.receipt?.receipt ?? null, checks);
}

function isRight(
  result: OpenResult | DepotError,
  { member, number }: { member: Member; number: number },
  chain: Chain | null,
  checks: Checks,
): boolean {
  try {
    if (result instanceof DepotError) throw result;
    requirePlace(agreeing(result), number, chain);
    return true;
  } catch (error) {
    if (!isDepotError(error, 'verification-failed') && !isDepotError(error, 'archive-refused')) throw error;
    const words = result instanceof DepotError ? error.message : `${printable(member.depositId)}: ${error.message}`;
    checks.failed('chain-contents', words, error.code);
    return false;
  }
}

/** What the user allows, else what a receipt says; without either, what no compression could hold. */
function mostBytes({ maxSize, signers }: NightOptions, { night, members }: Members): Limit {
  if (maxSize !== undefined) return allowedBytes(maxSize, 'user');
  const receipt = night.receipt?.receipt;
  if (receipt?.chain !== undefined)
    return allowedBytes(
      contentLimit({ ...receipt.dataset, entries: receipt.chain.entries, bytes: receipt.chain.bytes }),
      signers.length > 0 ? 'receipt' : 'unverified receipt',
    );
  const most = MOST_TIMES * members.reduce((sum, { suitcase }) => sum + suitcase!.bytes, 0);
  return {
    most,
    exceeded: {
      code: 'archive-refused',
      message: `the night unpacks to more than ${MOST_TIMES} times the size of its suitcases`,
      hint: `if you expect that much, allow more: --max-size ${twice(most)}`,
    },
  };
}

function compareNight(found: CountedNight | DepotError, receipt: Receipt | null, checks: Checks): void {
  if (found instanceof DepotError) {
    if (found.code !== 'archive-refused') throw found;
    checks.refused('dataset', found);
    return;
  }
  const words = `${found.entries} entries with ${found.bytes} bytes, put together from all suitcases`;
  const said = receipt?.chain;
  if (said === undefined) checks.passed('dataset', `${words}; there is no receipt to compare it with`);
  else {
    const wrong = nightDiffers(said, found);
    if (wrong === null) checks.passed('dataset', `${words}, as the receipt says`);
    else checks.failed('dataset', wrong);
  }
}
