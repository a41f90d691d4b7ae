/**
 * `doctor --write-test`: what a server does with files, found out on two small ones. They hold a pattern that
 * is made here, never anything of the supplier's, and their names are random.
 */
import { randomBytes } from 'node:crypto';
import { DepotError } from '../errors.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { address } from './hostkeys.js';
import type { Link } from './link.js';
import { explainCreate } from './refused.js';
import { lookAt } from './look.js';
import { ConnectionLost, isStatus, refusal, SftpStatus, Status } from './status.js';

export interface WriteFinding {
  name: string;
  result: 'passed' | 'warning' | 'failed' | 'not possible';
  detail: string;
  hint?: string;
}

export interface WriteTest {
  findings: WriteFinding[];
  /** Keys of `remote:` that fit this server better than what the config says. */
  propose: { publish?: 'direct'; lanes?: 1; window?: 1 };
  /** Parallel, out-of-order writes over two channels came out right: worth remembering for this server. */
  laneSafe: boolean;
  /** Remote names that may still be there. */
  left: string[];
  /** Names that went out of sight when they were closed or renamed: the agent has them. */
  collected: string[];
}

const create = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE;
const pieces = 24;
const cleanMs = 8000;

/**
 * Writes, renames and removes two files; `test` has what was found so far, also when this throws.
 *
 * @throws DepotError as a push would: what the server refused, `connection-lost` when it does not answer
 */
export async function testWrites(remote: Link, test: WriteTest = emptyTest()): Promise<WriteTest> {
  try {
    await new WriteProbe(remote, test).run();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    throw new DepotError('connection-lost', `the connection to ${address(remote.spec)} was lost during the write test: ${error.message}`, { hint: 'run: «depot doctor --write-test»', cause: error });
  }
  return test;
}

/** Where nothing was found out yet. */
export function emptyTest(): WriteTest {
  return { findings: [], propose: {}, laneSafe: false, left: [], collected: [] };
}

class WriteProbe {
  readonly #remote: Link;
  readonly #test: WriteTest;
  readonly #base = `depot-test-${randomBytes(8).toString('hex')}`;
  readonly #made = new Set<string>();

  constructor(remote: Link, test: WriteTest) {
    this.#remote = remote;
    this.#test = test;
  }

  async run(): Promise<void> {
    const session = await this.#remote.session();
    const { channel } = session;
    try {
      const final = `${this.#base}-1.bin`;
      const first = this.#name(1);
      const handle = await this.#create(channel, first);
      await this.#exclusive(channel, first);
      await this.#write(channel, [{ channel, handle }], first, ascending());
      await this.#flush(channel, handle);
      await this.#openAgain(channel, first);
      await this.#close(channel, handle, first);
      const there = await this.#closed(channel, first);
      if (there) await this.#readBack(channel, first, 'pipelined writes', { window: 1 });
      const renamed = there && (await this.#rename(channel, first, final));

      const second = this.#name(2);
      const other = await this.#create(channel, second);
      const extra = await session.openChannel().catch(() => null);
      await this.#lanes(channel, other, extra, second);
      if (renamed) await this.#overwrite(channel, second, final);
    } finally {
      await this.#clean();
    }
  }

  /** Of the kind that a push would write to: a server may treat hidden files differently. */
  #name(n: number): string {
    return this.#remote.spec.publish === 'direct' ? `${this.#base}-${n}.bin` : `.${this.#base}-${n}.partial`;
  }

