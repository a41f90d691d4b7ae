/** What a value of a YAML file may be. A check reports at the value's place what is wrong with it. */
import { printable } from '../printable.js';
import { didYouMean } from '../suggest.js';
import type { Check } from './document.js';
import type { Parsed } from '../names/parsed.js';

/** Text without NUL, not empty. Numbers and booleans count as what was typed when `lenient`. */
export function text(o: { lenient?: boolean; empty?: boolean } = {}): Check<string> {
  return (value) => {
    const scalar = value.scalar;
    if (scalar?.value === undefined || scalar.value === null)
      return value.report(`expected text, found ${value.shown}`);
    if (typeof scalar.value !== 'string' && o.lenient !== true)
      return value.report(`expected text, found ${value.shown}; put it in quotes`);
    const found = typeof scalar.value === 'string' ? scalar.value : scalar.source;
    if (found.includes('\0')) return value.report('text cannot hold a NUL');
    if (found === '' && o.empty !== true) return value.report('expected text, found an empty one');
    return found;
  };
}

/** Text of one line that is shown to people: no control characters. */
export const line: Check<string> = (value) => {
  const found = text()(value);
  if (found === null) return null;
  if (printable(found) !== found) return value.report(`no control characters here: ${value.shown}`);
  return found.trim() === '' ? value.report('expected text, found only spaces') : found;
};

/** Text (or a number as it was typed) that `parse` understands. */
export function parsed<T>(parse: (text: string) => Parsed<T>): Check<T> {
  return (value) => {
    const found = text({ lenient: true })(value);
    if (found === null) return null;
    const result = parse(found);
    return 'wrong' in result ? value.report(`${value.shown}: ${result.wrong}`) : result.value;
  };
}

export const truth: Check<boolean> = (value) => {
  const found = value.scalar?.value;
  return typeof found === 'boolean' ? found : value.report(`expected true or false, found ${value.shown}`);
};

/** From `least` to `most`, both included. */
export function wholeNumber(least: number, most: number): Check<number> {
  return (value) => {
    const found = value.scalar?.value;
    if (typeof found === 'number' && Number.isInteger(found) && found >= least && found <= most) return found;
    return value.report(`expected a whole number from ${least} to ${most}, found ${value.shown}`);
  };
}

/** One of these words; another is reported with what may have been meant. */
export function oneOf<const T extends string>(...choices: T[]): Check<T> {
  return (value) => {
    const found = value.scalar?.value;
    if (typeof found === 'string' && (choices as string[]).includes(found)) return found as T;
    return value.report(
      `expected ${choices.join(', ')}, found ${value.shown}${typeof found === 'string' ? didYouMean(found, choices) : ''}`,
    );
  };
}

/** A path of this machine → absolute: relative to the file that it stands in, `~/` is the caller's home. */
export const localPath: Check<string> = (value) => {
  const found = text()(value);
  if (found === null) return null;
  const { paths, home, directory } = value.file;
  if (!found.startsWith('~')) return paths.resolve(directory, found);
  if (found !== '~' && found[1] !== '/' && found[1] !== paths.sep)
    return value.report(`${value.shown}: only ~/ is expanded, not the homes of others`);
  if (home === undefined) return value.report(`${value.shown}: this account has no home directory`);
  return paths.resolve(home, found.slice(2));
};

/** At least one member; null when any of them is wrong. */
export function list<T>(check: Check<T>): Check<T[]> {
  return (value) => {
    const items = value.items;
    if (items === undefined) return value.report(`expected a list, found ${value.shown}`);
    if (items.length === 0) return value.report('expected a list with at least one member');
    const found = items.map(check);
    return found.includes(null) ? null : (found as T[]);
  };
}

/** A program and its arguments; no shell will see them. */
export const commandLine: Check<string[]> = (value) => {
  if (value.scalar !== undefined && value.scalar.value !== null) {
    return value.report(
      `a command is a list, since no shell takes it apart: [${value.scalar.source.trim().split(/\s+/).slice(0, 6).map(printable).join(', ')}]`,
    );
  }
  const words = list(text({ lenient: true, empty: true }))(value);
  return words?.[0] === '' ? value.report('the first member of a command is a program') : words;
};
