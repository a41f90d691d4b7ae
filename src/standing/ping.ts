/** Tells a monitor over HTTP that a push began, and how it ended. Nothing waits for it until `finish`, and nothing fails with it. */
import { pingAddress, pingHost } from '../config/ping.js';
import type { Config } from '../config/types.js';
import { printable, codeOrSaid } from '../printable.js';
import type { Skipped } from '../push/push-types.js';
import type { RunRecord } from '../state/runs.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { forgetPingFailure, notePingFailure } from '../state/notified.js';
import type { Warn } from '../warning.js';
import { connectAsPing, sendPing } from './ping-request.js';
import type { Standing } from './standing.js';

/** For one ping: two of them, of the beginning and of the end, fit into what `finish` waits. */
const limitMs = 4500;
/** After all deposits, for all that is left. */
const finishMs = 10_000;
const atOnce = 8;

interface Waiting {
  arrangement: string;
  what: 'start' | number;
}

export class Pinger {
  readonly #ping: Config['ping'];
  readonly #warn: Warn;
  readonly #waiting: Waiting[] = [];
  /** By arrangement: its pings go one after the other, or the start of a push could arrive after its end. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #late = new AbortController();
  readonly #failed: string[] = [];
  /** By arrangement, of its last ping: what went wrong, or null. */
  readonly #last = new Map<string, string | null>();

  constructor({ ping }: Config, { warn }: { warn: Warn }) {
    this.#ping = ping;
    this.#warn = warn;
  }

  /** A push begins: not one that is skipped. */
  began(arrangement: string): void {
    if (this.#ping?.on.includes('start') === true) this.#begin({ arrangement, what: 'start' });
  }

  /** A deposit that is there already is a success; of a push that is running there is nothing to say yet. */
  ended(
    { arrangement, code, exit }: Pick<RunRecord, 'arrangement' | 'code' | 'exit'>,
    because?: Skipped['because'],
  ): void {
    const failed = code !== null && code !== 'skipped';
    if (because === 'running' || this.#ping?.on.includes(failed ? 'failure' : 'success') !== true) return;
    this.#begin({ arrangement, what: exit });
  }

  #begin(ping: Waiting): void {
    this.#waiting.push(ping);
    this.#next();
  }

  #next(): void {
    while (this.#running.size < atOnce) {
      const i = this.#waiting.findIndex(({ arrangement }) => !this.#running.has(arrangement));
      const [next] = i === -1 ? [] : this.#waiting.splice(i, 1);
      if (next === undefined) return;
      const { arrangement } = next;
      this.#running.set(
        arrangement,
        this.#send(next).finally(() => {
          this.#running.delete(arrangement);
          this.#next();
        }),
      );
    }
  }

  async #send({ arrangement, what }: Waiting): Promise<void> {
    const address = pingAddress(this.#ping!.url, arrangement, what);
    const own = new AbortController();
    const timer = setTimeout(() => own.abort(new Error(noAnswer)), limitMs);
    const signal = AbortSignal.any([own.signal, this.#late.signal]);
    try {
      await sendPing(address, { arrangement, exit: what === 'start' ? null : what }, signal);
      this.#last.set(arrangement, null);
    } catch (error) {
      const failure = `${printable(address.host)} was not pinged: ${whyNot(error, signal)}`;
      this.#last.set(arrangement, failure);
      this.#failed.push(`${arrangement}: ${failure}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** After `finish`, for pushes: what status and doctor are to say of the last ping. That was a warning; this must be no other. */
  async note(stateDirectory: string): Promise<void> {
    for (const [arrangement, failure] of this.#last) {
      const state = new ArrangementState(stateDirectory, arrangement);
      await state
        .requireOwn()
        .then(() => (failure === null ? forgetPingFailure(state) : notePingFailure(state, failure)))
        .catch(() => undefined);
    }
  }

  /** Waits for what was begun, for a bounded time. */
  async finish(): Promise<void> {
    const timer = setTimeout(() => {
      for (const { arrangement } of this.#waiting.splice(0))
        this.#failed.push(`${arrangement}: no time was left for its ping`);
      this.#late.abort(new Error('no time was left'));
    }, finishMs);
    while (this.#running.size > 0) await Promise.all(this.#running.values());
    clearTimeout(timer);
    const [first, ...others] = this.#failed.splice(0);
    if (first === undefined) return;
    this.#warn(
      `${first}${others.length === 0 ? '' : `; ${others.length} more ${others.length === 1 ? 'ping' : 'pings'} failed`}`,
      'act',
    );
  }
}

/** Why a ping of this address could not even connect; null when it could. Nothing is sent. */
export async function whyNotReached(written: string, stopped: AbortSignal): Promise<string | null> {
  const own = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([own, stopped]);
  try {
    await connectAsPing(pingAddress(written, 'a', 0), signal);
    return null;
  } catch (error) {
    stopped.throwIfAborted();
    const why = own.aborted ? noAnswer : inWords(codeOrSaid(error));
    return `${printable(pingHost(written))} cannot be reached: ${why}`;
  }
}

const noAnswer = `no answer in ${limitMs / 1000} s`;

function whyNot(error: unknown, signal: AbortSignal): string {
  return signal.aborted ? (signal.reason as Error).message : inWords(codeOrSaid(error));
}

function inWords(why: string): string {
  switch (why) {
    case 'ECONNREFUSED':
      return 'it refused the connection';
    case 'ECONNRESET':
      return 'it closed the connection without an answer';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'it has no address (the name was not found)';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'its certificate is not one that this machine trusts (NODE_EXTRA_CA_CERTS=FILE adds your own)';
    default:
      return why;
  }
}

/** What only somebody who looks can see: said at every look, since a monitor that knows it takes no harm. */
export async function pingOfStandings(
  config: Config,
  standings: readonly Standing[],
  hooks: { warn: Warn },
): Promise<void> {
  const pinger = new Pinger(config, hooks);
  for (const { arrangement, stale, underWay } of standings) {
    if (underWay.killed !== null) pinger.ended({ arrangement, code: 'killed', exit: 137 });
    else if (stale) pinger.ended({ arrangement, code: 'stale', exit: 31 });
  }
  await pinger.finish();
}
