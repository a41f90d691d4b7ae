/** `doctor --write-test`: what a server does with two small files of made-up bytes under random names. */
import { randomBytes } from 'node:crypto';
import { DepotError } from '../errors.js';
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import { address } from './hostkeys.js';
import type { Link } from './link.js';
import { isSeen, statFile } from './stat.js';
import { ascending, closeFile, pieces, pieceSize, readBack, sizeBy, writePieces, WriteTest } from './probe-file.js';
import { LaneProbe, type OpensAgain } from './probe-lanes.js';
import { createFile } from './refusals.js';
import { ConnectionLost, isStatus, orRefusal, SftpStatus, Status } from './status.js';

const cleanMs = 8000;

/** Writes, renames and removes two files. `test` has what was found, also on errors: DepotError as a push. */
export async function testWrites(remote: Link, test: WriteTest = new WriteTest()): Promise<WriteTest> {
  try {
    await new WriteProbe(remote, test).run();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    throw new DepotError(
      'connection-lost',
      `the connection to ${address(remote.spec)} was lost during the write test: ${error.message}`,
      { hint: 'run: «depot doctor --write-test»', cause: error },
    );
  }
  return test;
}

class WriteProbe {
  readonly #base = `depot-test-${randomBytes(8).toString('hex')}`;
  readonly #made = new Set<string>();
  /** Another open is of the same file, as far as can be seen: what it is otherwise. */
  #opensAgain: OpensAgain = true;
  /** The second open may have cut the file off. */
  #cut = false;

  constructor(
    private readonly remote: Link,
    private readonly test: WriteTest,
  ) {}

