/**
 * The agent's SecureStorage, for the demo: a real SFTP server on a loopback port of this machine. A user name and a
 * password let one supplier in, to one directory. Once an upload has its final name, the supplier no longer sees it.
 */
import { timingSafeEqual, createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { basename, join, posix } from 'node:path';
import ssh2, { type Attributes, type Connection, type SFTPWrapper } from 'ssh2';

export interface SecureStorage {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** The remote directory. */
  readonly directory: string;
  /** Of the host key: `SHA256:…`. */
  readonly fingerprint: string;
  /** Names that the supplier still sees. */
  visible(): string[];
  /** Names that the agent has taken in, and where they lie on this machine. */
  collected(): string[];
  readonly vault: string;
  stop(): Promise<void>;
}

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;
const incoming = '/incoming';

/** ssh2 writes about one Ed25519 key in two hundred in a way that it cannot read again. */
function newHostKey(): ReturnType<typeof ssh2.utils.generateKeyPairSync> {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/** Starts the server; it keeps its files below `directory`, which must exist and be empty. */
export async function startSecureStorage(
  directory: string,
  account: { username: string; password: string },
): Promise<SecureStorage> {
  const drop = join(directory, 'incoming');
  const vault = join(directory, 'vault');
  for (const d of [drop, vault]) mkdirSync(d, { mode: 0o700 });
  const hostKey = newHostKey();
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey.private], ident: 'SecureStorage' }, (connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    // A client that goes away without a word is no failure of the storage.
    connection.on('error', () => undefined);
    connection.on('authentication', (attempt) => {
      if (
        attempt.method === 'password' &&
        attempt.username === account.username &&
        same(attempt.password, account.password)
      )
        attempt.accept();
      else attempt.reject(['password']);
    });
    connection.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => serve(acceptSftp(), drop, vault));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const parsed = ssh2.utils.parseKey(hostKey.public);
  if (parsed instanceof Error) throw parsed;
  return {
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
    ...account,
    directory: incoming,
    fingerprint: `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=+$/, '')}`,
    visible: () => readdirSync(drop).sort(),
    collected: () => readdirSync(vault).sort(),
    vault,
    async stop() {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers the requests of one SFTP channel. Everything is synchronous: one request is done before the next one starts. */
function serve(sftp: SFTPWrapper, drop: string, vault: string): void {
  const open = new Map<number, { file: number } | { names: string[] }>();
  let nextHandle = 1;
  const newHandle = (what: { file: number } | { names: string[] }): Buffer => {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(nextHandle);
    open.set(nextHandle++, what);
    return id;
  };
  const handle = (id: Buffer) => (id.length === 4 ? open.get(id.readUInt32BE()) : undefined);
  const fileOf = (id: Buffer): number => {
    const found = handle(id);
    if (found === undefined || !('file' in found)) throw new Refusal(STATUS_CODE.FAILURE);
    return found.file;
  };
  /** Where a remote path lies here; only names directly in the one directory exist. */
  const local = (path: string): string => {
    const full = posix.resolve(incoming, path);
    if (posix.dirname(full) !== incoming) throw new Refusal(STATUS_CODE.PERMISSION_DENIED);
    return join(drop, posix.basename(full));
  };
  /** Answers these requests; what `work` throws becomes the status that an SFTP server would give. */
  const answer = (event: string, work: (request: number, ...what: never[]) => void): void => {
    (sftp as EventEmitter).on(event, (request: number, ...what: unknown[]) => {
      try {
        work(request, ...(what as never[]));
      } catch (error) {
        sftp.status(request, statusOf(error));
      }
    });
  };
  const done = (request: number) => sftp.status(request, STATUS_CODE.OK);

  answer('OPEN', (request, path: string, flags: number) => {
    const name = local(path);
    if ((flags & OPEN_MODE.WRITE) === 0) throw new Refusal(STATUS_CODE.PERMISSION_DENIED);
    // The name of a finished upload stays taken, although it can no longer be seen.
    if (existsSync(join(vault, basename(name)))) throw new Refusal(STATUS_CODE.FAILURE);
    const create = (flags & OPEN_MODE.CREAT) !== 0;
    const mode = !create ? 'r+' : (flags & OPEN_MODE.EXCL) !== 0 ? 'wx' : 'w';
    sftp.handle(request, newHandle({ file: openSync(name, mode, 0o600) }));
  });
  answer('WRITE', (request, id: Buffer, offset: number, data: Buffer) => {
    writeSync(fileOf(id), data, 0, data.length, offset);
    done(request);
  });
  answer('FSTAT', (request, id: Buffer) => sftp.attrs(request, attributes(fstatSync(fileOf(id)))));
  for (const event of ['STAT', 'LSTAT']) {
    answer(event, (request, path: string) => {
      const full = posix.resolve(incoming, path);
      sftp.attrs(request, attributes(statSync(full === incoming || full === '/' ? drop : local(path))));
    });
  }
  answer('CLOSE', (request, id: Buffer) => {
    const found = handle(id);
    if (found === undefined) throw new Refusal(STATUS_CODE.FAILURE);
    open.delete(id.readUInt32BE());
    if ('file' in found) {
      fsyncSync(found.file);
      closeSync(found.file);
    }
    done(request);
  });
  answer('RENAME', (request, from: string, to: string) => {
    const name = basename(local(to));
    if (existsSync(join(drop, name)) || existsSync(join(vault, name))) throw new Refusal(STATUS_CODE.FAILURE);
    // A name without a dot in front is a finished upload: the agent takes it in at once.
    renameSync(local(from), join(name.startsWith('.') ? drop : vault, name));
    done(request);
  });
  answer('REMOVE', (request, path: string) => {
    rmSync(local(path));
    done(request);
  });
  answer('REALPATH', (request, path: string) => {
    sftp.name(request, [{ filename: posix.resolve(incoming, path), longname: '', attrs: attributes(statSync(drop)) }]);
  });
  answer('OPENDIR', (request, path: string) => {
    if (posix.resolve(incoming, path) !== incoming) throw new Refusal(STATUS_CODE.PERMISSION_DENIED);
    sftp.handle(request, newHandle({ names: readdirSync(drop) }));
  });
  answer('READDIR', (request, id: Buffer) => {
    const found = handle(id);
    if (found === undefined || !('names' in found)) throw new Refusal(STATUS_CODE.FAILURE);
    if (found.names.length === 0) throw new Refusal(STATUS_CODE.EOF);
    const row = (filename: string) => ({
      filename,
      longname: filename,
      attrs: attributes(statSync(join(drop, filename))),
    });
    sftp.name(request, found.names.splice(0).map(row));
  });
  const refuse = (events: string[], status: number): void => {
    for (const event of events)
      answer(event, () => {
        throw new Refusal(status);
      });
  };
  refuse(['READ', 'READLINK', 'MKDIR', 'RMDIR', 'SYMLINK'], STATUS_CODE.PERMISSION_DENIED);
  refuse(['SETSTAT', 'FSETSTAT', 'EXTENDED'], STATUS_CODE.OP_UNSUPPORTED);
  sftp.on('close', () => {
    for (const found of open.values()) if ('file' in found) closeSync(found.file);
    open.clear();
  });
}

/** A request that is refused with this status. */
class Refusal extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE;
}

function attributes(stats: Stats): Attributes {
  return {
    mode: stats.mode,
    uid: 0,
    gid: 0,
    size: stats.size,
    atime: Math.floor(stats.atimeMs / 1000),
    mtime: Math.floor(stats.mtimeMs / 1000),
  };
}

function same(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(x, y);
}
