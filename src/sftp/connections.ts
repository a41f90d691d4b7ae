import { orAborted } from '../abort.js';
import { copyOf, isDepotError, type DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import type { SftpChannel } from './channel.js';
import type { Credentials } from './credentials.js';
import { Unreachable } from './dial.js';
import type { Session } from './session.js';
import { ConnectionLost } from './status.js';

/** One attempt to connect and log in, as of `openSession`. */
type Dial = (signal: AbortSignal) => Promise<Session>;

/** Where a `Link` has its sessions from. */
export interface SessionSource {
  /** One attempt; errors as of `openSession`. `dialing` is called when that means a connection of its own. */
  open(signal: AbortSignal, dialing: () => void): Promise<Session>;
  /** Another upload has waited for this server in vain, so nobody waits again. */
  readonly givenUp: boolean;
  /** Waiting was in vain. */
  giveUp(): void;
  /** It was not: the server gets on with something again. */
  worked(): void;
}

/** A connection for one upload alone. */
export function ownConnection(dial: Dial): SessionSource {
  return {
    async open(signal, dialing) {
      dialing();
      const session = await dial(signal);
      // Without its first channel a session is of no use to anyone.
      session.channel.onLost(() => session.destroy());
      return session;
    },
    givenUp: false,
    giveUp: () => undefined,
    worked: () => undefined,
  };
}

/** Connections that the uploads of one run share: one for each server, as long as the server takes that. */
export class Connections {
  readonly #servers = new Map<string, SharedServer>();
  readonly #ended = new AbortController();

  /** `key`: the same for those, and only those, who mean the same server, account, secrets and settings; `hop`: likewise, of the server between. */
  to(key: string, hop?: string): SharedServer {
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const server = new SharedServer(this.#ended.signal, hop === undefined ? null : this.to(hop));
    this.#servers.set(key, server);
    return server;
  }

  async close(): Promise<void> {
    this.#ended.abort(new ConnectionLost('the connections were closed'));
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }
}

/** How long a failure to reach the server is everyone's answer, once somebody has waited in vain. */
const stillDownMs = 60_000;

/** One account at one server. */
export class SharedServer {
  #credentials: Promise<Credentials> | null = null;
  #connections: SharedConnection[] = [];
  #dialing: Promise<SharedConnection> | null = null;
  /** What no second attempt changes: a wrong password tried a thousand times locks the account. */
  #refusal: DepotError | null = null;
  #worked = false;
  #unreachable: { error: Unreachable; at: number } | null = null;
  #givenUp = false;

  /** `hop`: the server between, which may be the way to others too; only its credentials are shared. */
  constructor(
    private readonly ended: AbortSignal,
    readonly hop: SharedServer | null = null,
  ) {}

  /** Secrets are found once, and a person is asked once. Throws what `make` threw, each time. */
  async credentials(make: () => Promise<Credentials>): Promise<Credentials> {
    try {
      return await (this.#credentials ??= make());
    } catch (error) {
      throw copyOf(error);
    }
  }

  /** For one upload. */
  source(dial: Dial, of?: string): SessionSource {
    const isGivenUp = (): boolean => this.#givenUp;
    return {
      open: (signal, dialing) => this.#open(dial, of, signal, dialing),
      get givenUp() {
        return isGivenUp();
      },
      giveUp: () => (this.#givenUp = true),
      worked: () => (this.#givenUp = false),
    };
  }

  async #open(dial: Dial, of: string | undefined, signal: AbortSignal, dialing: () => void): Promise<Session> {
    for (;;) {
      const session = await this.#borrow(of);
      signal.throwIfAborted();
      if (session !== null) return session;
      if (this.#refusal !== null) throw copyOf(this.#refusal);
      if (this.#givenUp && this.#unreachable !== null && performance.now() - this.#unreachable.at < stillDownMs)
        throw this.#unreachable.error;
      if (this.#dialing === null) {
        dialing();
        this.#dialing = this.#dial(dial).finally(() => (this.#dialing = null));
      }
      const connection = await orAborted(this.#dialing, signal).catch((error: unknown) => {
        throw copyOf(error);
      });
      const first = connection.takeFirst();
      if (first !== null) return first;
      if (connection.lost) throw new Unreachable('accepted the login and then closed the connection');
    }
  }

  /** A channel of a connection that has room for it. */
  async #borrow(of: string | undefined): Promise<Session | null> {
    this.#connections = this.#connections.filter((connection) => !connection.lost);
    for (const connection of this.#connections) {
      const session = await connection.borrow(of);
      if (session === null) continue;
      logInfo(of, `goes over a connection that is there already, on SFTP channel ${session.channel.number}`);
      return session;
    }
    return null;
  }

  async #dial(dial: Dial): Promise<SharedConnection> {
    try {
      const connection = new SharedConnection(await dial(this.ended));
      this.#connections.push(connection);
      this.#worked = true;
      this.#unreachable = null;
      return connection;
    } catch (error) {
      if (error instanceof Unreachable) this.#unreachable = { error, at: performance.now() };
      else if (isDepotError(error) && !this.#worked) this.#refusal = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.session.close()));
  }
}

/** One connection, and who uses it. */
class SharedConnection {
  #first: SftpChannel | null;
  #users = 0;
  /** Someone wants it gone: nobody else is sent there. */
  #retired = false;

  constructor(readonly session: Session) {
    this.#first = session.channel;
  }

  get lost(): boolean {
    return this.#retired || this.session.closed;
  }

  /** For whoever dialled; null when another was faster, or it is lost already. */
  takeFirst(): Session | null {
    const first = this.#first;
    this.#first = null;
    return first === null || first.lost || this.lost ? null : this.#lend(first);
  }

  /** Null when the server gives no more channels, or is gone. */
  async borrow(of?: string): Promise<Session | null> {
    const first = this.takeFirst();
    if (first !== null) return first;
    try {
      const channel = await this.session.openChannel(of);
      if (!this.lost) return this.#lend(channel);
      channel.end();
      return null;
    } catch {
      return null;
    }
  }

  #lend(channel: SftpChannel): Session {
    const { session } = this;
    const channels = [channel];
    let borrowed = true;
    const giveBack = (): void => {
      if (!borrowed) return;
      borrowed = false;
      this.#users--;
      for (const one of channels) one.end();
      if (this.#retired && this.#users === 0) session.destroy();
    };
    this.#users++;
    // Without its first channel nobody goes on with it, and what else it has must not write any more.
    channel.onLost(giveBack);
    return {
      server: session.server,
      hostKey: session.hostKey,
      channel,
      openChannel: async (of) => {
        if (!borrowed) throw new ConnectionLost('the connection is closed');
        const another = await session.openChannel(of);
        channels.push(another);
        return another;
      },
      get unsent() {
        return session.unsent;
      },
      get closed() {
        return !borrowed || session.closed;
      },
      close: () => {
        giveBack();
        return Promise.resolve();
      },
      // Closing a handle may be what the agent's mover waits for: others keep theirs, and see for themselves whether it works.
      destroy: () => {
        this.#retired = true;
        giveBack();
        // Also when its channel was lost first, and it was given back then.
        if (this.#users === 0) session.destroy();
      },
    };
  }
}
