import { orAborted } from '../abort.js';
import { clockTime } from '../clock.js';
import { DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import type { FileSystemSpace, SftpChannel } from './channel.js';
import type { SessionSource } from './connections.js';
import { address } from './hostkeys.js';
import { knownToPlace } from './lanes.js';
import { Patience } from './patience.js';
import { Backoff, duration } from './retry.js';
import { Unreachable } from './dial.js';
import type { Session } from './session.js';
import { statFile } from './stat.js';
import { ConnectionLost, orRefusal, SftpStatus, Status } from './status.js';
import type { FileStat, RemoteSpec, TransportHooks, TransportStats } from './types.js';

/** What the server said to a REMOVE: `absent` is its NO_SUCH_FILE, which says nothing of a file that has no name before its close. */
export type Removal = 'removed' | 'absent' | 'refused';

/** After three answers that make no sense it is the server, not the link. */
const maxOddities = 3;

/** The arrangement's directory on the server, through one connection at a time, made again when it is lost. */
export class Link {
  /** How the server identified itself, `SSH-2.0-…`. */
  server = '';
  /** `ssh-ed25519 SHA256:…` */
  hostKey = '';
  /** Why the last connection was lost; empty where none was. */
  lastLoss = '';
  readonly stats: TransportStats = { attempts: 0, reconnects: 0, lanes: 0, acknowledged: 0 };
  /** Whether a file has its name while it is open; null where nobody has looked. If not, it may appear late. */
  namesOpenFiles: boolean | null = null;
  /** Partials whose connection was lost, and of which no record knows: they may appear after what was deposited in their place. */
  readonly lostPartials = new Set<string>();
  #session: Session | null = null;
  #openedAt = 0;
  /** When the last connection was lost. */
  #lostAt = new Date();
  /** Why it could not be made again; null while nobody has given up on that. */
  #gone: DepotError | null = null;
  #closed = false;
  #establishing: { session: Promise<Session>; signal: AbortSignal } | null = null;
  readonly patience: Patience;
  /** There was a connection since the last progress. */
  #again = false;
  #backoff = new Backoff();

  /** For `connect`, which connects before anyone sees it. */
  constructor(
    readonly spec: RemoteSpec,
    readonly hooks: TransportHooks,
    private readonly source: SessionSource,
  ) {
    this.patience = new Patience(spec.quietForMs ?? spec.retryForMs, {
      holdOff: () => this.#holdOff(),
      error: () => this.#gone ?? this.#quiet(),
    });
  }

  /** Whether this server is known to put each write at its offset: what is not known must be shown before anything is written twice. */
  get placesWrites(): boolean {
    return knownToPlace(this.spec, this) !== null;
  }

  /** Whether a file left open by a lost connection may get its name later, even after we removed it (rclone). */
  get lostFilesMayAppear(): boolean {
    return !this.placesWrites || this.namesOpenFiles === false;
  }

  /** The arrangement's directory as the server is to hear it. */
  get directory(): string {
    return this.spec.directory === '' ? '.' : this.spec.directory;
  }

  /** The full remote path of a name in the arrangement's directory. */
  path(name: string): string {
    const { directory } = this;
    return directory === '.' ? name : `${directory.replace(/\/+$/, '')}/${name}`;
  }

  /** The live session, or a new one. @throws DepotError 'unreachable' or 'connection-lost' after `retryForMs` */
  async session(signal: AbortSignal = this.hooks.signal): Promise<Session> {
    for (;;) {
      signal.throwIfAborted();
      if (this.live) return this.live;
      if (this.#closed) throw new ConnectionLost('the connection was closed');
      const ongoing = (this.#establishing ??= this.#start(signal));
      try {
        return await orAborted(ongoing.session, signal);
      } catch (error) {
        // The caller that started this attempt was aborted; we were not, so try again.
        if (!ongoing.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  #start(signal: AbortSignal): { session: Promise<Session>; signal: AbortSignal } {
    const end = this.patience.begin(() => undefined);
    const session = this.#dial(signal).finally(() => {
      end();
      this.#establishing = null;
      this.patience.check();
    });
    session.catch(() => undefined);
    return { session, signal };
  }

  /** The live session, if there is one. */
  get live(): Session | null {
    return this.#session && !this.#session.channel.lost ? this.#session : null;
  }

  /** The server acknowledged bytes, or completed a step: the clock of `retryFor` starts again. */
  progressed(): void {
    this.patience.progressed();
    this.#again = false;
    if (this.source.givenUp) this.source.worked();
  }

  /** For whoever waits for the server. `signal` follows the one that is given, and is aborted when there was no progress for `retryFor`. */
  wait(signal: AbortSignal = this.hooks.signal): { signal: AbortSignal; end: () => void } {
    const over = new AbortController();
    const end = this.patience.begin((error) => over.abort(error));
    return { signal: AbortSignal.any([signal, over.signal]), end };
  }

  /** A connection that came back at the last moment still has the time of one answer; one that is being made has `connectTimeout`. */
  #holdOff(): number {
    if (this.#establishing !== null) return Infinity;
    return this.live === null ? 0 : this.#openedAt + (this.spec.stallMs ?? 30_000) - performance.now();
  }

  async #dial(signal: AbortSignal): Promise<Session> {
    const first = this.server === '';
    const { retryForMs, connectForMs = retryForMs } = this.spec;
    const patienceMs = this.source.givenUp ? 0 : first ? connectForMs : retryForMs;
    const deadline = performance.now() + patienceMs - this.patience.quietMs;
    if (this.#again) {
      // It came back once already and did not last: not at full speed, and not for ever.
      if (performance.now() >= deadline) throw this.patience.expire();
      await this.#backoff.wait(deadline, signal);
    } else {
      this.#backoff = new Backoff();
    }
    const since = first ? new Date() : this.#lostAt;
    const until = new Date(Date.now() + deadline - performance.now());
    const wait = (why: string): void => {
      this.#log(`${why}; trying until ${until.toISOString()}`);
      this.hooks.waiting?.({ address: address(this.spec), why, isLost: !first, since, until });
    };
    if (!first) wait('lost the connection');
    let warned = false;
    for (let oddities = 0; ; ) {
      try {
        const session = await this.source.open(signal, () => this.stats.attempts++);
        if (first) this.patience.progressed();
        else this.stats.reconnects++;
        this.#again = !first;
        this.#session = session;
        this.#gone = null;
        this.#openedAt = performance.now();
        this.server = session.server;
        this.hostKey = `${session.hostKey.type} ${session.hostKey.fingerprint}`;
        session.channel.onLost((reason) => {
          this.#log(`${this.#closed ? 'closed' : 'lost'} SFTP channel ${session.channel.number}: ${reason.message}`);
          this.lastLoss = reason.message;
          this.#lostAt = new Date();
        });
        this.hooks.waiting?.(null);
        return session;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Unreachable)) throw error;
        if (error.final && ++oddities >= maxOddities) throw error.final;
        if (performance.now() >= deadline) {
          this.source.giveUp();
          throw (this.#gone = error.final ?? this.#exhausted(first, error, patienceMs));
        }
        wait(error.why);
        const lost = first ? '' : `the connection was lost at ${clockTime(since)}; `;
        if (!warned) this.hooks.warn(`${lost}${address(this.spec)} ${error.why}; trying until ${clockTime(until)}`);
        warned = true;
        await this.#backoff.wait(deadline, signal);
      }
    }
  }

  #log(what: string): void {
    logInfo(this.spec.arrangement, `${address(this.spec)} ${what}`);
  }

  /** Connections can be made, and nothing comes of them. */
  #quiet(): DepotError {
    const { arrangement } = this.spec;
    this.source.giveUp();
    this.#again = false;
    const why = this.lastLoss === '' ? 'it does not answer' : this.lastLoss;
    return new DepotError(
      'connection-lost',
      `${address(this.spec)} let us connect, then acknowledged nothing for ${duration(Math.max(this.patience.quietMs, 1))}: ${why}`,
      {
        published: 'no',
        hint: `run: «depot doctor${arrangement === undefined ? '' : ` ${arrangement}`} --write-test»; if that hangs too, show this to the agent, and to whoever runs the VPN: one that drops large packets (MTU) looks like this`,
      },
    );
  }

  #exhausted(first: boolean, error: Unreachable, patienceMs: number): DepotError {
    const { arrangement } = this.spec;
    const why = error.why.startsWith('did not answer') ? '' : `: it ${error.why}`;
    const push = `«depot push${arrangement === undefined ? '' : ` ${arrangement}`}»`;
    const hint =
      error.hint ??
      (error.reached
        ? `ask the agent what its server's log says about it, then: ${push}`
        : `bring up the VPN, then: ${push}`);
    const details = { hint, published: 'no' as const, cause: error };
    if (!first) {
      const sent = (this.stats.acknowledged / 2 ** 20).toFixed(1);
      const far = sent === '0.0' ? '' : `, after ${sent} MiB,`;
      const within = patienceMs > 0 ? ` within ${duration(patienceMs)}` : '';
      return new DepotError(
        'connection-lost',
        `the connection to ${address(this.spec)} was lost at ${clockTime(this.#lostAt)}${far} and did not come back${within}${why}`,
        details,
      );
    }
    return patienceMs > 0
      ? new DepotError('unreachable', `${address(this.spec)} not reachable for ${duration(patienceMs)}${why}`, details)
      : new DepotError('unreachable', `${address(this.spec)} ${error.why}`, details);
  }

  /** Does something that may be done twice, through as many connections as it takes. */
  async run<T>(action: (channel: SftpChannel) => Promise<T>, signal: AbortSignal = this.hooks.signal): Promise<T> {
    const waiting = this.wait(signal);
    try {
      for (;;) {
        const { channel } = await this.session(waiting.signal);
        try {
          const result = await orAborted(action(channel), waiting.signal);
          this.progressed();
          return result;
        } catch (error) {
          // A refusal is an answer too.
          if (error instanceof SftpStatus) this.progressed();
          if (!(error instanceof ConnectionLost) || this.#closed) throw error;
        }
      }
    } finally {
      waiting.end();
    }
  }

  /** Removes a partial that this state directory made. */
  async removePartial(name: string, signal?: AbortSignal): Promise<Removal> {
    const answer = await orRefusal(this.run((channel) => channel.remove(this.path(name)), signal));
    if (!(answer instanceof SftpStatus)) return 'removed';
    return answer.status === Status.NO_SUCH_FILE ? 'absent' : 'refused';
  }

  /** What there is at a name in the directory, now. */
  async stat(name: string, signal?: AbortSignal): Promise<FileStat> {
    return this.run((channel) => statFile(channel, this.path(name)), signal);
  }

  /** Free space below the directory, where the server says. */
  async space(): Promise<FileSystemSpace | null> {
    return this.run((channel) => channel.space(this.directory));
  }

  /** For good: nothing connects again. */
  async close(): Promise<void> {
    this.#closed = true;
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }
}
