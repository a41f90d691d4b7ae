import type { TimeOfDay } from '../../clock.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';

/** What is scheduled, whatever by. */
export interface Job {
  /** Program and arguments of the push; no shell. */
  command: string[];
  /** The same of the look at how things stand. */
  status: string[];
  /** What makes a command find this configuration and state from anywhere. */
  places: string[];
  /** When the push is tried, the first one first. */
  tries: TimeOfDay[];
  /** `notify` or `ping` tells somebody what the look finds. */
  told: boolean;
  /** Where the look writes metrics. */
  metrics?: string | undefined;
  /** The account; undefined leaves it to the reader. */
  user: string | undefined;
  configDirectory: string;
  stateDirectory: string;
  /** For descriptions: `acme-crm`, or `all arrangements`. */
  what: string;
  /** What root types first: the account, and its access to what it needs. */
  prepare: string[];
  /** Credentials that systemd has for depot on this machine. */
  credentials: { name: string; file: string; encrypted: boolean }[];
  /** Windows: it is the account that prints this. */
  ownAccount?: boolean;
  /** Where the files go; undefined for standard output. */
  out?: string | undefined;
  requires?: string | undefined;
  onFailure?: string | undefined;
}

/**
 * Refuses what a schedule cannot carry: a crontab, a unit file and the lines that root pastes know no line break inside a
 * word, and one would begin a line of its own there; what cannot be seen would be pasted unseen.
 *
 * @throws DepotError 'usage'
 */
export function requireOneLine(job: Job): void {
  const words = [
    ...job.command,
    ...job.status,
    job.configDirectory,
    job.stateDirectory,
    job.user ?? '',
    job.out ?? '',
    ...job.prepare,
  ];
  const odd = words.find((word) => printable(word) !== word);
  if (odd !== undefined)
    throw usage(
      `'${printable(odd)}' contains a line break or another control character, which a schedule cannot contain`,
      'rename that file or directory',
    );
}

/** For a monitor, which has neither this directory nor this environment. */
export function monitorLine({ places }: Job): string {
  return `«depot status --max-age 26h ${places.map((word) => shellWord(word)).join(' ')}»`;
}

/** A file to make, and what to type then. */
export interface Printed {
  files: { path: string; contents: string }[];
  paste: string[];
}
