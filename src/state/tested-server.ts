/** What `doctor --write-test` found out about a server, for the pushes and the doctor that come after it. */
import * as v from 'valibot';
import { writeFileAtomic } from '../durable-file.js';
import type { ArrangementState } from './arrangement-state.js';

/** Another version of a server, or another host key, is another server. */
export interface TestedServer {
  /** `SSH-2.0-…` */
  server: string;
  /** `ssh-ed25519 SHA256:…` */
  hostKey: string;
}

/** Up to version 3, `safe` could rest on sizes alone. */
const schema = 'depot.server/4';
const recordSchema = v.object({
  server: v.string(),
  hostKey: v.string(),
  /** `user@host:port`: another account may be allowed other things. */
  account: v.optional(v.string(), ''),
  /** Where the test files were written. */
  directory: v.string(),
  /** When it ended, ISO 8601 in UTC. */
  at: v.pipe(
    v.string(),
    v.check((at) => !Number.isNaN(Date.parse(at))),
  ),
  /** What failed, for people; empty when it passed. */
  failed: v.array(v.string()),
  /** How the server took parallel writes: right, wrong, or over one channel only; null when that did not show. */
  lanes: v.optional(v.nullable(v.picklist(['safe', 'unsafe', 'one channel'])), null),
});
export type WriteTestRecord = v.InferOutput<typeof recordSchema>;

const name = 'server.json';

/** In place of the one before. `local-…` when the state directory does not take it. */
export async function rememberWriteTest(
  state: ArrangementState,
  { server, hostKey, account, directory, at, failed, lanes }: WriteTestRecord,
): Promise<void> {
  await writeFileAtomic(
    state.file(name),
    `${JSON.stringify({ schema, server, hostKey, account, directory, at, failed, lanes }, null, 2)}\n`,
  );
}

/** Null when there was none, and when the record cannot be understood: then it counts as none. */
export async function lastWriteTest(state: ArrangementState): Promise<WriteTestRecord | null> {
  try {
    const bytes = await state.readFile(name);
    if (bytes === null) return null;
    const found = JSON.parse(bytes.toString('utf8')) as { schema?: unknown } | null;
    return found?.schema === schema ? v.parse(recordSchema, found) : null;
  } catch {
    return null;
  }
}

/** The server that may get several lanes, or the one that must not; neither where nothing is known. */
export async function lanesSeen(
  state: ArrangementState,
): Promise<{ laneSafe?: TestedServer; oneLane?: TestedServer & { because: 'unsafe' | 'one channel' } }> {
  const test = await lastWriteTest(state);
  if (test === null || test.lanes === null) return {};
  const { server, hostKey, lanes } = test;
  return lanes === 'safe' ? { laneSafe: { server, hostKey } } : { oneLane: { server, hostKey, because: lanes } };
}
