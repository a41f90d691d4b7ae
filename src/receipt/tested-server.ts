/** What `doctor --write-test` found out about an arrangement's server, for the pushes that come after it. */
import { rm } from 'node:fs/promises';
import { localError, writeFileAtomic } from './files.js';
import type { ArrangementState } from './state.js';

/** A server that was seen to take parallel, out-of-order writes right. Another version of it, or another host key, is another server. */
export interface TestedServer {
  /** `SSH-2.0-…` */
  server: string;
  /** `ssh-ed25519 SHA256:…` */
  hostKey: string;
}

const schema = 'depot.server/1';
const name = 'server.json';

/** Remembers the server, or with null that none is known to be safe. `local-…` when the state directory does not take it. */
export async function rememberServer(state: ArrangementState, tested: TestedServer | null): Promise<void> {
  const file = state.file(name);
  if (tested !== null) return writeFileAtomic(file, `${JSON.stringify({ schema, server: tested.server, hostKey: tested.hostKey }, null, 2)}\n`);
  await rm(file, { force: true }).catch((error: unknown) => {
    throw localError(error, 'remove', file);
  });
}

/** Null when there is none, and when it cannot be understood: uploads then use one lane, which is slower and never wrong. */
export async function rememberedServer(state: ArrangementState): Promise<TestedServer | null> {
  try {
    const bytes = await state.readFile(name);
    if (bytes === null) return null;
    const found = JSON.parse(bytes.toString('utf8')) as Partial<TestedServer & { schema: string }> | null;
    if (found?.schema !== schema || typeof found.server !== 'string' || typeof found.hostKey !== 'string') return null;
    return { server: found.server, hostKey: found.hostKey };
  } catch {
    return null;
  }
}
