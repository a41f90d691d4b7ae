/**
 * The manifest: lines of JSON inside the suitcase, one for every entry of the archive, with its digest.
 *
 *     {"manifest":"depot.manifest/1","random":"<64 hex digits>"}
 *     {"path":"data/crm/a.csv","type":"file","size":5,"mode":"0644","mtime":"2026-11-22T00:30:00.25Z","sha256":"…"}
 *     {"pathBase64":"ZGF0YS/p","type":"symlink","size":0,"mode":"0777","mtime":"2026-11-22T00:30:00Z","linkTarget":"a.csv"}
 *     {"path":"data/crm.pgdump","type":"file","size":40000000,"mode":"0644","mtime":"…","sha256":"…","parts":3}
 *     {"entries":3,"bytes":40000005,"skipped":{"socket":1},"complete":true}
 *
 * A line stands behind its entry in the archive, in the order of the entries. The random bytes keep the manifest's
 * digest, which receipts show, from confirming a guess of the contents. The manifest's own parts are not listed.
 */
import { DepotError } from '../errors.js';
import { fromText, toText, type ByteString } from './bytestring.js';
import { MAX_PARTS } from '../names/archive.js';
import { sha256Pattern } from '../names/digest.js';
import { paxTime, splitTime, type EntryType } from './tar/format.js';
import type { TarHeader } from './tar/write.js';

/** 2: of an increment, whose other lines are not JSON but those of increment/lines.ts. */
export type ManifestVersion = 1 | 2;
const SCHEMAS: Readonly<Record<string, ManifestVersion>> = { 'depot.manifest/1': 1, 'depot.manifest/2': 2 };
/** Its parts are `DEPOT/manifest.ndjson.part-000001` and so on, of at most `MANIFEST_PART_BYTES`, whole lines each. */
export const MANIFEST_PATH = 'DEPOT/manifest.ndjson';
export const MANIFEST_PART_BYTES = 4 << 20;

export interface ManifestContent {
  /** Lower-case hex, of the whole content; null for all but files. */
  sha256: string | null;
  /** How many entries make up this file, `<path>.part-000001` first; null: one, named `path`. */
  parts: number | null;
  /** The file changed while it was read, which the configuration allowed. */
  changed: boolean;
}

/** A file in parts is listed under the name that they join to, with the size of all together. */
export interface ManifestEntry extends TarHeader, ManifestContent {}

interface ManifestStart {
  version: ManifestVersion;
  /** 32 bytes in hex. */
  random: string;
}

export interface ManifestEnd {
  /** Lines whose path is below `data/`. */
  entries: number;
  /** The sum of their sizes. */
  bytes: number;
  /** What was left out, by kind: socket, fifo, device, vanished. */
  skipped: Record<string, number>;
  /** False when something vanished or changed while it was read, or was cut off. */
  complete: boolean;
}

export type ManifestLine =
  | ({ kind: 'start' } & ManifestStart)
  | ({ kind: 'entry' } & ManifestEntry)
  | ({ kind: 'end' } & ManifestEnd);

export function encodeStart({ version, random }: ManifestStart): string {
  return `${JSON.stringify({ manifest: `depot.manifest/${version}`, random })}\n`;
}

/** Two arguments, since a merged object per file takes measurable time. */
export function encodeEntry(e: TarHeader, content: ManifestContent): string {
  let line = `{${named('path', e.path)},"type":"${e.type}","size":${e.size},"mode":"${e.mode.toString(8).padStart(4, '0')}","mtime":"${encodeTime(e.mtimeNs)}"`;
  if (content.sha256 !== null) line += `,"sha256":"${content.sha256}"`;
  if (e.linkTarget !== null) line += `,${named('linkTarget', e.linkTarget)}`;
  if (content.parts !== null) line += `,"parts":${content.parts}`;
  if (content.changed) line += ',"changed":true';
  return `${line}}\n`;
}

export function encodeEnd(end: ManifestEnd): string {
  return `${JSON.stringify({ entries: end.entries, bytes: end.bytes, skipped: end.skipped, complete: end.complete })}\n`;
}

/** Bytes as `"key":"text"` when they are UTF-8, else as `"keyBase64":"…"`. */
function named(key: string, bytes: ByteString): string {
  const text = toText(bytes);
  return text === null ? `"${key}Base64":"${btoa(bytes)}"` : `"${key}":${JSON.stringify(text)}`;
}

const YEAR_0 = -62_167_219_200;
const YEAR_10000 = 253_402_300_800;
const DAY = 86_400;

/** ISO 8601 with as many decimals as needed; `@<seconds>` for years that it does not write. */
function encodeTime(ns: bigint): string {
  const { seconds, fraction } = splitTime(ns);
  if (seconds < YEAR_0 || seconds >= YEAR_10000) return `@${paxTime(ns)}`;
  const day = Math.floor(seconds / DAY);
  const time = seconds - day * DAY;
  return `${dateOf(day)}T${twoDigits(time / 3600)}:${twoDigits((time / 60) % 60)}:${twoDigits(time % 60)}${fraction}Z`;
}

