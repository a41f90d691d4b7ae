import type { Link } from './link.js';
import { exists, renameRefused } from './refused.js';
import { isStatus, SftpStatus, Status } from './status.js';

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
  const { partialName, finalName, bytes } = pending;
  const final = await remote.look(finalName, signal);
  if (final !== null && final !== 'unreadable') return final.size === bytes ? 'published' : 'unknown';
  if (partialName === finalName) return final === null ? 'gone' : 'unknown';
  const partial = await remote.look(partialName, signal);
  if (partial !== null && partial !== 'unreadable') return partial.size === bytes ? 'partial-there' : 'gone';
  return final === null && partial === null ? 'gone' : 'unknown';
}

/**
 * One more rename, with the look at the target that never overwriting asks for. An answer "no such file"
 * says nothing when we cannot look: an earlier rename may have worked. Throws what the server refuses.
 */
export async function renameAgain(remote: Link, pending: Pending, signal?: AbortSignal): Promise<Settled> {
  const seen = await settle(remote, pending, signal);
  if (seen === 'published' || seen === 'gone') return seen;
  const target = await remote.look(pending.finalName, signal);
  if (target !== null && target !== 'unreadable') throw exists(remote.path(pending.finalName));
  try {
    await remote.run((channel) => channel.rename(remote.path(pending.partialName), remote.path(pending.finalName)), signal);
    return 'published';
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    const after = await settle(remote, pending, signal);
    if (after === 'published') return 'published';
    if (isStatus(error, Status.NO_SUCH_FILE)) return after === 'gone' ? 'gone' : 'unknown';
    throw renameRefused(error, remote.path(pending.finalName));
  }
}
