/**
 * Command lines to type next. A message has them between « and »: `run: «depot push acme-crm»`. When it is printed, the marks
 * go and the line gets the `--config` and `--state` of this run, so that it works as typed. `«depot …»` is this very run. What has to run
 * as the account that pushes gets `runuser -u depot --` before it, if this account is another, or if this run was started so.
 */
import { calledBy } from '../accounts.js';
import { typedWord } from '../shell.js';

/** The commands that look for a configuration and a state; the others have files named. */
const placed =
  /\bdepot (?:init|doctor|push|status|runs|config check|receipts|report|kit|key add|trust|login|logout|schedule)\b/;
/** The commands that use the state, where a file of another account's would stop the next push. */
const usesState = /^depot (?:push|doctor|status|receipts)\b/;
/** Only command lines: people and companies have such quotation marks in their names, and names are shown as they are. */
const marked =
  /«((?:depot|sudo|runuser|setpriv|ls|chown|chgrp|chmod|mkdir|install|useradd|setfacl|icacls|mv|rm|dir|move|cmd|powershell|crontab|systemctl|findmnt) [^«»]*)»/g;
/** A line that is longer than this is one of a script, and is read there. */
const longest = 300;

export class TypedLines {
  readonly #places: string;
  readonly #again: string;
  /** Before what uses the state: `runuser -u depot -- `. */
  #as: string;

  constructor(argv: readonly string[], called = calledBy()) {
    this.#as = called;
    const place = (flag: string): string => {
      const value = lastValue(argv, flag);
      return value === undefined ? '' : ` ${flag} ${typedWord(value)}`;
    };
    this.#places = place('--config') + place('--state');
    const again = ['depot', ...argv.map((word) => typedWord(word))].join(' ');
    this.#again = again.length > longest ? 'depot …' : again;
  }

  /** Another account pushes than this one; `as` is what to type before a line of its. */
  pushesAs(as: string): void {
    this.#as = as;
  }

  /** `text` with its command lines as they are to be typed. */
  complete(text: string): string {
    return unmarked(this.fill(text));
  }

  /** The same with the marks still there, for whoever breaks lines. */
  fill(text: string): string {
    return text.includes('«') ? text.replace(marked, (_, line: string) => `«${this.#complete(line)}»`) : text;
  }

  #complete(line: string): string {
    const whole = this.#withPlaces(line);
    return usesState.test(whole) ? `${this.#as}${whole}` : whole;
  }

  #withPlaces(line: string): string {
    if (line.endsWith('depot …')) return `${line.slice(0, -'depot …'.length)}${this.#again}`;
    return placed.test(line) && !/ --(?:config|state|help)\b/.test(line) ? `${line}${this.#places}` : line;
  }
}

export function unmarked(text: string): string {
  return text.replace(marked, '$1');
}

function lastValue(argv: readonly string[], flag: string): string | undefined {
  let found: string | undefined;
  for (const [i, word] of argv.entries()) {
    if (word === '--') break;
    if (word === flag) found = argv[i + 1];
    else if (word.startsWith(`${flag}=`)) found = word.slice(flag.length + 1);
  }
  return found === '' ? undefined : found;
}
