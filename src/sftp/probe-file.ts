/** The write test: what it found, the files that it writes, and what can be seen of them. */
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import { isStatus, refusal, orRefusal, SftpStatus, Status } from './status.js';

export interface WriteFinding {
  name: string;
  result: 'passed' | 'warning' | 'failed' | 'not possible';
  detail: string;
  hint?: string;
  /** With `failed`: what a push would end with. */
  code?: 'remote-refused' | 'unconfirmed';
}

/** A line of depot.yaml that fits a server better than what is set, and what was seen of the server that says so. */
export interface Advice {
  set: 'publish: direct' | 'lanes: 1' | 'window: 1' | 'spool: true';
  /** Whose key it is. */
  of: 'remote' | 'arrangement';
  because: string;
}

export class WriteTest {
  readonly findings: WriteFinding[] = [];
  readonly advice: Advice[] = [];
  /** The part of the advice that is about `remote:`. */
  readonly propose: { publish?: 'direct'; lanes?: 1; window?: 1 } = {};
  /** What is worth remembering of several lanes: the file came out right, or did not; the server takes one channel; null when it does not show. */
  lanes: 'safe' | 'unsafe' | 'one channel' | null = null;
  /** Remote names that may still be there. */
  readonly left: string[] = [];
  /** Names that went out of sight when they were closed or renamed: the agent has them. */
  readonly collected: string[] = [];

  /** `spooled`: the arrangement says `spool: true` already. */
  constructor(private readonly spooled = false) {}

  /** The hint for the finding that shows it; none where it is set already. */
  advise(set: Advice['set'], because: string): { hint?: string } {
    if (set === 'spool: true') {
      if (this.spooled) return {};
      this.advice.push({ set, of: 'arrangement', because });
      return { hint: 'set spool: true for the arrangement, so that its sources are read once' };
    }
    this.advice.push({ set, of: 'remote', because });
    if (set === 'publish: direct') this.propose.publish = 'direct';
    else if (set === 'lanes: 1') this.propose.lanes = 1;
    else this.propose.window = 1;
    return { hint: `set remote.${set}` };
  }

  found(
    name: string,
    result: WriteFinding['result'],
    detail: string,
    more: Pick<WriteFinding, 'hint' | 'code'> = {},
  ): void {
    this.findings.push({ name, result, detail, ...more });
  }
}

/** A file that is open in a channel. */
export interface OpenFile {
  channel: SftpChannel;
  handle: Buffer;
}

/** Of which a file is made: enough that several are on their way at a time. */
export const pieces = 12;

/** Of the length that a push would write, so that a server that mishandles it shows. */
export function pieceSize(channel: SftpChannel): number {
  return channel.writeSize;
}

export function ascending(): number[] {
  return Array.from({ length: pieces }, (_, i) => i);
}

/** Bytes of which no two pieces are alike. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + (i >>> 16)) & 0xff;
  return bytes;
}

/** Reads that wait for their answers at a time: a far server is not asked for one piece after the other. */
const readsAtOnce = 64;
const readSize = 16_384;

/** Whether the file holds all the pieces and no more: null when it cannot be read back. */
export async function readBack(channel: SftpChannel, path: string): Promise<boolean | null> {
  const wanted = pattern(pieceSize(channel) * pieces);
  const handle = await orRefusal(channel.open(path, OpenFlag.READ));
  if (handle instanceof SftpStatus) return null;
  const read = Buffer.alloc(wanted.length);
  const seen = { denied: false, short: false };
  const part = async (start: number): Promise<void> => {
    const end = Math.min(start + readSize, wanted.length);
    for (let at = start; at < end && !seen.denied && !seen.short; ) {
      const bytes = await orRefusal(channel.read(handle, end - at, at));
      if (bytes instanceof SftpStatus && !isStatus(bytes, Status.EOF)) seen.denied = true;
      else if (bytes instanceof SftpStatus || bytes.length === 0) seen.short = true;
      else at += bytes.copy(read, at);
    }
  };
  for (let from = 0; from < wanted.length; from += readsAtOnce * readSize) {
    await Promise.all(
      Array.from({ length: Math.min(readsAtOnce, Math.ceil((wanted.length - from) / readSize)) }, (_, i) =>
        part(from + i * readSize),
      ),
    );
  }
  const beyond = await orRefusal(channel.read(handle, 1, wanted.length));
  await orRefusal(channel.close(handle));
  if (seen.denied) return null;
  return !seen.short && !(Buffer.isBuffer(beyond) && beyond.length > 0) && read.equals(wanted);
}

/** By the handle; null when the server does not say. */
export async function sizeBy(channel: SftpChannel, handle: Buffer): Promise<number | null> {
  const size = await orRefusal(channel.fstat(handle));
  return size instanceof SftpStatus ? null : size;
}

/** Writes these pieces, over the handles in turn, all of them on their way at once. @throws DepotError as a push would */
export async function writePieces(to: OpenFile[], path: string, order: number[]): Promise<void> {
  const size = pieceSize(to[0]!.channel);
  const content = pattern(size * pieces);
  await Promise.all(
    order.map(
      (piece, i) =>
        new Promise<void>((resolve, reject) => {
          const { channel, handle } = to[i % to.length]!;
          channel.write(handle, content, piece * size, (piece + 1) * size, piece * size, (error) => {
            if (error === null) resolve();
            else reject(error instanceof SftpStatus ? refusal(error, `write ${path}`) : error);
          });
        }),
    ),
  );
}

/** @throws DepotError as a push would */
export async function closeFile({ channel, handle }: OpenFile, path: string): Promise<void> {
  const answer = await orRefusal(channel.close(handle));
  if (answer instanceof SftpStatus) throw refusal(answer, `close ${path}`);
}
