/** `verify` of a directory, or of several suitcases: every suitcase that the night needs. */
import type { CheckedNight } from '../../dataset/assemble/check-night.js';
import type { ManifestResult } from '../../dataset/compare.js';
import { type Chain, requireSameChain } from '../../dataset/chain/chain-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import type { NightCheck } from '../../open/open-all.js';
import type { Limit, OpenResult } from '../../open/opening.js';
import { printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Checks } from '../checks.js';
import { agreeing, wrong } from '../found.js';
import { allowedBytes, contentLimit, twice } from '../limits.js';
import { isWhole, missingWords, type Member, type Members } from './members.js';
import { openMembers } from './open-members.js';
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
  const earlier = found.members.slice(0, -1);
  const { words, code } = missingWords(found);
  if (code === 'incomplete') checks.missing('chain', words);
  else if (code !== null) checks.failed('chain', words, code);
  else checks.passed('chain', `${counted(earlier.length)} before it, each with the size and SHA-256 that it names`);
  if (earlier.length === 0) return;
  const opened = earlier.filter(({ suitcase }) => suitcase !== null).length;
  const scope = `the key opens ${opened} of the ${counted(earlier.length)} before it`;
  if (opened === earlier.length) checks.passed('chain-key-proof', scope);
  else checks.missing('chain-key-proof', scope);
  if (!o.deep) return;
  await verifyContents(o, hooks, { found, scratch }, checks);
  if (isWhole(found) && scratch === null)
    checks.missing(
      'dataset',
      'files that are spread over several suitcases were not checked, because that takes room on disk',
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
  if (right === members.length - (scratch === null ? 1 : 0))
    checks.passed('chain-contents', `${counted(right)}, every entry as its manifest says`);
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

/** Whether a suitcase, now that it is authentic, says of the chain what the wanted one said before it was. */
function requirePlace({ chain, manifest }: ManifestResult, number: number, wanted: Chain | null): void {
  if (number === 0 ? chain !== undefined || manifest === 'none' : chain?.number !== number)
    throw wrong('it does not fit its place in the chain');
  if (chain === undefined || wanted === null) return;
  if (number < wanted.number) requireSameChain(wanted, chain);
  else if (JSON.stringify(chain) !== JSON.stringify(wanted))
    throw wrong('it names other suitcases than when it was first read');
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
      message: `the night unfolds to more than ${MOST_TIMES} times the size of its suitcases`,
      hint: `allow more, if more is to be expected: --max-size ${twice(most)}`,
    },
  };
}

function compareNight(found: CheckedNight | DepotError, receipt: Receipt | null, checks: Checks): void {
  if (found instanceof DepotError) {
    if (found.code !== 'archive-refused') throw found;
    checks.refused('dataset', found);
    return;
  }
  const words = `${found.entries} entries with ${found.bytes} bytes, put together from all suitcases`;
  const said = receipt?.chain;
  if (said === undefined) checks.passed('dataset', `${words}; there is no receipt to compare it with`);
  else if (found.datasetSha256 !== said.datasetSha256)
    checks.failed('dataset', 'what was put together is not the dataset that the receipt names');
  else if (found.entries !== said.entries || found.bytes !== said.bytes)
    checks.failed('dataset', `${words}, but the receipt says ${said.entries} with ${said.bytes}`);
  else checks.passed('dataset', `${words}, as the receipt says`);
}

function counted(suitcases: number): string {
  return `${suitcases} ${suitcases === 1 ? 'suitcase' : 'suitcases'}`;
}
