/** The words of the progress line, in forms for wide and narrow terminals. */
import { rateAt } from '../bandwidth.js';
import { type Amounts, type Share, shareOf } from './expected.js';
import { bytes, counted, duration } from './format.js';

/** The end of a name that has no room. */
const shortName = 12;

/**
 * What has been read, encrypted and uploaded, how much of the whole that is, how fast it goes, and the time left. Where there is
 * no room for all of it, what matters least is left out first, and never the percentage and the time left.
 */
export function progressText(
  name: string,
  p: Amounts,
  perSecond: number | null,
  leftMs: number | null,
  room = Infinity,
): string {
  const { acknowledgedBytes: sent, sealedBytes, datasetBytes, totalBytes } = p;
  const of = totalBytes === undefined || totalBytes < datasetBytes ? '' : ` of ${bytes(totalBytes)}`;
  const share = shareOf(p);
  const percent = share === null ? '' : ` (${percentText(share)})`;
  const isSent = sent !== null && (sealedBytes > 0 || p.suitcaseBytes !== undefined);
  // A suitcase that was sealed before is only sent.
  const readOf = (total: string): string[] =>
    datasetBytes === 0 && p.suitcaseBytes !== undefined
      ? []
      : [`${bytes(datasetBytes)}${total} read${isSent ? '' : percent}`];
  const [read, readAlone] = [readOf(of), readOf('')];
  const entries = read.length === 0 ? [] : [counted(p.entries, 'entry', 'entries')];
  const sealed = sealedBytes === 0 ? [] : [`${bytes(sealedBytes)} encrypted`];
  const uploaded = isSent ? [`${bytes(sent)} uploaded${percent}`] : [];
  const rate = perSecond === null || perSecond < 1 ? [] : [`${bytes(Math.round(perSecond))}/s`];
  const limited = rate.map((text) => `${text}${limitText(p)}`);
  const left = leftMs === null ? [] : [`${clockText(leftMs)} left`];
  const forms = [
    [...entries, ...read, ...sealed, ...uploaded, ...limited, ...left],
    [...read, ...sealed, ...uploaded, ...limited, ...left],
    [...read, ...sealed, ...uploaded, ...rate, ...left],
    [...read, ...uploaded, ...rate, ...left],
    [...readAlone, ...uploaded, ...rate, ...left],
    [...read, ...uploaded, ...left],
    ...(isSent ? [[...uploaded, ...left]] : [[...read, ...left]]),
    [...(share === null ? (isSent ? uploaded : read) : [percentText(share)]), ...left],
  ].map((parts) => parts.join(', '));
  return fitting([name, short(name)], forms, room) ?? forms.at(-1)!;
}

/** `12.0 GiB of 51.0 GiB (23 %), 480.0 MiB/s, 1:21 left`; without a total only how much, and how fast. */
export function bytesText(
  name: string,
  done: number,
  total: number | null,
  perSecond: number | null,
  leftMs: number | null,
  room = Infinity,
): string {
  const percent = total === null ? '' : ` (${percentText({ done: total === 0 ? 1 : done / total, isGuess: false })})`;
  const amount = `${bytes(done)}${total === null ? '' : ` of ${bytes(total)}`}${percent}`;
  const rate = perSecond === null ? [] : [`${bytes(Math.round(perSecond))}/s`];
  const left = leftMs === null ? [] : [`${clockText(leftMs)} left`];
  const forms = [
    [amount, ...rate, ...left],
    [amount, ...left],
  ].map((parts) => parts.join(', '));
  return fitting([name], forms, room) ?? forms.at(-1)!;
}

/** There is no connection: since when, until when it is waited for, and what ends that. Times are `01:12:33`. */
export function waitingText(
  name: string,
  w: { address: string; since: string; until: string },
  room = Infinity,
): string {
  const forms = [
    `${w.address} unreachable since ${w.since}; trying until ${w.until}; Ctrl-C to stop`,
    `unreachable since ${w.since}; trying until ${w.until}; Ctrl-C to stop`,
    `unreachable; trying until ${w.until}; Ctrl-C to stop`,
    `unreachable; trying until ${w.until}`,
  ];
  return fitting([name, short(name)], forms, room) ?? forms.at(-1)!;
}

/** The first that has room: each form with the whole name, before the name is shortened. */
function fitting(names: readonly string[], forms: readonly string[], room: number): string | undefined {
  const [whole = '', ...others] = names;
  const lines = [whole, ...others].flatMap((name) => forms.map((form) => `${name}: ${form}`));
  return lines.find((line) => line.length <= room) ?? forms.find((form) => form.length <= room);
}

function short(name: string): string {
  return name.length <= shortName ? name : `${name.slice(0, shortName - 1)}…`;
}

/** What is not over is never 100 %. */
export function percentText({ done, isGuess }: Share): string {
  return `${isGuess ? '~' : ''}${Math.min(99, Math.floor(done * 100))} %`;
}

function limitText({ limits = [] }: Amounts): string {
  const limit = rateAt(limits, new Date());
  return limit === Infinity ? '' : ` (limit ${bytes(limit)}/s)`;
}

const dayMs = 24 * 3600 * 1000;

/** `0:48`, `12:05`, `1:02:00`; days in words. */
export function clockText(ms: number): string {
  if (ms >= 2 * dayMs) return duration(ms);
  const s = Math.round(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const [h, min] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(min)}:${two(s % 60)}` : `${min}:${two(s % 60)}`;
}
