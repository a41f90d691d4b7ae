import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections and to whoever asks for any (Linux from 32,768), in a part
 * for each of the processes that run tests side by side. A server that is stopped, and must then not be reachable or come
 * back at the same port, would sooner or later find another test's server there.
 */
const LOWEST = 12_000;
const FOR_EACH = 1_200;
const PROCESSES = 16;
const first = LOWEST + (Number(process.env.VITEST_POOL_ID ?? 0) % PROCESSES) * FOR_EACH;
// Files run one after the other in such a process, each with this module anew.
let next = process.pid % FOR_EACH;

/** A loopback port on which nothing listens. It is not given out again soon, and to nobody else. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < FOR_EACH; tried++) {
    const port = first + next;
    next = (next + 1) % FOR_EACH;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${first} to ${first + FOR_EACH - 1}`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
