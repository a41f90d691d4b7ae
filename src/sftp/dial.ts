/** The TCP connection: the addresses of a host, tried as RFC 8305 (Happy Eyeballs) says. */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { orAborted } from '../abort.js';
import type { DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { printable } from '../printable.js';
import { address, keeperOf } from './hostkeys.js';
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

/** It hung up without a word. */
export function closedEarly(at: Whereto, cause?: Error): Unreachable {
  return new Unreachable('closed the connection before the SSH handshake', {
    reached: true,
    cause,
    hint: `check host and port, and ask ${keeperOf(at)} whether it lets this address connect`,
  });
}

/** When the next address is tried beside the one before (RFC 8305 section 5: 250 ms). */
const staggerMs = 250;
/** How long an address that took the connection alone has for its first byte, before the others are tried beside it. */
const greetingMs = 3000;

type Whereto = Pick<RemoteSpec, 'host' | 'port' | 'jumpHost' | 'arrangement'>;

/** Addresses at which SSH came to nothing in this process, by host and port; the last one last. */
const disappointing = new Map<string, Set<string>>();

const failedAt = ({ host, port }: Whereto): Set<string> => disappointing.get(`${host} ${port}`) ?? new Set();

/** It took a connection, and nothing came of that. The next attempt begins with another one (RFC 8305 section 4 leaves it to history). */
export function disappointed(at: Whereto, address: string | undefined): void {
  if (address === undefined) return;
  const failed = failedAt(at);
  failed.delete(address);
  disappointing.set(`${at.host} ${at.port}`, failed.add(address));
}

/**
 * The TCP connection, our own so that its failures are told from SSH's and its writes can be gathered. Of several
 * addresses the first that also says something: a machine that takes connections and is dead above that must not cost
 * the deposit. Node's autoSelectFamily would not do: it ends each attempt but the last after its 250 ms, where a slow
 * link needs longer, and is content with the first connection.
 * @throws Unreachable
 */
export async function dial(spec: Whereto & Pick<RemoteSpec, 'connectTimeoutMs'>, signal: AbortSignal): Promise<Socket> {
  // Much less than a login may take: a server that is there takes a connection at once.
  const timeoutMs = spec.connectTimeoutMs / 3;
  const failed = [...failedAt(spec)];
  const found = await addressesOf(spec.host, timeoutMs, signal);
  if (isIP(spec.host) === 0) logInfo(spec.arrangement, `${printable(spec.host)} has the addresses ${found.join(', ')}`);
  const addresses = found.sort((a, b) => failed.indexOf(a) - failed.indexOf(b));
  return new Race(addresses, spec, timeoutMs, signal).winner;
}

/**
 * In the order in which they are tried: as the system sorts them (RFC 6724), but one family after the other (RFC 8305
 * section 4). By the system's resolver, since a VPN's names stand in its files and services and not only in DNS; it
 * answers for both families at once, so there is no wait for the slower one to cut short (section 3).
 */
export async function addressesOf(host: string, timeoutMs: number, signal: AbortSignal): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const late = AbortSignal.timeout(Math.ceil(timeoutMs));
  let found: LookupAddress[];
  try {
    const looking = lookup(host, { all: true, order: 'verbatim' });
    found = await orAborted(looking, AbortSignal.any([signal, late]));
  } catch (cause) {
    signal.throwIfAborted();
    const why = late.aborted
      ? `has no address yet (looking up its name has taken ${duration(timeoutMs)})`
      : explainTcp(cause as NodeJS.ErrnoException);
    throw new Unreachable(why, { cause });
  }
  const [first = [], second = []] = [4, 6]
    .map((family) => found.filter((one) => one.family === family).map((one) => one.address))
    .sort((a, b) => Number(b[0] === found[0]?.address) - Number(a[0] === found[0]?.address));
  const inTurn = first.flatMap((one, i) => (second[i] === undefined ? [one] : [one, second[i]]));
  return [...new Set([...inTurn, ...second.slice(first.length)])];
}

class Race {
  readonly winner: Promise<Socket>;
  readonly #queue: string[];
  readonly #connecting = new Map<string, Socket>();
  /** Connected, and have not said anything yet. */
  readonly #silent = new Map<string, Socket>();
  readonly #failures = new Map<string, Unreachable>();
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #resolve!: (socket: Socket) => void;
  #reject!: (reason: Error) => void;

  constructor(
    addresses: readonly string[],
    private readonly at: Whereto,
    private readonly timeoutMs: number,
    private readonly signal: AbortSignal,
  ) {
    this.#queue = [...addresses];
    this.winner = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal.aborted) this.#abort();
    else {
      signal.addEventListener('abort', this.#abort, { once: true });
      this.#next();
    }
  }

