import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { markSuitcaseBlock, type SuitcaseBlock } from '../../src/outbound.js';
import { connect } from '../../src/sftp/remote.js';
import type { Remote } from '../../src/sftp/remote.js';
import type { Login, RemoteSpec, Transfer } from '../../src/sftp/types.js';
import type { Upload } from '../../src/sftp/upload.js';
import { cleanup } from '../support/cleanup.js';
import {
  startScriptedServer,
  type Request,
  type ScriptedOptions,
  type ScriptedServer,
} from '../support/scripted-server.js';

interface Server {
  host: string;
  port: number;
  username: string;
  password: string;
  fingerprints: string[];
}

/** Small limits, so that a test of what happens after them is over soon. */
export function specFor(server: Server, more: Partial<RemoteSpec> = {}): RemoteSpec {
  return {
    host: server.host,
    port: server.port,
    username: server.username,
    directory: '/in',
    hostKeys: server.fingerprints,
    publish: 'rename',
    lanes: 1,
    window: 64,
    retryForMs: 3000,
    connectTimeoutMs: 5000,
    stallMs: 5000,
    ...more,
  };
}

export interface Connected {
  remote: Remote;
  warnings: string[];
  abort: AbortController;
}

export async function connectTo(
  server: Server,
  more: Partial<RemoteSpec> = {},
  login: Login = { password: () => Promise.resolve(server.password) },
): Promise<Connected> {
  const warnings: string[] = [];
  const abort = new AbortController();
  const remote = await connect(specFor(server, more), login, {
    signal: abort.signal,
    warn: (message) => warnings.push(message),
  });
  cleanup(() => remote.close());
  return { remote, warnings, abort };
}

export function blocksOf(bytes: Buffer, size = 1024 * 1024): SuitcaseBlock[] {
  const blocks: SuitcaseBlock[] = [];
  for (let at = 0; at < bytes.length; at += size)
    blocks.push(markSuitcaseBlock(new Uint8Array(bytes.subarray(at, at + size))));
  return blocks;
}

export const content = (length: number): Buffer => randomBytes(length);
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const names = { partialName: '.x_1.partial', finalName: 'x_1.tar.pgp' };

export async function writeAll(upload: Upload, bytes: Buffer, size?: number): Promise<void> {
  for (const block of blocksOf(bytes, size)) await upload.write(block);
}

/** The main path in one call. */
export async function deposit(
  remote: Remote,
  bytes: Buffer,
  beforeClose: () => Promise<void> = () => Promise.resolve(),
): Promise<Transfer> {
  const upload = await remote.createUpload(names);
  await writeAll(upload, bytes);
  return upload.complete({ beforeClose });
}

/** What a rejected promise threw; fails when it did not. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; hint?: string; published?: string }> {
  return promise.then(
    () => {
      throw new Error('did not fail');
    },
    (error: unknown) => error as Error,
  );
}

/** A signal that is never given. */
export const never = new AbortController().signal;
export const quiet = { signal: never, warn: () => undefined };

/** For connections that fail before host key or password matter. */
export const account = {
  host: '127.0.0.1',
  username: 'acme',
  password: '',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};
export const anyPassword: Login = { password: () => Promise.resolve('x') };

/** A TCP server that does one thing with each connection. */
export async function listener(answer: (socket: Socket) => void): Promise<{ port: number; seen: () => number }> {
  let seen = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    seen++;
    open.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup(() => {
    open.forEach((socket) => socket.destroy());
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen: () => seen };
}

/** One deposit at a scripted server of its own. */
export async function oneDeposit(
  bytes: Buffer,
  options: ScriptedOptions,
  more: Partial<RemoteSpec> = {},
): Promise<{ server: ScriptedServer; transfer: Awaited<ReturnType<typeof deposit>>; reconnects: number }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  const transfer = await deposit(remote, bytes);
  return { server, transfer, reconnects: remote.stats.reconnects };
}

/** The same, where the deposit fails. */
export async function failedDeposit(
  bytes: Buffer,
  options: ScriptedOptions,
  more: Partial<RemoteSpec> = {},
): Promise<{ server: ScriptedServer; error: Awaited<ReturnType<typeof failure>> }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  return { server, error: await failure(deposit(remote, bytes)) };
}

/** Denies these requests, as sshd with `-P` does. */
export const denying =
  (...types: string[]) =>
  (r: Request) =>
    types.includes(r.type) ? { status: 3 } : undefined;
