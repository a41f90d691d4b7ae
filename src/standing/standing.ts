import type { Arrangement, Config } from '../config/types.js';
import { timestamp } from '../names/deposit.js';
import { readStatedKey } from '../pgp/stated.js';
import { ageOf } from '../clock.js';
import { attestationFaults, newestAttestation, type Filing } from '../state/attested.js';
import { type PingFailure, pingFailure } from '../state/notified.js';
import { ledgerGap } from '../state/ledger.js';
import { lastDeposit, type LastDeposit } from '../state/list.js';
import { lastRun, noticeOf, type RunRecord } from '../state/runs.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { underWay, type UnderWay } from '../state/underway.js';
import { placeFor } from '../push/agent.js';
import type { Attestation } from '../receipt/attestation.js';
import { readBoundedFile } from '../plain-file.js';
import type { Lost } from '../state/lost.js';
import { type ChainStanding, chainStanding, lostIn } from './chain.js';
import { type Shrunk, shrunkSince } from './shrunk.js';
import { type WhyLate, whyLate } from './why-late.js';

/** A key that pushes of an arrangement need. */
export interface KeyStanding {
  role: 'recipient' | 'signer';
  /** The beneficiary's name in the configuration, or the supplier's. */
  name: string;
  /** Null when the file cannot be read, or holds no key: `depot doctor` says why. */
  fingerprint: string | null;
  /** By the key's own self-signatures; null for never, or not known. */
  expiresAt: string | null;
}

/** What is known of one arrangement at one moment, by this state directory and the key files. */
export interface Standing {
  arrangement: string;
  lastDeposit: LastDeposit | null;
  /** That, or an earlier deposit, was much smaller than the one before it, and none since was as large again. */
  shrunk: Shrunk | null;
  lastRun: RunRecord | null;
  /** How long the last run took that had something to do. */
  lastWorkSeconds: number | null;
  /** What that run had to tell although it made a deposit: that a new ledger began. */
  notice: string | null;
  ageMs: number | null;
  everyMs: number | null;
  /** The oldest that the last deposit may be; null when nobody said how often. */
  allowedMs: number | null;
  /** When the last deposit becomes, or became, stale; null without one, and when nobody said how often. */
  staleAt: string | null;
  ended: boolean;
  stale: boolean;
  /** The last deposit is dated in the future, so its age is not known: it counts as stale. */
  inFuture: boolean;
  /** Why, and what to do; null where it is not late. */
  late: WhyLate | null;
  /** A push that runs or was killed, and what earlier ones left to do. */
  underWay: UnderWay;
  /** The newest deposit of which a beneficiary has shown that its key opens it. */
  proven: ProvenDeposit | null;
  /** Of an arrangement with `incremental:`, from its first full deposit on. */
  chain: ChainStanding | null;
  /** Deposits that no longer open, since one on which they are built was destroyed. */
  lost: Lost[];
  /** What is wrong with the record of it: a ledger that lacks deposits, attestations that are not what was filed. */
  problems: string[];
  /** The last ping of a push, where it failed: whoever relies on the monitor does not know. */
  pingFailure: PingFailure | null;
  /** The beneficiaries', then the signer. */
  keys: KeyStanding[];
}

export type ProvenDeposit = Pick<Attestation, 'depositId' | 'keyFingerprint' | 'attestedAt'> &
  Pick<Filing, 'beneficiary' | 'selfAttested'>;

/** A deposit is late after 1.25 × `every`: a night's run that took longer is no alarm. */
export const lateness = 1.25;

/** Ended arrangements, and those without `every`, are never stale; no deposit, and one from the future, are. */
export function judgeAge(
  a: Pick<Arrangement, 'every' | 'ended'>,
  last: LastDeposit | null,
  maxAgeMs: number | undefined,
  now: Date,
): Pick<Standing, 'ageMs' | 'everyMs' | 'allowedMs' | 'staleAt' | 'ended' | 'stale' | 'inFuture'> {
  const ageMs = last === null ? null : ageOf(last.finishedAt, now);
  const allowedMs = maxAgeMs ?? (a.every === undefined ? null : a.every * lateness);
  const ended = a.ended !== undefined && now >= a.ended;
  return {
    ageMs,
    everyMs: a.every ?? null,
    allowedMs,
    staleAt:
      ended || allowedMs === null || last === null || ageMs === null
        ? null
        : timestamp(new Date(Date.parse(last.finishedAt) + allowedMs)),
    ended,
    stale: !ended && allowedMs !== null && (ageMs === null || ageMs > allowedMs),
    inFuture: last !== null && ageMs === null,
  };
}

