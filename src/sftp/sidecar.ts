import { randomBytes } from 'node:crypto';
import { DepotError } from '../errors.js';
import { isOutbound, type CoverBytes, type ReceiptBytes } from '../outbound.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import type { Link } from './link.js';
import { lookAt } from './look.js';
import { exists, explainCreate } from './refused.js';
import { renameAgain, renameFirst, type Settled } from './settle.js';
import { isStatus, refusal, SftpStatus, Status } from './status.js';

/** `unconfirmed`: the answer to the last step was lost, and the server does not let us look. */
export type Delivery = 'delivered' | 'already-there' | 'unconfirmed';

/** What an earlier run may have left of a sidecar: nothing, its partial, or (`publish: direct`) the beginning of the file itself too. */
export type Leftover = 'none' | 'partial' | 'file';

/**
 * A small file, all of it in memory: written under a partial name (with `publish: rename`), closed, renamed.
 * With `leftover: 'file'` what is there and shorter is ours (names hold the deposit's random id).
 */
export async function putSidecar(
  remote: Link,
  name: string,
  bytes: ReceiptBytes | CoverBytes,
  leftover: Leftover = 'none',
): Promise<Delivery> {
  requireOutbound(name, bytes);
  const begun = leftover === 'file';
  const there = await remote.look(name);
  if (there !== null && there !== 'unreadable') {
    // An earlier run delivered it and did not hear the answer: names hold the deposit's random id.
    if (there.size === bytes.length) return 'already-there';
    if (!begun || there.size > bytes.length || remote.spec.publish !== 'direct') throw exists(remote.path(name));
  }
  if (remote.spec.publish === 'direct') {
    // That run may have been one with `publish: rename`: its partial is ours, and nobody would come back to it.
    if (leftover !== 'none') await remote.removePartial(partialOf(name));
    return direct(remote, name, bytes, begun);
  }
  // Of an attempt before this one, on a connection that is gone, the partial may yet appear, and over what has its name then.
  let before = leftover !== 'none' || remote.stats.reconnects > 0 ? partialOf(name) : null;
  const partialName = await remote.run(async (channel) => {
    if (before !== null) await channel.remove(remote.path(before)).catch(ignoreStatus);
    const usual = before === null ? partialOf(name) : otherPartialOf(name);
    before = usual;
    // Until it is written.
    if (usual !== partialOf(name)) remote.lostPartials.add(usual);
    const written = await write(channel, remote, name, bytes, usual);
    remote.lostPartials.delete(usual);
    return written;
  });
  // What an earlier run renamed, and did not hear of, takes the name where we cannot look.
  const rename = leftover === 'none' ? renameFirst : renameAgain;
  return renamed(remote, name, await rename(remote, { partialName, finalName: name, bytes: bytes.length }));
}

/** Law 1 of docs/architecture.md, also where a cast fooled the compiler. */
export function requireOutbound(name: string, bytes: Uint8Array): void {
  if (!isOutbound(bytes)) throw new DepotError('internal', `bytes for ${name} are not marked as fit to leave`);
}

/** The name under which a sidecar is written first. */
export function partialOf(name: string): string {
  return `.${name}.partial`;
}

/** The same for another attempt. */
function otherPartialOf(name: string): string {
  return `.${name}.${randomBytes(4).toString('hex')}.partial`;
}

/** What the rename of a partial means for the sidecar `name`. */
export function renamed(remote: Link, name: string, settled: Settled): Delivery {
  if (settled === 'published') return 'delivered';
  if (settled === 'partial-there')
    throw new DepotError('remote-refused', `the server answered OK to renaming ${remote.path(name)} and did not do it`);
  return 'unconfirmed';
}

/** One attempt over one connection; the name under which the bytes now are. Another attempt takes another name. */
async function write(
  channel: SftpChannel,
  remote: Link,
  name: string,
  bytes: Uint8Array,
  usual: string,
): Promise<string> {
  let partialName = usual;
  let handle: Buffer;
  try {
    handle = await create(channel, remote.path(usual));
  } catch (error) {
    if (!isStatus(error, Status.FAILURE, Status.FILE_ALREADY_EXISTS, Status.PERMISSION_DENIED))
      throw await explain(channel, remote, usual, error);
    // What an interrupted attempt left. A server that lets us see but not remove it still takes another name.
    await channel.remove(remote.path(usual)).catch(ignoreStatus);
    partialName = otherPartialOf(name);
    handle = await create(channel, remote.path(partialName)).catch(async (again: unknown) => {
      throw await explain(channel, remote, partialName, again);
    });
  }
  await orRemove(channel, remote, partialName, writeAll(channel, handle, bytes));
  return partialName;
}