  async run(): Promise<void> {
    const session = await this.remote.session();
    const { channel } = session;
    try {
      const final = `${this.#base}-1.bin`;
      const first = this.#name(1);
      const handle = await this.#create(channel, first);
      // Nothing else is asked of the file before it is written: there are servers that a second open puts out.
      await writePieces([{ channel, handle }], this.remote.path(first), ascending());
      await this.#flush(channel, handle);
      await this.#openAgain(channel, handle, first);
      await closeFile({ channel, handle }, this.remote.path(first));
      let there = await this.#closed(channel, first);
      // An agent that collects files at their close may do so a moment later: at any step until the rename.
      if (there !== 'gone' && !(await this.#pipelined(channel, first)) && there === 'seen')
        there = this.#takenAtClose(first);
      if (there === 'seen' && !(await this.#exclusive(channel, first))) there = this.#takenAtClose(first);
      const renamed = there !== 'gone' && (await this.#rename(channel, first, final));

      const second = this.#name(2);
      const other = await this.#create(channel, second);
      const extra = await session.openChannel().catch(() => null);
      const lanes = new LaneProbe(this.remote, this.test, this.remote.path(second));
      await lanes.run({ channel, handle: other }, extra, this.#opensAgain);
      if (renamed) await this.#overwrite(channel, second, final);
    } finally {
      await this.#clean();
    }
  }

  /** Of the kind that a push would write to: a server may treat hidden files differently. */
  #name(n: number): string {
    return this.remote.spec.publish === 'direct' ? `${this.#base}-${n}.bin` : `.${this.#base}-${n}.partial`;
  }

  async #create(channel: SftpChannel, name: string): Promise<Buffer> {
    const handle = await createFile(channel, this.remote, name);
    this.#made.add(name);
    return handle;
  }

  /** False when the file is gone: then the server was right to create it. */
  async #exclusive(channel: SftpChannel, name: string): Promise<boolean> {
    const path = this.remote.path(name);
    // Both at once, so that nobody takes it between the two.
    const [found, handle] = await Promise.all([statFile(channel, path), orRefusal(channel.create(path))]);
    if (handle instanceof SftpStatus) {
      this.test.found('exclusive create', 'passed', 'an existing file is refused');
    } else if (found === null) {
      await orRefusal(channel.close(handle));
      return false;
    } else {
      this.test.found(
        'exclusive create',
        'warning',
        'the server opens an existing file even when told not to; names are random, so nothing is overwritten',
      );
      await orRefusal(channel.close(handle));
    }
    return true;
  }

  async #flush(channel: SftpChannel, handle: Buffer): Promise<void> {
    if (!channel.has('fsync@openssh.com')) {
      this.test.found(
        'fsync',
        'not possible',
        'the server does not offer it; receipts say size-checked or acknowledged-only',
      );
      return;
    }
    const answer = await orRefusal(channel.fsync(handle));
    if (answer instanceof SftpStatus) this.test.found('fsync', 'warning', 'offered, but refused');
    else this.test.found('fsync', 'passed', 'files are flushed before they are published');
  }

  /** Going on after a lost connection needs a file that has its name while open, and that a second open opens again. */
  async #openAgain(channel: SftpChannel, handle: Buffer, name: string): Promise<void> {
    const spool = (because: string): { hint?: string } => this.test.advise('spool: true', because);
    if ((await statFile(channel, this.remote.path(name))) === null) {
      this.#opensAgain = 'another file';
      this.test.found(
        'open again',
        'warning',
        'not possible: the server names a file only when it is closed; after a lost connection an upload starts over, and the first one may appear later, truncated',
        spool('the server names a file only when it is closed, so an upload cannot continue after a lost connection'),
      );
      return;
    }
    if (await this.#createsAnyway(channel)) {
      this.#opensAgain = 'another file';
      this.test.found(
        'open again',
        'warning',
        'the server makes a new file when told to open an existing one; after a lost connection an upload starts over',
        spool(
          'the server makes a new file when told to open an existing one, so an upload cannot continue after a lost connection',
        ),
      );
      return;
    }
    // Where a close may collect the file, it is not closed for a question.
    if (this.remote.spec.publish === 'direct') return;
    const again = await orRefusal(channel.open(this.remote.path(name), OpenFlag.WRITE));
    if (again instanceof SftpStatus) {
      this.#opensAgain = 'refused';
      this.test.found(
        'open again',
        'warning',
        'refused; after a lost connection an upload starts over',
        spool('a file cannot be opened again, so an upload cannot continue after a lost connection'),
      );
      return;
    }
    const [size, was] = [await sizeBy(channel, again), await sizeBy(channel, handle)];
    await orRefusal(channel.close(again));
    // All that was written is acknowledged, so both show it, or neither shows sizes.
    const wanted = pieceSize(channel) * pieces;
    if (size !== was || (size !== null && size !== wanted)) this.#opensAgain = 'another file';
    this.#cut = was !== null && was < wanted;
    if (size === null)
      this.test.found(
        'open again',
        'not possible',
        `allowed, but the server does not show the file's size; ${this.remote.placesWrites ? 'an upload continues after a lost connection' : 'after a lost connection an upload starts over'}`,
      );
    else if (this.#opensAgain === true)
      this.test.found('open again', 'passed', 'an upload can continue after a lost connection');
    else
      this.test.found(
        'open again',
        'warning',
        'the server opens another file, or not all of this one; after a lost connection an upload starts over',
        spool('the server opens another file, or not all of it, so an upload cannot continue after a lost connection'),
      );
  }

  /** Whether it makes a file that it was told to open, under a name that nobody has. */
  async #createsAnyway(channel: SftpChannel): Promise<boolean> {
    const name = this.#name(3);
    const handle = await orRefusal(channel.open(this.remote.path(name), OpenFlag.WRITE));
    if (handle instanceof SftpStatus) return false;
    this.#made.add(name);
    await orRefusal(channel.close(handle));
    return true;
  }

  /** Whether the file is still there after its close. */
  async #closed(channel: SftpChannel, name: string): Promise<'seen' | 'hidden' | 'gone'> {
    const found = await statFile(channel, this.remote.path(name));
    if (found === 'unreadable')
      this.test.found('stat', 'not possible', 'the server does not show files; receipts say unreadable');
    else if (found !== null) this.test.found('stat', 'passed', 'a file can be seen until it is published');
    if (found !== null) return found === 'unreadable' ? 'hidden' : 'seen';
    return this.#takenAtClose(name);
  }

