/** `strays.json`: names that may yet appear at the agent, when its server notices that a connection was lost. */
import * as v from 'valibot';
import { printable } from '../printable.js';
import { writeFileAtomic } from '../durable-file.js';
import { parseDepositId, parsePartialName, parseSuitcaseName } from '../names/deposit.js';
import type { ArrangementState } from './arrangement-state.js';

export interface Stray {
  /** Of an upload that was given up: nothing is ever deposited under it. */
  name: string;
  /** Where: it is looked for at the same place only. */
  server: { account: string; directory: string };
  /** When it was given up, ISO 8601 in UTC. */
  since: string;
}

const name = 'strays.json';
const schema = v.object({
  schema: v.literal('depot.strays/1'),
  strays: v.array(
    v.object({ name: v.string(), server: v.object({ account: v.string(), directory: v.string() }), since: v.string() }),
  ),
});
/** More than ever come together; the oldest are the least likely. */
const most = 200;

/** Oldest first; `unreadable` says why there may be more. */
export async function readStrays(state: ArrangementState): Promise<{ strays: Stray[]; unreadable: string | null }> {
  try {
    const bytes = await state.readFile(name);
    if (bytes === null) return { strays: [], unreadable: null };
    const { strays } = v.parse(schema, JSON.parse(bytes.toString('utf8')));
    // They are looked for and removed at the server: nothing but files of this arrangement's uploads.
    return {
      strays: strays.filter(
        (one) => depositOf(one.name, state.arrangement) !== null && !Number.isNaN(Date.parse(one.since)),
      ),
      unreadable: null,
    };
  } catch (error) {
    return {
      strays: [],
      unreadable: `${state.file(name)}: ${printable(error instanceof Error ? error.message : String(error))}`,
    };
  }
}

/** In place of those before. `local-disk-full`, `local-not-writable`. */
export async function writeStrays(state: ArrangementState, strays: readonly Stray[]): Promise<void> {
  await writeFileAtomic(
    state.file(name),
    `${JSON.stringify({ schema: 'depot.strays/1', strays: strays.slice(-most) }, null, 2)}\n`,
  );
}

/** The deposit whose suitcase or partial has this name; null when it is none of this arrangement's. */
export function depositOf(stray: string, arrangement: string): string | null {
  const depositId = (parseSuitcaseName(stray) ?? parsePartialName(stray))?.depositId;
  return depositId !== undefined && parseDepositId(depositId)?.arrangement === arrangement ? depositId : null;
}