  async #create(channel: SftpChannel, name: string): Promise<Buffer> {
    try {
      const handle = await channel.open(this.#remote.path(name), create);
      this.#made.add(name);
      return handle;
    } catch (error) {
      if (error instanceof SftpStatus) throw await explainCreate(channel, this.#remote, name, error);
      throw error;
    }
  }

  async #exclusive(channel: SftpChannel, name: string): Promise<void> {
    const handle = await refused(channel.open(this.#remote.path(name), create));
    if (handle instanceof SftpStatus) {
      this.#found('exclusive create', 'passed', 'an existing file is refused');
    } else {
      this.#found('exclusive create', 'warning', 'the server opens an existing file although it was told not to; names are random, so nothing is overwritten');
      await refused(channel.close(handle));
    }
  }

  async #write(channel: SftpChannel, to: { channel: SftpChannel; handle: Buffer }[], name: string, order: number[]): Promise<void> {
    const size = pieceSize(channel);
    const content = pattern(size * pieces);
    await Promise.all(order.map((piece, i) => new Promise<void>((resolve, reject) => {
      const lane = to[i % to.length]!;
      lane.channel.write(lane.handle, content, piece * size, (piece + 1) * size, piece * size, (error) => {
        if (error === null) resolve();
        else reject(error instanceof SftpStatus ? refusal(error, `write ${this.#remote.path(name)}`) : error);
      });
    })));
  }

  async #flush(channel: SftpChannel, handle: Buffer): Promise<void> {
    if (!channel.has('fsync@openssh.com')) {
      this.#found('fsync', 'not possible', 'the server does not offer it; receipts say size-checked or acknowledged-only');
      return;
    }
    const answer = await refused(channel.fsync(handle));
    if (answer instanceof SftpStatus) this.#found('fsync', 'warning', 'offered, but refused');
    else this.#found('fsync', 'passed', 'files are flushed before they are published');
  }