let lastDay = { day: NaN, date: '' };

/** `YYYY-MM-DD`; files that lie together are often of the same day. */
function dateOf(day: number): string {
  if (lastDay.day !== day) lastDay = { day, date: new Date(day * DAY * 1000).toISOString().slice(0, 10) };
  return lastDay.date;
}

function twoDigits(value: number): string {
  const whole = Math.floor(value);
  return whole < 10 ? `0${whole}` : String(whole);
}

/** One line, with or without its newline; unknown keys are allowed. @throws DepotError 'archive-refused' */
export function parseManifestLine(line: Uint8Array | string): ManifestLine {
  let json: unknown;
  try {
    json = JSON.parse(
      typeof line === 'string' ? line : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line),
    );
  } catch (cause) {
    throw new DepotError('archive-refused', 'the manifest holds a line that is not JSON', { cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed('line');
  const o = json as Record<string, unknown>;
  if ('manifest' in o) {
    const version = SCHEMAS[text(o, 'manifest', /^depot\.manifest\/\d+$/)];
    if (version === undefined) throw malformed('manifest');
    return { kind: 'start', version, random: text(o, 'random', sha256Pattern) };
  }
  if ('entries' in o)
    return {
      kind: 'end',
      entries: count(o, 'entries'),
      bytes: count(o, 'bytes'),
      skipped: skipped(o['skipped']),
      complete: flag(o, 'complete'),
    };
  const type = entryType(o['type']);
  const isFile = type === 'file';
  const isLink = type === 'symlink' || type === 'hardlink';
  const entry: ManifestEntry = {
    path: nameOf(o, 'path'),
    type,
    size: count(o, 'size'),
    mode: parseInt(text(o, 'mode', /^[0-7]{1,4}$/), 8),
    mtimeNs: parseTime(text(o, 'mtime', TIME)),
    sha256: isFile ? text(o, 'sha256', sha256Pattern) : null,
    linkTarget: isLink ? nameOf(o, 'linkTarget') : null,
    parts: isFile && o['parts'] !== undefined ? count(o, 'parts') : null,
    changed: o['changed'] === true,
  };
  if (!isFile && entry.size !== 0) throw malformed('size');
  if (entry.parts !== null && (entry.parts < 1 || entry.parts > MAX_PARTS)) throw malformed('parts');
  return { kind: 'entry', ...entry };
}

const TIME = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z|@-?\d{1,20}(?:\.\d{1,9})?)$/;

function parseTime(time: string): bigint {
  if (time.startsWith('@')) {
    const [whole = '', fraction = ''] = time.replace(/^@-?/, '').split('.');
    const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
    return time.startsWith('@-') ? -ns : ns;
  }
  const ms = Date.parse(`${time.slice(0, 19)}Z`);
  if (Number.isNaN(ms)) throw malformed('mtime');
  return BigInt(ms) * 1_000_000n + BigInt(time.slice(20, -1).padEnd(9, '0'));
}

function malformed(key: string): DepotError {
  return new DepotError('archive-refused', `the manifest holds a line with a missing or wrong ${key}`);
}

function text(o: Record<string, unknown>, key: string, pattern: RegExp): string {
  const value = o[key];
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(key);
  return value;
}

function count(o: Record<string, unknown>, key: string): number {
  const value = o[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(key);
  return value;
}

function flag(o: Record<string, unknown>, key: string): boolean {
  const value = o[key];
  if (typeof value !== 'boolean') throw malformed(key);
  return value;
}

function entryType(value: unknown): EntryType {
  if (value !== 'file' && value !== 'directory' && value !== 'symlink' && value !== 'hardlink') throw malformed('type');
  return value;
}

/** The value of `key` or of `keyBase64`: one of them, neither empty nor with a NUL. */
function nameOf(o: Record<string, unknown>, key: string): ByteString {
  const plain = o[key];
  const base64 = o[`${key}Base64`];
  let value: ByteString;
  if (typeof plain === 'string' && base64 === undefined) value = fromText(plain);
  else if (typeof base64 === 'string' && plain === undefined) {
    value = fromBase64(base64, key);
  } else throw malformed(key);
  if (value === '' || value.includes('\0')) throw malformed(key);
  return value;
}

/** Canonical base64 only: two texts must not mean the same name. */
function fromBase64(base64: string, key: string): ByteString {
  let bytes = '';
  try {
    bytes = atob(base64);
  } catch {
    throw malformed(key);
  }
  if (btoa(bytes) !== base64) throw malformed(key);
  return bytes as ByteString;
}

function skipped(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('skipped');
  const kinds = value as Record<string, unknown>;
  return Object.fromEntries(Object.keys(kinds).map((kind) => [kind, count(kinds, kind)]));
}
