import { orAborted } from '../abort.js';
import { DepotError } from '../errors.js';
import { Unreachable } from './dial.js';
import type { Lane } from './lanes.js';
import type { Link } from './link.js';
import type { Abandoned } from './types.js';

/** How long it is tried to remove the partial: someone may have pressed Ctrl-C. */
const abandonMs = 8000;

/** What is known of an upload that is given up. */
export interface GivenUp {
  /** Its first lane, while that is open. */
  open: Pick<Lane, 'channel' | 'handle'> | undefined;
  /** A connection was lost while the file was open, or may have been. */
  lost: boolean;
  /** The upload failed for want of a connection. */
  unreachable: boolean;
}

/** Removes the file of an upload that is given up, over the connection that there is, else over a new one. */
export async function removeAbandoned(
  remote: Link,
  name: string,
  { open, lost, unreachable }: GivenUp,
): Promise<Abandoned> {
  const remove = async (ms: number, wasLost: boolean): Promise<Abandoned> => {
    const removal = await remote.removePartial(name, AbortSignal.timeout(ms));
    const { lostFilesMayAppear, namesOpenFiles } = remote;
    // Where nobody saw it under its name while it was open, that it is not there proves nothing.
    const mayAppear =
      removal === 'absent' ? lostFilesMayAppear || (wasLost && namesOpenFiles === null) : lostFilesMayAppear && wasLost;
    return { removed: removal !== 'refused', mayAppear, ...(removal === 'absent' && { absent: true }) };
  };
  const { live } = remote;
  try {
    // Not behind megabytes of writes that wait in the socket: a new connection is faster.
    if (live && live.unsent < 1024 * 1024) {
      // It has its name only from its close on, and could not be removed before.
      if (remote.namesOpenFiles === false && open?.channel === live.channel)
        await orAborted(open.channel.close(open.handle), AbortSignal.timeout(abandonMs / 4)).catch(() => undefined);
      return await remove(abandonMs / 4, lost);
    }
  } catch {
    // It does not answer; perhaps another connection does.
  }
  live?.destroy();
  if (!live && unreachable) return { removed: false, mayAppear: false };
  try {
    return await remove(abandonMs, true);
  } catch {
    return { removed: false, mayAppear: false };
  }
}

/** The server cannot be reached, so that nothing is to be tidied up there either. */
export function isLost(error: unknown): boolean {
  return error instanceof DepotError && error.code === 'connection-lost' && error.cause instanceof Unreachable;
}
