import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import type { Link } from './link.js';
import {
  ascending,
  closeFile,
  pieces,
  pieceSize,
  readBack,
  sizeBy,
  writePieces,
  type OpenFile,
  type WriteTest,
} from './probe-file.js';
import { isSeen, statFile } from './stat.js';
import { orRefusal, SftpStatus } from './status.js';

/** Whether another open is of the same file, as far as can be seen; and what it is otherwise. */
export type OpensAgain = true | 'refused' | 'another file';

/** The part of the write test that is about several lanes: one file, written over two channels. */
export class LaneProbe {
  constructor(
    private readonly remote: Link,
    private readonly test: WriteTest,
    private readonly path: string,
  ) {}

  /** Out of order, twice, and over two channels at once; sizes tell along the way which go wrong, and only reading back at the end that all went right. */
  async run(first: OpenFile, extra: SftpChannel | null, opensAgain: OpensAgain): Promise<void> {
    const { channel } = first;
    const second =
      extra && opensAgain === true ? await orRefusal(extra.open(this.path, OpenFlag.WRITE)).catch(() => null) : null;
    if (!extra || !second || second instanceof SftpStatus) {
      // Also at one that calls itself OpenSSH: the pieces of two lanes would not come together.
      const apart = opensAgain === 'another file';
      const why = apart
        ? 'a second channel would not write to the same file'
        : 'the server allows only one channel while the file is open';
      this.test.lanes = apart ? 'unsafe' : 'one channel';
      this.test.found('lanes', 'passed', `${why}; uploads use one`, apart ? this.#oneLane(why) : {});
      await closeFile(first, this.path);
      extra?.end();
      return;
    }
    const other = { channel: extra, handle: second };
    const sizes = await this.#scatter(first, other);
    const open = await readBack(channel, this.path);
    await closeFile(other, this.path);
    await closeFile(first, this.path);
    extra.end();
    const closed = await statFile(channel, this.path);
    const wanted = pieceSize(channel) * pieces;
    let bySize = isSeen(closed) ? sizes : null;
    if (sizes === false || (isSeen(closed) && closed.size !== wanted)) bySize = false;
    const read = await readBack(channel, this.path);
    this.#judgeLanes(bySize, read, open === false && read === true);
  }

  /**
   * Writes the last piece first, then the rest backwards over both handles. Only positioned writes keep the size at
   * what the last piece made it. The first handle never writes the last piece: a file of its own is shorter. Null when
   * a handle shows no sizes.
   */
  async #scatter(a: OpenFile, b: OpenFile): Promise<boolean | null> {
    const wanted = pieceSize(a.channel) * pieces;
    const last = pieces - 1;
    let seen: boolean | null = true;
    for (const [to, order] of [
      [[b], [last]],
      [[a], [0]],
      [[a, b], ascending().slice(2, last).reverse()],
      [
        [b, a],
        [4, 3],
      ],
      [[a], [1]],
    ] as [OpenFile[], number[]][]) {
      await writePieces(to, this.path, order);
      const [byA, byB] = [await sizeBy(a.channel, a.handle), await sizeBy(b.channel, b.handle)];
      if ((byA !== null && byA !== wanted) || (byB !== null && byB !== wanted)) seen = false;
      else if ((byA === null || byB === null) && seen !== false) seen = null;
    }
    return seen;
  }

  /** Several lanes would do harm: to be set, although what is remembered of the server has the same effect. */
  #oneLane(because: string): { hint?: string } {
    return this.remote.spec.lanes === 1 ? {} : this.test.advise('lanes: 1', because);
  }

  /** Null: not to be had. `held`: there only after the close, so a lost lane would take acknowledged writes along. */
  #judgeLanes(sizes: boolean | null, read: boolean | null, held: boolean): void {
    const what = 'parallel writes';
    const { publish } = this.remote.spec;
    if (held || sizes === false || read === false) {
      this.test.lanes = 'unsafe';
      let wrong = 'damage the file without an error';
      if (held) wrong = 'are not in the file before it is closed, though the server acknowledged them';
      if (sizes === false) wrong = 'do not end up where they belong: the sizes are wrong';
      const { hint } = this.#oneLane(`${what} ${wrong}`);
      this.test.found(what, 'warning', `${wrong}; uploads use one lane`, {
        hint: hint === undefined ? 'tell the agent' : `${hint}, and tell the agent`,
      });
    } else if (read === null) {
      // Sizes alone prove no lane safe: a server may write back whole blocks of each handle, over what another wrote.
      this.test.found(
        what,
        'not possible',
        sizes === null
          ? 'the server does not show what became of them'
          : 'the sizes are right; the contents were not compared, since the server does not let us read',
      );
    } else {
      if (publish === 'rename') this.test.lanes = 'safe';
      this.test.found(what, 'passed', 'arrive as they were sent: the file was read back and compared');
    }
  }
}