/** `publish: direct`: the exclusive create is at the name itself. */
async function direct(remote: Link, name: string, bytes: Uint8Array, begun: boolean): Promise<Delivery> {
  const path = remote.path(name);
  let attempted = begun;
  let lostHere = false;
  return remote.run(async (channel) => {
    const again = attempted;
    attempted = true;
    // A server that names files at their close would have the name twice, and put the older file over the newer. What an earlier run left has had its time.
    const lost = lostHere && remote.lostFilesMayAppear;
    lostHere = true;
    const handle = lost
      ? await lookForWhole(channel, path, bytes.length)
      : await create(channel, path).catch(async (error: unknown) => {
          // It was not there when we looked, and the name is random: what an attempt of ours began. ProFTPD says 'permission denied' of what exists.
          if (again && error instanceof SftpStatus) return takeUp(channel, remote, name, bytes.length, error);
          throw await explain(channel, remote, name, error);
        });
    if (handle === 'closed') return 'delivered';
    if (handle === 'gone' && lost)
      throw new DepotError(
        'connection-lost',
        `the connection was lost while ${path} was written, and the server does not show it whole`,
        { hint: 'push again, some minutes later' },
      );
    if (handle === 'gone') return 'unconfirmed';
    await orRemove(channel, remote, name, writeAll(channel, handle, bytes));
    return 'delivered';
  });
}

/** Our file to write again, unless its size shows that the close had worked; a new one where the server opens no file twice. `refusal` is that of its create. */
async function takeUp(
  channel: SftpChannel,
  remote: Link,
  name: string,
  size: number,
  refusal: SftpStatus,
): Promise<Buffer | 'closed' | 'gone'> {
  const path = remote.path(name);
  const found = await lookAt(channel, path);
  if (found === null) throw await explain(channel, remote, name, refusal);
  if (found !== 'unreadable' && found.size === size) return 'closed';
  try {
    return await channel.open(path, OpenFlag.WRITE);
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    if (found === 'unreadable') return 'gone';
  }
  await channel.remove(path).catch(ignoreStatus);
  return create(channel, path).catch(async (error: unknown) => {
    throw await explain(channel, remote, name, error);
  });
}

/** After a connection that was lost in this run, where another handle may have a file of its own: whole, or not touched again. */
async function lookForWhole(channel: SftpChannel, path: string, size: number): Promise<'closed' | 'gone'> {
  const found = await lookAt(channel, path);
  return found !== null && found !== 'unreadable' && found.size === size ? 'closed' : 'gone';
}

/** Exclusively: what is there is never written over. */
export function create(channel: SftpChannel, path: string): Promise<Buffer> {
  return channel.open(path, OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE);
}

/** A file that the server refused half way is not left to look like a whole one. */
export async function orRemove<T>(channel: SftpChannel, remote: Link, name: string, writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    await channel.remove(remote.path(name)).catch(() => undefined);
    throw refusal(error, `write ${remote.path(name)}`);
  }
}

async function writeAll(channel: SftpChannel, handle: Buffer, bytes: Uint8Array): Promise<void> {
  await writeBlocks(channel, handle, bytes);
  await channel.close(handle);
}

/** One WRITE after the other: sidecars seldom have two. */
export async function writeBlocks(channel: SftpChannel, handle: Buffer, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += channel.writeSize) {
    const end = Math.min(bytes.length, start + channel.writeSize);
    await new Promise<void>((resolve, reject) =>
      channel.write(handle, bytes, start, end, start, (error) => (error ? reject(error) : resolve())),
    );
  }
}

async function explain(channel: SftpChannel, remote: Link, name: string, error: unknown): Promise<unknown> {
  return error instanceof SftpStatus ? await explainCreate(channel, remote, name, error) : error;
}

/** For a step that may be refused, as opposed to one that was not answered. */
export function ignoreStatus(error: unknown): void {
  if (!(error instanceof SftpStatus)) throw error;
}
