/** What `doctor --write-test` found out about an arrangement's server, for the pushes and the doctor that come after it. */
import { writeFileAtomic } from './files.js';
import type { ArrangementState } from './state.js';

/** Another version of a server, or another host key, is another server. */
export interface TestedServer {
  /** `SSH-2.0-…` */
  server: string;
  /** `ssh-ed25519 SHA256:…` */
  hostKey: string;
}

export interface WriteTestRecord extends TestedServer {
  /** Where the test files were written. */
  directory: string;
  /** When it ended, ISO 8601 in UTC. */
  at: string;
  /** What failed, for people; empty when it passed. */
  failed: string[];
  /** The server was seen to take parallel, out-of-order writes right. */
  laneSafe: boolean;
}

const schema = 'depot.server/2';
const name = 'server.json';

/** In place of the one before. `local-…` when the state directory does not take it. */
export async function rememberWriteTest(state: ArrangementState, { server, hostKey, directory, at, failed, laneSafe }: WriteTestRecord): Promise<void> {
  await writeFileAtomic(state.file(name), `${JSON.stringify({ schema, server, hostKey, directory, at, failed, laneSafe }, null, 2)}\n`);
}

/** Null when there was none, and when the record cannot be understood: then it counts as none. */
export async function lastWriteTest(state: ArrangementState): Promise<WriteTestRecord | null> {
  try {
    const bytes = await state.readFile(name);
    if (bytes === null) return null;
    const found = JSON.parse(bytes.toString('utf8')) as Partial<WriteTestRecord & { schema: string }> | null;
    if (found?.schema !== schema) return null;
    const { server, hostKey, directory, at, failed, laneSafe } = found;
    if (typeof server !== 'string' || typeof hostKey !== 'string' || typeof directory !== 'string' || typeof laneSafe !== 'boolean') return null;
    if (typeof at !== 'string' || Number.isNaN(Date.parse(at)) || !Array.isArray(failed) || !failed.every((what) => typeof what === 'string')) return null;
    return { server, hostKey, directory, at, failed, laneSafe };
  } catch {
    return null;
  }
}

/** The server that may get several lanes; null when none is known to be safe: uploads then use one, which is slower and never wrong. */
export async function laneSafeServer(state: ArrangementState): Promise<TestedServer | null> {
  const test = await lastWriteTest(state);
  return test?.laneSafe === true ? { server: test.server, hostKey: test.hostKey } : null;
}
