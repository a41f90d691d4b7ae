/**
 * From the close to the published name (DESIGN sections 5 and 7). Every answer can be lost here, and most
 * of them cannot be asked for again, so each loss is settled by looking; what a look does not settle is
 * `unconfirmed`, never a guess.
 */
import { DepotError } from '../errors.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { exists, renameRefused } from './refused.js';
import type { Remote } from './remote.js';
import { renameAgain, settle, type Pending } from './settle.js';
import { ConnectionLost, isStatus, refusal, SftpStatus, Status } from './status.js';
import type { Transfer } from './types.js';
import { confirm } from './upload.js';

/** An upload whose writes are all acknowledged and whose pending record is on disk. */
export interface Ready {
  remote: Remote;
  pending: Pending;
  /** Lane one first. */
  handles: { channel: SftpChannel; handle: Buffer }[];
  durability: Transfer['durability'];
}

export async function publish(ready: Ready): Promise<Transfer> {
  const { remote, pending } = ready;
  const closed = await close(ready);
  if (closed === 'gone') return unconfirmed(ready, 'the partial file vanished when it was closed', 'if the agent collects files at the close, set remote.publish: direct');
  if (closed === 'unknown') return unconfirmed(ready, 'the answer to the close was lost');
  if (remote.spec.publish === 'rename') {
    const renamed = await rename(ready);
    if (renamed !== 'published') return renamed;
  }
  return look(ready, pending.finalName);
}

type Closed = 'closed' | 'gone' | 'unknown';

async function close(ready: Ready): Promise<Closed> {
  const { remote, handles, pending } = ready;
  const [first, ...others] = handles;
  try {
    // Lane one last: a server may collect the file at its close.
    await Promise.all(others.map(({ channel, handle }) => channel.close(handle).then(() => channel.end(), (error: unknown) => {
      // A lane that is gone has been closed by the server; its writes were acknowledged.
      if (!(error instanceof ConnectionLost)) throw error;
    })));
    await first!.channel.close(first!.handle);
    return 'closed';
  } catch (error) {
    if (error instanceof SftpStatus) throw refusal(error, `close ${remote.path(pending.partialName)}`, { hint: 'ask the agent about quota and free space, then push again' });
    if (!(error instanceof ConnectionLost)) throw error;
  }
  try {
    return remote.spec.publish === 'direct' ? await lookAfterClose(ready) : await closeAgain(ready);
  } catch (error) {
    if (isBudgetSpent(error)) return 'unknown';
    throw error;
  }
}

/** The partial is still ours: open it, check it and close it once more. */
async function closeAgain(ready: Ready): Promise<Closed> {
  const { remote, pending } = ready;
  const path = remote.path(pending.partialName);
  try {
    return await remote.run(async (channel) => {
      const handle = await channel.open(path, OpenFlag.WRITE);
      ready.durability = await confirm(channel, handle, path, pending.bytes);
      await channel.close(handle);
      return 'closed' as const;
    });
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    if (isStatus(error, Status.NO_SUCH_FILE)) return 'gone';
    // It cannot be opened a second time here; whether the close worked shows in the rename.
    return 'closed';
  }
}

async function lookAfterClose({ remote, pending }: Ready): Promise<Closed> {
  const found = await remote.look(pending.finalName);
  if (found === null || found === 'unreadable') return 'unknown';
  if (found.size === pending.bytes) return 'closed';
  throw new DepotError('remote-refused', `after the connection was lost, ${remote.path(pending.finalName)} held ${found.size} of ${pending.bytes} octets`, { published: 'unknown', hint: 'tell the agent that this file is not whole, and push again' });
}

/** Plain rename, with a look at the target first. */
async function rename(ready: Ready): Promise<'published' | Transfer> {
  const { remote, pending } = ready;
  const finalPath = remote.path(pending.finalName);
  let sent = false;
  try {
    const { channel } = await remote.session();
    const target = await remote.look(pending.finalName);
    if (target !== null && target !== 'unreadable') throw exists(finalPath);
    sent = true;
    await channel.rename(remote.path(pending.partialName), finalPath);
    return 'published';
  } catch (error) {
    if (error instanceof SftpStatus) return renameFailed(ready, error);
    if (error instanceof ConnectionLost) return renameLost(ready);
    if (isBudgetSpent(error)) return unconfirmed(ready, sent ? 'the answer to the rename was lost' : 'the connection was lost before the rename');
    throw error;
  }
}

async function renameFailed(ready: Ready, error: SftpStatus): Promise<'published' | Transfer> {
  const { remote, pending } = ready;
  const finalPath = remote.path(pending.finalName);
  const seen = await settle(remote, pending).catch((failure: unknown) => {
    if (isBudgetSpent(failure)) return 'unknown' as const;
    throw failure;
  });
  if (seen === 'published') return 'published';
  if (isStatus(error, Status.NO_SUCH_FILE) || seen === 'gone') {
    return unconfirmed(ready, 'the partial file vanished before it could be renamed', 'if the agent collects files at the close, set remote.publish: direct');
  }
  const target = await remote.look(pending.finalName);
  throw target !== null && target !== 'unreadable' ? exists(finalPath, error) : renameRefused(error, finalPath);
}

async function renameLost(ready: Ready): Promise<'published' | Transfer> {
  try {
    const settled = await renameAgain(ready.remote, ready.pending);
    return settled === 'published' ? 'published' : unconfirmed(ready, 'the answer to the rename was lost');
  } catch (error) {
    if (isBudgetSpent(error)) return unconfirmed(ready, 'the answer to the rename was lost');
    throw error;
  }
}

/** What the published name shows; in SecureStorage, nothing. */
async function look(ready: Ready, finalName: string): Promise<Transfer> {
  const { remote, pending, durability } = ready;
  const found = await remote.look(finalName).catch(() => null);
  if (found !== null && found !== 'unreadable' && found.size !== pending.bytes) {
    throw new DepotError('remote-refused', `${remote.path(finalName)} has ${found.size} octets on the server instead of ${pending.bytes}`, { published: 'yes', hint: 'tell the agent that this file is not whole, and push again' });
  }
  return { status: 'acknowledged', remoteSize: found === null || found === 'unreadable' ? 'unreadable' : 'matched', durability, remoteName: finalName };
}

function unconfirmed({ pending, durability }: Ready, reason: string, hint?: string): Transfer {
  return { status: 'unconfirmed', remoteSize: 'unreadable', durability, remoteName: pending.finalName, reason, ...(hint === undefined ? {} : { hint }) };
}

/** Reconnecting failed for as long as it is tried, or may not be tried: nothing more can be found out now. */
function isBudgetSpent(error: unknown): boolean {
  return error instanceof DepotError && (error.code === 'connection-lost' || error.code === 'unreachable');
}
