/** What a server's refusal means at each step: more than its status says, where a look can tell. */
import { DepotError } from '../errors.js';
import type { SftpChannel } from './channel.js';
import { address } from './hostkeys.js';
import type { Link } from './link.js';
import { isSeen, statFile } from './stat.js';
import { isDenied, isStatus, orRefusal, refusal, SftpStatus, Status } from './status.js';

/** Creates a file; its handle. @throws DepotError saying why the server refused */
export async function createFile(channel: SftpChannel, remote: Link, name: string): Promise<Buffer> {
  const handle = await orRefusal(channel.create(remote.path(name)));
  if (handle instanceof SftpStatus) throw await explainCreate(channel, remote, name, handle);
  return handle;
}

/** A refused exclusive create in words. FAILURE is "it exists" and much else in version 3; a look tells which. */
export async function explainCreate(
  channel: SftpChannel,
  remote: Link,
  name: string,
  error: SftpStatus,
): Promise<DepotError> {
  const path = remote.path(name);
  const what = `create ${path}`;
  if (isStatus(error, Status.NO_SUCH_FILE)) return noDirectory(remote, error);
  if (!isStatus(error, Status.FAILURE)) return refusal(error, what);
  const found = await statFile(channel, path);
  if (isSeen(found))
    return new DepotError('remote-exists', `${path} already exists`, {
      published: 'no',
      hint: 'push again; depot never overwrites',
      cause: error,
    });
  if (found === null && (await statFile(channel, remote.directory)) === null) return noDirectory(remote, error);
  const space = await channel.space(remote.directory);
  if (space && (space.freeBytes === 0 || space.freeFiles === 0)) return fullDisk(remote, error);
  return new DepotError(
    'remote-refused',
    `the server refused to ${what}: it exists already, or is not allowed; the server does not say which`,
    { published: 'no', hint: 'run: «depot doctor»', cause: error },
  );
}

function noDirectory(remote: Link, cause: unknown): DepotError {
  return new DepotError('remote-no-directory', `there is no directory ${remote.directory} on ${address(remote.spec)}`, {
    published: 'no',
    hint: 'check remote.directory with the agent',
    cause,
  });
}

/** `statvfs@openssh.com` says that there is no room: the one refusal whose cause is known. */
export function fullDisk(remote: Link, cause: unknown): DepotError {
  return new DepotError('remote-no-space', `the disk of ${address(remote.spec)} is full`, {
    published: 'no',
    hint: 'ask the agent for space, then push again',
    cause,
  });
}

/** A look showed a file at a name that we were about to take. */
export function exists(path: string, cause?: unknown): DepotError {
  return new DepotError('remote-exists', `${path} already exists, and depot never overwrites`, {
    published: 'no',
    hint: 'see what is there, then push again',
    cause,
  });
}

/** A rename that was answered, and not with OK, while a look shows no file at `path`. */
export function renameRefused(error: SftpStatus, path: string): DepotError {
  const hint = 'if this server forbids renaming, set remote.publish: direct';
  if (isDenied(error))
    return new DepotError('remote-permission', `the server does not allow renaming to ${path}`, {
      published: 'no',
      hint,
      cause: error,
    });
  return refusal(error, `rename to ${path}`, { hint });
}
