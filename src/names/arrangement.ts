import type { Parsed } from './parsed.js';

/** The name of an arrangement, which is part of file names on both sides. */
export const arrangementPattern = /^[a-z0-9][a-z0-9-]{0,40}$/;

export function parseArrangementName(text: string): Parsed<string> {
  return arrangementPattern.test(text)
    ? { value: text }
    : { wrong: 'use lower-case letters, digits and hyphens, at most 41 characters, not starting with a hyphen' };
}
