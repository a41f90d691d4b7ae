import type { Tree } from './nights-data.js';
import type { Bench } from './peers.js';

export interface Contender {
  /** Begins with `depot` when it is ours. */
  name: string;
  needs?: string[];
  /** Bash, not measured: one of the nights before the one that is measured, from 1 on. */
  earlier?(night: number): string;
  /** Bash, not measured, before each run. */
  before?(): string;
  script(run: string): string;
  /** Bash, not measured, after each run: fails when what came out is wrong. */
  check?(): string;
  /** Between two runs. */
  clean?(): void;
  /** After the last. */
  end?(): void;
  /** A directory at the server that grows by what is sent, if not all of the server's. */
  stored?: string;
  /** A directory with what the tool keeps on this machine from one night to the next. */
  local?: string;
}

export interface Case {
  name: string;
  /** Of the dataset; leaves MiB/s out when there is none. */
  mebibytes?: number;
  roundTripMs?: number;
  megabits?: number;
  /** Instead of `--runs`. */
  runs?: number;
  /** A tree that is made anew and changes between the nights: so many earlier ones, then another change, or none. */
  nights?: { tree(bench: Bench): Tree; earlier: number; changes: boolean };
  contenders(bench: Bench): Contender[];
}
