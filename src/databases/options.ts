/** Which arguments depot.yaml may add to a program that dumps a database. */
import { printable } from '../printable.js';

/** `name` may be abbreviated, as most programs allow it. */
function isOrBegins(option: string, names: readonly string[]): string | undefined {
  return names.find((name) => name.startsWith(option));
}

/** Why options are as they are, by their names. */
export type Refused = Readonly<Record<string, string>>;

/** Where what is dumped would go to a disk, unencrypted. */
export const toDisk = 'it writes to a disk, unencrypted; depot takes the dump as it streams';
export const hasKey = 'it has its own key in depot.yaml';
export const changesDump = 'it would change how depot dumps and restores the database';
export const noDump = 'then nothing is dumped';

/**
 * Long options in one word each (`--exclude-table=audit`): of others one cannot see what belongs to which, and whether
 * `-f` is in it.
 */
export function longOptionProblem(
  option: string,
  refused: Refused,
  normal: (name: string) => string = (name) => name,
): string | null {
  const name = /^--([A-Za-z][\w-]*)(?:=[\s\S]*)?$/.exec(option)?.[1];
  if (name === undefined) return `'${printable(option)}': write long options, each as one word: --exclude-table=audit`;
  const found = isOrBegins(normal(name), Object.keys(refused));
  return found === undefined ? null : `'--${printable(name)}' cannot be used: ${refused[found]!}`;
}
