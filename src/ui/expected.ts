/** How far a push has come, and how long the rest takes: by what is known, and else by the last deposit. */
import type { Amounts as PushAmounts } from '../amounts.js';
import { type Bandwidth, timeToSend } from '../bandwidth.js';

export interface Amounts extends PushAmounts {
  /** Of which the lowest holds for what is sent. */
  limits?: readonly Bandwidth[];
}

/** From 0 to 1. */
export interface Share {
  done: number;
  /** By the last deposit: this dataset may be larger or smaller. */
  isGuess: boolean;
}

/** A dataset that outgrows the last one is taken to be this far through. */
const outgrown = 0.97;

/** How large the dataset is, as far as anybody can know; null where nobody can. */
function datasetOf({ totalBytes, last, datasetBytes }: Amounts): { bytes: number; isGuess: boolean } | null {
  if (totalBytes !== undefined)
    return { bytes: Math.max(totalBytes, datasetBytes), isGuess: totalBytes < datasetBytes };
  if (last === undefined) return null;
  return { bytes: Math.max(last.datasetBytes, datasetBytes / outgrown), isGuess: true };
}

/** How large the suitcase will be; null where nobody can know. */
function suitcaseOf(p: Amounts): number | null {
  if (p.suitcaseBytes !== undefined) return p.suitcaseBytes;
  const dataset = datasetOf(p);
  if (dataset === null) return null;
  const { last, sealedBytes, datasetBytes } = p;
  const ratio =
    last?.suitcaseBytes == null || last.datasetBytes === 0
      ? sealedBytes / datasetBytes
      : last.suitcaseBytes / last.datasetBytes;
  return Number.isFinite(ratio) ? sealedBytes + (dataset.bytes - datasetBytes) * ratio : null;
}

/** How much of the whole is done; null where nobody can know. */
export function shareOf(p: Amounts): Share | null {
  const { acknowledgedBytes: sent, suitcaseBytes, sealedBytes, datasetBytes } = p;
  if (sent !== null && suitcaseBytes !== undefined) return { done: part(sent, suitcaseBytes), isGuess: false };
  const dataset = datasetOf(p);
  if (dataset === null) return null;
  const read = { done: part(datasetBytes, dataset.bytes), isGuess: dataset.isGuess };
  const suitcase = suitcaseOf(p);
  if (sent === null || sealedBytes === 0 || suitcase === null) return read;
  return { done: part(sent, suitcase), isGuess: dataset.isGuess || p.last?.suitcaseBytes != null };
}

function part(done: number, of: number): number {
  return of === 0 ? 1 : Math.min(1, done / of);
}

/** Bytes per second; null where nothing was measured. */
interface Rates {
  sent: number | null;
  read: number | null;
}

/** From here on it is the upload that the rest waits for. */
const waitingBytes = 1024 * 1024;

/** Milliseconds left: of reading and sending, which go side by side, what takes longer. Null where nobody can know. */
export function timeLeft(p: Amounts, rates: Rates, now: number): number | null {
  const { acknowledgedBytes: sent, sealedBytes, datasetBytes, limits = [] } = p;
  const dataset = p.suitcaseBytes === undefined ? datasetOf(p) : null;
  if (p.suitcaseBytes === undefined && dataset === null) return null;
  // More than the last time: how much more, only its end will tell.
  if (dataset?.isGuess === true && datasetBytes > (p.last?.datasetBytes ?? 0)) return null;
  const toRead = dataset === null ? 0 : dataset.bytes - datasetBytes;
  const reading = toRead === 0 ? 0 : timeFor(toRead, rates.read);
  if (sent === null) return reading;
  const suitcase = suitcaseOf(p);
  // How much of the dataset makes how much of a suitcase is not known yet.
  if (suitcase === null || (sealedBytes === 0 && toRead > 0)) return limits.length > 0 ? null : reading;
  const toSend = Math.max(0, suitcase - sent);
  if (toRead === 0 || sealedBytes - sent >= waitingBytes) {
    // Reading stops and goes with a slow upload, so that its rate says little then.
    if (rates.sent === null || rates.sent <= 0) return null;
    return timeToSend(limits, toSend, rates.sent, now);
  }
  if (reading === null) return null;
  // The reading takes longer, unless a limit is still to come.
  return Math.max(reading, timeToSend(limits, toSend, Number.MAX_SAFE_INTEGER, now));
}

function timeFor(bytes: number, perSecond: number | null): number | null {
  return perSecond === null || perSecond <= 0 ? null : (bytes / perSecond) * 1000;
}
