import { connect as connectTcp, type Socket } from 'node:net';
import type { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { duration } from './retry.js';
import type { RemoteSpec } from './types.js';

/** This attempt failed and another may not. `why` follows the address: "did not answer in 10 s". */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  /** What to throw when this keeps happening: more likely a fault of the server than a link that is down. */
  readonly final: DepotError | null;
  /** Something answered at that host and port: no VPN is missing. */
  readonly reached: boolean;
  readonly hint: string | undefined;

  constructor(
    readonly why: string,
    options: ErrorOptions & { final?: DepotError; reached?: boolean; hint?: string } = {},
  ) {
    super(why, options);
    this.final = options.final ?? null;
    this.reached = options.reached ?? false;
    this.hint = options.hint;
  }
}

/** Whether something answered at host and port before it came to this. */
export function wasReached(error: Error): boolean {
  return error.cause instanceof Unreachable && error.cause.reached;
}

/** The TCP connection, our own so that its failures are told from SSH's and its writes can be gathered. */
export function dial(
  spec: Pick<RemoteSpec, 'host' | 'port' | 'connectTimeoutMs'>,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { host, port } = spec;
    const socket = connectTcp({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', fail);
      finish();
    };
    const giveUp = (reason: Error): void =>
      settle(() => {
        socket.on('error', ignore);
        socket.destroy();
        reject(reason);
      });
    const fail = (cause: NodeJS.ErrnoException): void => {
      const hint = cause.code === 'ECONNREFUSED' ? { hint: refusedHint } : {};
      giveUp(new Unreachable(explainTcp(cause), { cause, ...hint }));
    };
    const abort = (): void => giveUp(signal.reason as Error);
    // Much less than a login may take: a server that is there takes a connection at once.
    const timeoutMs = spec.connectTimeoutMs / 3;
    const timer = setTimeout(() => fail(new Error(`did not answer in ${duration(timeoutMs)}`)), timeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => settle(() => resolve(socket)));
  });
}

/** What has the address answers, so the link is up; unless it is another machine's while it is down. */
const refusedHint =
  'check host and port, and ask the agent whether its server runs; bring up the VPN where the agent has this address only inside it';

function explainTcp(error: NodeJS.ErrnoException): string {
  const { code, message } = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused the connection';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'has no address (the name was not found)';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
      return `has no route, or a firewall turns it away (${code})`;
    case 'ETIMEDOUT':
      return 'did not answer';
    case 'ECONNRESET':
      return 'reset the connection';
    case undefined:
      return printable(message);
    default:
      return `cannot be reached (${printable(code)})`;
  }
}

function ignore(): void {
  // The socket is given up; what else it says is of no interest.
}