  readonly #abort = (): void => this.#finish(null, () => this.#reject(this.signal.reason as Error));

  /** Tries the next address; where there is none, looks what is left to wait for. */
  readonly #next = (): void => {
    clearTimeout(this.#timer);
    const address = this.#queue.shift();
    if (address !== undefined) {
      this.#try(address);
      if (this.#queue.length > 0) this.#timer = setTimeout(this.#next, staggerMs);
    } else if (this.#connecting.size === 0) {
      const [silent] = this.#silent.values();
      // Some servers wait for the client's greeting. What comes of it is the handshake's affair.
      if (silent === undefined) this.#lose();
      else if (this.#silent.size === 1) this.#win(silent);
      else this.#timer = setTimeout(() => this.#win(silent), Math.min(greetingMs, this.timeoutMs));
    }
  };

  /** `what` has an @ in the place of the address. */
  #log(at: string, what: string): void {
    logInfo(this.at.arrangement, what.replace('@', address({ host: at, port: this.at.port })));
  }

  #try(address: string): void {
    this.#log(address, 'connecting to @');
    const socket = connectTcp({
      host: address,
      port: this.at.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    });
    this.#connecting.set(address, socket);
    const fail = (failure: Unreachable): void => {
      if (this.#over || (this.#connecting.get(address) ?? this.#silent.get(address)) !== socket) return;
      this.#drop(address);
      this.#log(address, `@ ${failure.why}`);
      this.#failures.set(address, failure);
      this.#next();
    };
    socket.setTimeout(this.timeoutMs, () => fail(new Unreachable(`did not answer in ${duration(this.timeoutMs)}`)));
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      const hint = cause.code === 'ECONNREFUSED' ? { hint: refusedHint(this.at) } : {};
      fail(
        this.#silent.has(address)
          ? closedEarly(this.at, cause)
          : new Unreachable(explainTcp(cause), { cause, ...hint }),
      );
    });
    socket.once('close', () => fail(closedEarly(this.at)));
    socket.once('connect', () => {
      if (this.#over || this.#connecting.get(address) !== socket) return;
      socket.setTimeout(0);
      this.#log(address, `connected to @ from ${socket.localAddress ?? '?'}`);
      this.#connecting.delete(address);
      this.#silent.set(address, socket);
      this.#connected(socket);
    });
  }

  #connected(socket: Socket): void {
    // The others have their turn again should nothing come of this one.
    this.#queue.unshift(...this.#connecting.keys());
    for (const address of this.#queue) this.#drop(address);
    if (this.#queue.length === 0 && this.#silent.size === 1) {
      this.#win(socket);
      return;
    }
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      socket.unshift(bytes);
      this.#win(socket);
    });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#next, Math.min(greetingMs, this.timeoutMs));
  }

  #drop(address: string): void {
    (this.#connecting.get(address) ?? this.#silent.get(address))?.destroy();
    this.#connecting.delete(address);
    this.#silent.delete(address);
  }

  #win(socket: Socket): void {
    this.#finish(socket, () => {
      for (const event of ['error', 'close', 'data']) socket.removeAllListeners(event);
      this.#resolve(socket);
    });
  }

  #lose(): void {
    this.#finish(null, () => this.#reject(together(this.#failures)));
  }

  #finish(winner: Socket | null, settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.signal.removeEventListener('abort', this.#abort);
    for (const socket of [...this.#connecting.values(), ...this.#silent.values()])
      if (socket !== winner) socket.destroy();
    settle();
  }
}

/** What became of all addresses, in one: with each address where they differ. */
function together(failures: ReadonlyMap<string, Unreachable>): Unreachable {
  const all = [...failures.values()];
  const told = all.find((one) => one.reached) ?? all.find((one) => one.hint !== undefined) ?? all[0]!;
  if (all.length === 1) return told;
  const whys = new Set(all.map((one) => one.why));
  const why =
    whys.size === 1
      ? `${told.why} at any of its ${all.length} addresses`
      : [...failures].map(([address, one]) => `${one.why} at ${printable(address)}`).join(', ');
  return new Unreachable(why, {
    cause: told.cause,
    reached: told.reached,
    ...(told.hint !== undefined && { hint: told.hint }),
  });
}

/** What has the address answers, so the link is up; unless it is another machine's while it is down. */
function refusedHint(at: Whereto): string {
  return at.jumpHost === true
    ? `check host and port of proxyJump, and ask ${keeperOf(at)} whether it is running; bring up the VPN if you need one to reach it`
    : 'check host and port, and ask the agent whether its server is running; bring up the VPN if the server can only be reached through it';
}

function explainTcp(error: NodeJS.ErrnoException): string {
  const { code, message } = error;
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
      return `cannot be reached: there is no route, or a firewall blocks it (${code})`;
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
