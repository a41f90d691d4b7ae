/** From what commander parsed to typed values. A value that is wrong is a usage error that names it. */
import { statSync } from 'node:fs';
import type { TimeOfDay } from '../clock.js';
import { parseDuration, parseRate, parseSize } from '../config/values.js';
import { parseFingerprint } from '../names/fingerprint.js';
import type { Parsed } from '../names/parsed.js';
import { DepotError } from '../errors.js';
import { spelled } from '../suggest.js';
import { parseDepositId } from '../names/deposit.js';
import { toldSha256 } from '../names/digest.js';
import type { GlobalOptions } from './context.js';

/** Commander's `optsWithGlobals()`. */
export type Flags = Record<string, unknown>;

/** Exit 2; `hint` begins with a verb. */
export function usage(message: string, hint?: string): DepotError {
  return new DepotError('usage', message, { hint });
}

export function globals(flags: Flags): GlobalOptions {
  return { config: text(flags, 'config'), state: text(flags, 'state') };
}

/** The value of an option that takes one; undefined when it was not given. */
export function text(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  if (typeof value !== 'string') return undefined;
  if (value === '') throw usage(`${flagOf(name)} is empty`);
  return value;
}

/** The values of an option that may be repeated. */
export function list(flags: Flags, name: string): string[] {
  const value = flags[name];
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

export function given(flags: Flags, name: string): boolean {
  return flags[name] === true;
}

/** Standard output is for a program: one document, or lines with one at their end. */
export function isJson(flags: Flags): boolean {
  return given(flags, 'json') || given(flags, 'jsonEvents');
}

/** Whether `--no-<name>` was given. */
export function denied(flags: Flags, name: string): boolean {
  return flags[name] === false;
}

export function oneOf<T extends string>(flags: Flags, name: string, allowed: readonly T[]): T | undefined {
  const value = text(flags, name);
  if (value === undefined) return undefined;
  return isOneOf(value, allowed, flagOf(name));
}

/** `value`, when it is allowed. @throws DepotError 'usage', with what may have been meant; `what` names the flag or argument */
export function isOneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((a) => a === value);
  if (found === undefined)
    throw usage(
      `${what} must be one of ${allowed.join(', ')}, not "${value}"`,
      spelled(value, allowed, 'use one of them'),
    );
  return found;
}

/** A SHA-256 in hex, as the agent may give it. Returned in lower case. */
export function sha256(flags: Flags, name: string): string | undefined {
  const value = text(flags, name);
  if (value === undefined) return undefined;
  const hex = toldSha256(value);
  if (hex === null)
    throw usage(
      `${flagOf(name)} is a SHA-256 of 64 hexadecimal digits, not "${value}"`,
      'give all 64 digits, as sha256sum FILE prints them',
    );
  return hex;
}

/** A deposit's id, as receipts and the names of suitcases have it. */
export function depositId(flags: Flags, name: string): string | undefined {
  const value = text(flags, name);
  if (value === undefined || parseDepositId(value) !== null) return value;
  throw usage(
    `${flagOf(name)} is the id of a deposit, not "${value}"`,
    "use the beginning of the suitcase's name, such as acme-crm_20261122T003000Z_5f0c9a1e77b2d410",
  );
}

/** A full OpenPGP fingerprint, also in groups of four; returned in upper case. */
export function fingerprint(flags: Flags, name: string): string | undefined {
  return parsed(flags, name, parseFingerprint);
}

/** `2026-11-22` (its start in local time) or a time in ISO 8601. */
export function date(flags: Flags, name: string): Date | undefined {
  const value = text(flags, name);
  if (value === undefined) return undefined;
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  const at = day ? new Date(Number(day[1]), Number(day[2]) - 1, Number(day[3])) : new Date(value);
  const valid =
    !Number.isNaN(at.getTime()) && (!day || (at.getMonth() === Number(day[2]) - 1 && at.getDate() === Number(day[3])));
  if (!valid || !/^\d{4}-\d\d-\d\d/.test(value))
    throw usage(`${flagOf(name)} is a date like 2026-11-22, not "${value}"`, `for example: ${flagOf(name)} 2026-11-22`);
  return at;
}

/** `01:30`. */
export function clock(flags: Flags, name: string): TimeOfDay | undefined {
  const value = text(flags, name);
  if (value === undefined) return undefined;
  const m = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(value);
  if (!m)
    throw usage(`${flagOf(name)} is a time of day like 01:30, not "${value}"`, `for example: ${flagOf(name)} 01:30`);
  return { hour: Number(m[1]), minute: Number(m[2]) };
}

/** `90s`, `30m`, `20h`, `2d`, `2y`, in milliseconds. */
export function durationMs(flags: Flags, name: string): number | undefined {
  return parsed(flags, name, parseDuration);
}

/** `500MiB`, `2GiB`, `1000000`, in bytes. */
export function size(flags: Flags, name: string): number | undefined {
  return parsed(flags, name, parseSize);
}

/** `20MiB/s` in bytes per second, Infinity for `none`. */
export function rate(flags: Flags, name: string): number | undefined {
  return parsed(flags, name, parseRate);
}

function parsed<T>(flags: Flags, name: string, parse: (text: string) => Parsed<T>): T | undefined {
  const value = text(flags, name);
  if (value === undefined) return undefined;
  const result = parse(value);
  if ('wrong' in result) throw usage(`${flagOf(name)} ${JSON.stringify(value)}: ${result.wrong}`);
  return result.value;
}

/** Collects a repeatable option; for commander. */
export function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

/** What cannot be looked at is told when it is opened. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
