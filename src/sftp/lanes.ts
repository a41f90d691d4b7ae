import { positionOf, type Piece } from './write-queue.js';
import type { SftpChannel } from './channel.js';
import type { ConnectionLost, SftpStatus } from './status.js';
import type { RemoteSpec } from './types.js';

/** As many as help on any line that was measured. */
export const mostLanes = 8;

/** OpenSSH's window for a session channel: more than this is never on its way in one lane. */
const channelWindow = 2 * 1024 * 1024;

/** One SFTP channel with the remote file open in it, and its writes in flight. */
export class Lane {
  readonly writeSize: number;
  readonly inFlight = new Set<Piece>();
  bytesInFlight = 0;
  readonly #bytes: number;

  /** `window`: writes in flight; bounded in bytes too, just over what the channel's window lets out. */
  constructor(
    readonly channel: SftpChannel,
    readonly handle: Buffer,
    private readonly window: number,
  ) {
    this.writeSize = channel.writeSize;
    this.#bytes = laneBytes(this.writeSize, window);
  }

  get hasRoom(): boolean {
    return !this.channel.lost && this.inFlight.size < this.window && this.bytesInFlight < this.#bytes;
  }

  send(piece: Piece, answered: (error: SftpStatus | ConnectionLost | null) => void): void {
    const { block, start, end } = piece;
    this.inFlight.add(piece);
    this.bytesInFlight += end - start;
    this.channel.write(
      this.handle,
      block.bytes,
      start,
      end,
      positionOf(piece),
      (error) => {
        if (!this.inFlight.delete(piece)) return;
        this.bytesInFlight -= end - start;
        answered(error);
      },
      false,
    );
  }

  /** Takes the unanswered writes away; answers that still come for them are ignored. */
  takeBack(): Piece[] {
    const pieces = [...this.inFlight];
    this.inFlight.clear();
    this.bytesInFlight = 0;
    return pieces;
  }
}

/** How many lanes an upload may have, and what decides that. */
export interface LaneRule {
  lanes: 'auto' | number;
  because: 'publish: direct' | 'OpenSSH' | 'tested' | 'untested' | 'unsafe' | 'one channel';
}

interface Server {
  /** `SSH-2.0-…` */
  server: string;
  hostKey: string;
}

/** Why a server is known to put each write at its offset, whatever the order; null when it is not known. */
export function knownToPlace(
  { laneSafe, oneLane }: Pick<RemoteSpec, 'laneSafe' | 'oneLane'>,
  remote: Server,
): 'OpenSSH' | 'tested' | null {
  // Others sit behind OpenSSH's name, too: what was seen of this one counts.
  if (oneLane?.because === 'unsafe' && isSame(oneLane, remote)) return null;
  if (/^SSH-2\.0-OpenSSH/.test(remote.server)) return 'OpenSSH';
  return laneSafe !== undefined && isSame(laneSafe, remote) ? 'tested' : null;
}

function isSame(one: Server, other: Server): boolean {
  return one.server === other.server && one.hostKey === other.hostKey;
}

/** Several lanes only where they are known to be taken right, and never where a close may collect the file. */
export function lanesAllowed(
  spec: Pick<RemoteSpec, 'publish' | 'laneSafe' | 'oneLane' | 'lanes'>,
  remote: Server,
): LaneRule {
  if (spec.publish === 'direct') return { lanes: 1, because: 'publish: direct' };
  if (spec.oneLane !== undefined && isSame(spec.oneLane, remote)) return { lanes: 1, because: spec.oneLane.because };
  const known = knownToPlace(spec, remote);
  return known === null ? { lanes: 1, because: 'untested' } : { lanes: spec.lanes, because: known };
}

/** The window, and two writes that wait at the door so that it is full again at once when it opens. */
export function laneBytes(writeSize: number, window: number): number {
  return Math.min(window * writeSize, channelWindow + 2 * writeSize);
}

/**
 * When an upload gets more lanes: every lane is full and moves about one window per round trip. Less means that the
 * link or a processor is the limit, and then another lane would only queue.
 */
export class LaneGrowth {
  #max: number;
  readonly #fixed: boolean;
  #changedAt = 0;
  #since = 0;
  #bytes = 0;
  #answers = 0;
  #full = 0;

  constructor(lanes: 'auto' | number) {
    this.#fixed = lanes !== 'auto';
    this.#max = lanes === 'auto' ? mostLanes : lanes;
  }

  /** The server refused a lane, or took one away: no more. */
  stop(): void {
    this.#max = 1;
  }

  /** After each acknowledged write; the number of lanes there should be. */
  wanted(lanes: number, bytes: number, full: boolean, roundTripMs: number): number {
    if (lanes >= this.#max) return lanes;
    if (this.#fixed) return this.#max;
    const now = performance.now();
    // A new lane shows what it does one round trip after its first write. The first answer from then on starts the clock.
    if (now - this.#changedAt < roundTripMs) return lanes;
    if (this.#since === 0 || now - this.#since > 5000) {
      this.#measureFrom(now);
      return lanes;
    }
    this.#bytes += bytes;
    this.#answers++;
    if (full) this.#full++;
    const elapsed = now - this.#since;
    if (elapsed < Math.max(roundTripMs, 20) || this.#answers < 8) return lanes;
    const perRoundTrip = (this.#bytes / elapsed) * roundTripMs;
    const limited = this.#full >= 0.8 * this.#answers && perRoundTrip >= 0.6 * channelWindow * lanes;
    this.#measureFrom(now);
    return limited ? Math.min(this.#max, lanes * 3) : lanes;
  }

  /** There are more lanes than before. */
  changed(): void {
    this.#changedAt = performance.now();
    this.#measureFrom(0);
  }

  #measureFrom(now: number): void {
    this.#since = now;
    this.#bytes = this.#answers = this.#full = 0;
  }
}