  /** What going on in the same partial after a lost connection rests on. Not where a close may collect the file. */
  async #openAgain(channel: SftpChannel, name: string): Promise<void> {
    if (this.#remote.spec.publish === 'direct') return;
    const handle = await refused(channel.open(this.#remote.path(name), OpenFlag.WRITE));
    if (handle instanceof SftpStatus) {
      this.#found('open again', 'warning', 'refused; after a lost connection an upload begins again', 'set spool: true for the arrangement, so that its sources are read once');
      return;
    }
    this.#found('open again', 'passed', 'an upload can go on after a lost connection');
    await refused(channel.close(handle));
  }

  async #close(channel: SftpChannel, handle: Buffer, name: string): Promise<void> {
    const answer = await refused(channel.close(handle));
    if (answer instanceof SftpStatus) throw refusal(answer, `close ${this.#remote.path(name)}`);
  }

  /** Whether the file is still there after its close; true too where we may not look. */
  async #closed(channel: SftpChannel, name: string): Promise<boolean> {
    const found = await lookAt(channel, this.#remote.path(name));
    if (found === 'unreadable') this.#found('stat', 'not possible', 'the server does not show files; receipts say unreadable');
    else if (found !== null) this.#found('stat', 'passed', 'a file can be seen until it is published');
    if (found !== null || this.#remote.spec.publish === 'direct') return true;
    this.#found('close', 'warning', 'a file disappears when it is closed', 'set remote.publish: direct');
    this.#test.propose.publish = 'direct';
    this.#took(name);
    return false;
  }

  /** It is out of sight, which is how agents take what is complete. */
  #took(name: string): void {
    if (this.#made.delete(name)) this.#test.collected.push(name);
  }

  /** Compares by reading, or by size where reading is denied; null when neither is possible. */
  async #compare(channel: SftpChannel, name: string): Promise<boolean | null> {
    const path = this.#remote.path(name);
    const wanted = pattern(pieceSize(channel) * pieces);
    const handle = await refused(channel.open(path, OpenFlag.READ));
    if (!(handle instanceof SftpStatus)) {
      const read: Buffer[] = [];
      for (let at = 0; at < wanted.length;) {
        const part = await refused(channel.read(handle, Math.min(16_384, wanted.length - at), at));
        if (part instanceof SftpStatus || part.length === 0) break;
        read.push(part);
        at += part.length;
      }
      await refused(channel.close(handle));
      if (read.length > 0) return Buffer.concat(read).equals(wanted);
    }
    const found = await lookAt(channel, path);
    return found === null || found === 'unreadable' ? null : found.size === wanted.length;
  }

  async #readBack(channel: SftpChannel, name: string, what: string, proposal: WriteTest['propose']): Promise<boolean> {
    const right = await this.#compare(channel, name);
    if (right === null) {
      this.#found(what, 'not possible', 'the server neither shows nor gives back what was written');
    } else if (right) {
      this.#found(what, 'passed', 'arrive as they were sent');
    } else {
      this.#found(what, 'failed', 'damage the file without an error', `set ${Object.entries(proposal).map(([key, value]) => `remote.${key}: ${value}`).join(' and ')}, and tell the agent`);
      Object.assign(this.#test.propose, proposal);
    }
    return right === true;
  }

  async #rename(channel: SftpChannel, from: string, to: string): Promise<boolean> {
    if (this.#remote.spec.publish === 'direct') return false;
    const answer = await refused(channel.rename(this.#remote.path(from), this.#remote.path(to)));
    if (answer instanceof SftpStatus) {
      const gone = isStatus(answer, Status.NO_SUCH_FILE);
      this.#found('rename', 'failed', gone ? 'the file was gone before it could be renamed' : 'refused', 'set remote.publish: direct');
      this.#test.propose.publish = 'direct';
      if (gone) this.#took(from);
      return false;
    }
    this.#made.delete(from);
    this.#made.add(to);
    const found = await lookAt(channel, this.#remote.path(to));
    this.#found('rename', 'passed', found === null ? 'allowed; the file then disappears from sight, as expected' : 'allowed');
    if (found === null) this.#took(to);
    return found !== null;
  }

  /** The second half of the file first, over two channels at once. */
  async #lanes(channel: SftpChannel, handle: Buffer, extra: SftpChannel | null, name: string): Promise<void> {
    const second = extra ? await refused(extra.open(this.#remote.path(name), OpenFlag.WRITE)).catch(() => null) : null;
    if (!extra || !second || second instanceof SftpStatus) {
      this.#found('lanes', 'passed', 'the server takes one channel with the file open; uploads use one');
      await this.#close(channel, handle, name);
      extra?.end();
      return;
    }
    await this.#write(channel, [{ channel, handle }, { channel: extra, handle: second }], name, ascending().reverse());
    await this.#close(extra, second, name);
    await this.#close(channel, handle, name);
    extra.end();
    this.#test.laneSafe = this.#remote.spec.publish === 'rename' && (await this.#readBack(channel, name, 'parallel writes', { lanes: 1 }));
  }

  /** On a file of our own, which is the only one that this could cost. */
  async #overwrite(channel: SftpChannel, from: string, to: string): Promise<void> {
    const answer = await refused(channel.rename(this.#remote.path(from), this.#remote.path(to)));
    if (answer instanceof SftpStatus) {
      this.#found('rename over a file', 'passed', 'refused');
      return;
    }
    this.#made.delete(from);
    this.#found('rename over a file', 'warning', 'replaces it without a word; depot looks before it renames, and its names are random');
  }

  /** Over a new connection when the old one is gone, for as long as a person waits. */
  async #clean(): Promise<void> {
    const { left, collected } = this.#test;
    const signal = AbortSignal.any([this.#remote.hooks.signal, AbortSignal.timeout(cleanMs)]);
    for (const name of [...this.#made]) {
      try {
        if ((await this.#remote.look(name, signal)) === null) {
          this.#took(name);
          continue;
        }
        const removal = await this.#remote.removePartial(name, signal);
        if (removal === 'refused' && (await this.#remote.look(name, signal)) !== null) left.push(name);
      } catch {
        left.push(name);
      }
    }
    if (left.length > 0) this.#found('remove', 'warning', `not possible; left at the server: ${left.join(', ')}`, 'ask the agent to remove them');
    else if (this.#made.size > 0) this.#found('remove', 'passed', 'allowed; nothing is left');
    if (collected.length > 0) this.#found('collected', 'warning', `the agent took ${collected.join(', ')}`, 'tell the agent that they are no deposits');
  }

  #found(name: string, result: WriteFinding['result'], detail: string, hint?: string): void {
    this.#test.findings.push({ name, result, detail, ...(hint === undefined ? {} : { hint }) });
  }
}

function ascending(): number[] {
  return Array.from({ length: pieces }, (_, i) => i);
}

/** Of the length that a push would write, so that a server that mishandles it shows. */
function pieceSize(channel: SftpChannel): number {
  return channel.writeSize;
}

/** Octets of which no two pieces are alike. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + (i >>> 16)) & 0xff;
  return bytes;
}

/** The server's answer, or its refusal; only a lost connection is an error here. */
async function refused<T>(request: Promise<T>): Promise<T | SftpStatus> {
  return request.catch((error: unknown) => {
    if (error instanceof SftpStatus) return error;
    throw error;
  });
}