  #takenAtClose(name: string): 'gone' | 'hidden' {
    if (this.remote.spec.publish === 'direct') return 'hidden';
    this.#unsure('close', 'a file disappears when it is closed, before it can be renamed');
    this.test.collected.push(name);
    return 'gone';
  }

  /** What a push with `publish: rename` would come to: nothing that it could be sure of. */
  #unsure(name: string, what: string): void {
    this.test.found(name, 'failed', `${what}; a push would end unconfirmed, with exit status 18`, {
      ...this.test.advise('publish: direct', what),
      code: 'unconfirmed',
    });
  }

  /** It is out of sight, which is how agents take what is complete. */
  #took(name: string): void {
    if (this.#made.delete(name) && !this.test.collected.includes(name)) this.test.collected.push(name);
  }

  /** What a push does at any server: many writes on their way, in order, in one lane. False when the file is gone. */
  async #pipelined(channel: SftpChannel, name: string): Promise<boolean> {
    const what = 'pipelined writes';
    const wanted = pieceSize(channel) * pieces;
    const right = await readBack(channel, this.remote.path(name));
    const found = await statFile(channel, this.remote.path(name));
    const size = isSeen(found) ? found.size : null;
    if ((right === false || (right === null && size !== null && size !== wanted)) && this.#cut) {
      this.test.found(what, 'not possible', 'not compared: opening the file a second time cut it off');
    } else if (right === false || (right === null && size !== null && size !== wanted)) {
      this.test.found(what, 'failed', 'damage the file without an error', {
        hint: `${this.test.advise('window: 1', `${what} damage the file`).hint!}, and tell the agent`,
      });
    } else if (right === true) {
      this.test.found(what, 'passed', 'arrive as they were sent: the file was read back and compared');
    } else if (size !== null) {
      this.test.found(
        what,
        'not possible',
        'the size is right; the contents were not compared, since the server does not let us read',
      );
    } else {
      this.test.found(what, 'not possible', 'the server neither shows nor returns what was written');
    }
    return found !== null;
  }

  async #rename(channel: SftpChannel, from: string, to: string): Promise<boolean> {
    if (this.remote.spec.publish === 'direct') return false;
    const answer = await orRefusal(channel.rename(this.remote.path(from), this.remote.path(to)));
    if (answer instanceof SftpStatus) {
      if (isStatus(answer, Status.NO_SUCH_FILE)) {
        this.#unsure('rename', 'the file was gone before it could be renamed');
        this.#took(from);
      } else {
        this.test.found(
          'rename',
          'failed',
          'refused',
          this.test.advise('publish: direct', 'the server refuses to rename'),
        );
      }
      return false;
    }
    const found = await statFile(channel, this.remote.path(to));
    if (!isSeen(found) && isSeen(await statFile(channel, this.remote.path(from)))) {
      // `to` is not there, or does not show: nobody took it.
      if (found === 'unreadable') this.#made.add(to);
      this.#unsure('rename', 'the server answered OK but did not do it');
      return false;
    }
    this.#made.delete(from);
    this.#made.add(to);
    this.test.found(
      'rename',
      'passed',
      found === null ? 'allowed; the file then disappears from sight, as expected' : 'allowed',
    );
    if (found === null) this.#took(to);
    return found !== null;
  }

  /** On a file of our own, which is the only one that this could cost. */
  async #overwrite(channel: SftpChannel, from: string, to: string): Promise<void> {
    const answer = await orRefusal(channel.rename(this.remote.path(from), this.remote.path(to)));
    if (answer instanceof SftpStatus) {
      this.test.found('rename over a file', 'passed', 'refused');
      return;
    }
    const undone = isSeen(await statFile(channel, this.remote.path(from)));
    if (!undone) this.#made.delete(from);
    this.test.found(
      'rename over a file',
      'warning',
      `${undone ? 'the server answered OK but did not do it' : 'the server silently overwrites existing files'}; depot checks first and uses random names`,
    );
  }

  /** Over a new connection when the old one is gone, for as long as a person waits. */
  async #clean(): Promise<void> {
    const { left, collected } = this.test;
    const signal = AbortSignal.any([this.remote.hooks.signal, AbortSignal.timeout(cleanMs)]);
    for (const name of [...this.#made]) {
      try {
        if ((await this.remote.stat(name, signal)) === null) {
          // Of two files the agent may have been quicker than we with one only.
          if (name === this.#name(2) && this.test.propose.publish === undefined) this.#takenAtClose(name);
          this.#took(name);
          continue;
        }
        const removal = await this.remote.removePartial(name, signal);
        if (removal === 'refused' && (await this.remote.stat(name, signal)) !== null) left.push(name);
      } catch {
        left.push(name);
      }
    }
    if (left.length > 0)
      this.test.found('remove', 'warning', `the server refused; left there: ${left.join(', ')}`, {
        hint: 'ask the agent to remove them',
      });
    else if (this.#made.size > 0) this.test.found('remove', 'passed', 'allowed; nothing is left');
    if (collected.length > 0)
      this.test.found('collected', 'warning', `the agent took ${collected.join(', ')}`, {
        hint: 'tell the agent that they are not deposits',
      });
  }
}