/** What is to be said of the last deposit of an arrangement that is stale, or whose last deposit is from the future. */
export function lateWords(o: Pick<Standing, 'lastDeposit' | 'ageMs' | 'allowedMs' | 'inFuture'>): string {
  const { lastDeposit: last, ageMs, allowedMs, inFuture } = o;
  if (last === null) return 'there is no deposit yet';
  if (inFuture)
    return `the last deposit, ${last.depositId}, is dated ${last.finishedAt}, which is in the future, so its age is unknown: the clock was wrong then, or is wrong now; correct it, then push again`;
  const [old, limit] = [roughly(ageMs ?? 0), roughly(allowedMs ?? 0)];
  return `the last deposit, ${last.depositId}, is ${old === limit ? 'just over ' : ''}${old} old; the limit is ${limit}`;
}

/** The same, and why there is no younger one. */
export function lateAndWhy(o: Parameters<typeof lateWords>[0] & Pick<Standing, 'late'>): string {
  const why = o.late?.why ?? null;
  return `${lateWords(o)}${why === null ? '' : `; ${why}`}`;
}

/** `31 h`, `45 min`, `20 s`: never nothing where there is something. */
function roughly(ms: number): string {
  const s = Math.floor(ms / 1000);
  return s < 120 ? `${s} s` : s < 2 * 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}

/** Arrangements looked at together: a shared state directory answers slowly. */
const atOnce = 16;

/** How these arrangements stand; reads state directory and key files alone. @throws DepotError 'local-unreadable' */
export async function gatherStandings(
  config: Config,
  arrangements: readonly Arrangement[],
  o: { maxAgeMs?: number | undefined; now: Date },
): Promise<Standing[]> {
  const keys = new KeyFiles();
  const standing = async (arrangement: Arrangement): Promise<Standing> => {
    const state = new ArrangementState(config.state.path, arrangement.name);
    const last = await lastDeposit(state);
    const judged = judgeAge(arrangement, last, o.maxAgeMs, o.now);
    const seen = {
      arrangement: arrangement.name,
      inFuture: judged.inFuture,
      lastRun: await lastRun(state),
      underWay: await underWay(state, await placeFor(config, arrangement).catch(() => null)),
    };
    return {
      ...judged,
      ...seen,
      lastDeposit: last,
      late: judged.stale || judged.inFuture ? await whyLate(seen, config.state.path) : null,
      shrunk: await shrunkSince(state, arrangement, o.now),
      ...(await lastWork(state)),
      proven: await provenBy(state),
      chain: await chainStanding(state, arrangement, o.now),
      lost: await lostIn(state),
      problems: await problemsOf(state),
      pingFailure: config.ping === undefined ? null : await pingFailure(state),
      keys: await keysOf(config, arrangement, keys),
    };
  };
  const standings: Standing[] = [];
  for (let from = 0; from < arrangements.length; from += atOnce)
    standings.push(...(await Promise.all(arrangements.slice(from, from + atOnce).map(standing))));
  return standings;
}

/** Of a record no more was checked than that it is one. */
async function lastWork(state: ArrangementState): Promise<Pick<Standing, 'lastWorkSeconds' | 'notice'>> {
  const run = await lastRun(state, ({ code }) => code !== 'skipped');
  const seconds: unknown = run?.seconds;
  return {
    lastWorkSeconds: typeof seconds === 'number' ? seconds : null,
    notice: run === null ? null : noticeOf(run),
  };
}

async function provenBy(state: ArrangementState): Promise<ProvenDeposit | null> {
  const newest = await newestAttestation(state);
  if (newest === null) return null;
  const { depositId, keyFingerprint, attestedAt } = newest.attestation;
  const { beneficiary, selfAttested } = newest.filing;
  return { depositId, keyFingerprint, beneficiary, attestedAt, selfAttested };
}

async function problemsOf(state: ArrangementState): Promise<string[]> {
  const gap = await ledgerGap(state);
  return [...(gap === null ? [] : [gap.message]), ...(await attestationFaults(state)).map(({ message }) => message)];
}

async function keysOf(config: Config, arrangement: Arrangement, files: KeyFiles): Promise<KeyStanding[]> {
  const keys: KeyStanding[] = [];
  for (const { name, key } of arrangement.beneficiaries)
    keys.push({ role: 'recipient', name, ...(await files.read(key, 'encrypt')) });
  keys.push({ role: 'signer', name: config.supplier.name, ...(await files.read(config.supplier.signingKey, 'sign')) });
  return keys;
}

type Stated = Pick<KeyStanding, 'fingerprint' | 'expiresAt'>;

class KeyFiles {
  readonly #seen = new Map<string, Promise<Stated>>();

  read(file: string, purpose: 'encrypt' | 'sign'): Promise<Stated> {
    const id = `${purpose} ${file}`;
    const known = this.#seen.get(id) ?? stated(file, purpose);
    this.#seen.set(id, known);
    return known;
  }
}

async function stated(file: string, purpose: 'encrypt' | 'sign'): Promise<Stated> {
  const bytes = await readBoundedFile(file).catch(() => null);
  const key = bytes === null ? null : readStatedKey(bytes, purpose);
  return {
    fingerprint: key?.fingerprint ?? null,
    expiresAt: key?.expiresAt?.toISOString().replace(/\.\d+Z$/, 'Z') ?? null,
  };
}
