import type { Link } from './link.js';
import { exists, renameRefused } from './refused.js';
import { isStatus, SftpStatus, Status } from './status.js';
import type { Look } from './types.js';

/** A deposit whose bytes were all acknowledged, and whose name may or may not have been published. */
export interface Pending {
  partialName: string;
  finalName: string;
  /** Octets of the whole file. */
  bytes: number;
}

/**
 * `published`: the final name is there with the right size. `partial-there`: the complete partial is, so it
 * can be renamed. `gone`: neither, or the partial is not whole. `unknown`: the server does not let us see.
 */
export type Settled = 'published' | 'partial-there' | 'gone' | 'unknown';

/** What has become of a deposit whose last answers were lost: looks, and changes nothing. @throws DepotError of the connection */
export async function settle(remote: Link, pending: Pending, signal?: AbortSignal): Promise<Settled> {
  return judge(pending, await lookAtBoth(remote, pending, signal));
}

/** What lies at the two names of a deposit or sidecar. */
export interface Seen {
  final: Look;
  partial: Look;
}

/** In one round trip. */
async function lookAtBoth(remote: Link, { partialName, finalName }: Pending, signal?: AbortSignal): Promise<Seen> {
  const final = remote.look(finalName, signal);
  const partial = partialName === finalName ? final : remote.look(partialName, signal);
  const [seenFinal, seenPartial] = await Promise.all([final, partial]);
  return { final: seenFinal, partial: seenPartial };
}

function judge({ partialName, finalName, bytes }: Pending, { final, partial }: Seen): Settled {
  if (final !== null && final !== 'unreadable') return final.size === bytes ? 'published' : 'unknown';
  if (partialName === finalName) return final === null ? 'gone' : 'unknown';
  if (partial !== null && partial !== 'unreadable') return partial.size === bytes ? 'partial-there' : 'gone';
  return final === null && partial === null ? 'gone' : 'unknown';
}

/**
 * One more rename, with the look at the target that never overwriting asks for. What it is refused with says nothing when we cannot look:
 * an earlier rename may have worked. Throws what the server refuses where the partial is seen to lie there still.
 */
export async function renameAgain(remote: Link, pending: Pending, signal?: AbortSignal): Promise<Settled> {
  return rename(remote, pending, await lookAtBoth(remote, pending, signal), { signal, before: true });
}

/** The first rename: what the server refuses is refused. `there`: where both names were looked at a moment ago, and on the connection that is still there. */
export async function renameFirst(remote: Link, pending: Pending, there?: Seen): Promise<Settled> {
  return rename(remote, pending, there ?? (await lookAtBoth(remote, pending)));
}

async function rename(
  remote: Link,
  pending: Pending,
  there: Seen,
  { signal, before = false }: { signal?: AbortSignal | undefined; before?: boolean } = {},
): Promise<Settled> {
  const seen = judge(pending, there);
  if (seen === 'published' || seen === 'gone') return seen;
  if (there.final !== null && there.final !== 'unreadable') {
    // Nobody else has this name: ours, then, and not whole.
    if (before && there.partial === null) return 'unknown';
    throw exists(remote.path(pending.finalName));
  }
  let sent = before ? 1 : 0;
  try {
    await remote.run((channel) => {
      sent++;
      return channel.rename(remote.path(pending.partialName), remote.path(pending.finalName));
    }, signal);
    return 'published';
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    const after = await settle(remote, pending, signal);
    if (after === 'published') return 'published';
    if (isStatus(error, Status.NO_SUCH_FILE)) return after === 'gone' ? 'gone' : 'unknown';
    if (after === 'unknown' && sent > 1) return 'unknown';
    throw renameRefused(error, remote.path(pending.finalName));
  }
}
