/**
 * Run records: one line of JSON for each run, failed and skipped ones too. Whoever writes may not hold the lock, so
 * lines are only appended, each in one write, and readers pass a torn one over.
 */
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { ErrorCode, Published } from '../errors.js';
import { errorCode, localError, openOwn, syncDirectory, writeAll } from '../durable-file.js';
import { parseTimestamp } from '../names/deposit.js';
import type { ArrangementState } from './arrangement-state.js';

export interface RunRecord {
  schema: 'depot.run/1';
  arrangement: string;
  startedAt: string;
  finishedAt: string;
  exit: number;
  /** null when a deposit was made and nothing is left to say; `skipped` when there was nothing to do. */
  code: ErrorCode | 'skipped' | null;
  /** Why it failed or was skipped; of a deposit that was made, what somebody must hear of all the same. */
  message: string | null;
  /** What to do about it; not there where nothing was said, and in records of earlier versions. */
  hint?: string;
  published: Published;
  depositId: string | null;
  /** Of the suitcase. */
  bytes: number | null;
  seconds: number;
  lanes: number | null;
  attempts: number;
  reconnects: number;
  /** The name of the machine; this file stays on it. */
  host: string;
  /** What was read from the sources; not there when this run read none to the end. */
  dataset?: RunDataset;
}

export interface RunDataset {
  entries: number;
  bytes: number;
  /** What `exclude` and `oneFileSystem` left out. */
  excluded: {
    files: number;
    directories: number;
    bytes: number;
    /** By pattern. Not there without any, and in a record that would be too long with them. */
    patterns?: { source: string; pattern: string; files: number; directories: number; bytes: number }[];
    /** File systems that are mounted below a source. */
    mounts?: number;
  };
  /** What each holds; not there in records of earlier versions, and in one that would be too long with them. */
  sources?: { name: string; entries: number; bytes: number }[];
  /** The deposit that it was compared with; null when there was none, or `shrink` is off. */
  previous: { depositId: string; entries: number; bytes: number } | null;
  /** Much smaller than that. */
  shrunk: boolean;
}

/**
 * What somebody must hear of although the deposit was made, with what to do about it; null where there is nothing. A dataset
 * that shrank has an event of its own.
 */
export function noticeOf({
  code,
  message,
  hint,
  dataset,
}: Pick<RunRecord, 'code' | 'message' | 'hint' | 'dataset'>): string | null {
  return code !== null || typeof message !== 'string' || dataset?.shrunk === true
    ? null
    : `${message}${typeof hint === 'string' ? `; ${hint}` : ''}`;
}

const maxLineBytes = 64 * 1024;
const blockBytes = 64 * 1024;

/** Appends and fsyncs. `local-disk-full`, `local-not-writable`. */
export async function appendRun(state: ArrangementState, run: RunRecord): Promise<void> {
  const file = state.file('runs.ndjson');
  try {
    const handle = await openOwn(file, 'append');
    try {
      const { size } = await handle.stat();
      const fresh = size === 0 || (await readAt(handle, size - 1, 1))[0] === 10;
      const line = lineOf(run);
      // A line that a power loss cut in half gets its end here, and is then no record but harmless.
      await writeAll(handle, `${fresh ? '' : '\n'}${line}\n`);
      await handle.sync();
      if (size === 0) await syncDirectory(path.dirname(file));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw localError(error, 'write', file);
  }
}

function lineOf(run: RunRecord): string {
  const written = (left: readonly string[]): string =>
    JSON.stringify(run, (key, value: unknown) => {
      if (left.includes(key)) return undefined;
      return typeof value === 'string' && (key === 'message' || key === 'hint') ? value.slice(0, 4000) : value;
    });
  const line = written([]);
  // What readers pass over would be a run that never was.
  return Buffer.byteLength(line) <= maxLineBytes ? line : written(['sources', 'patterns']);
}

/** Run records from the newest to the oldest, reading no more of the file than is asked for. */
export async function* runsBackwards(state: ArrangementState): AsyncGenerator<RunRecord> {
  const file = state.file('runs.ndjson');
  let handle: FileHandle;
  try {
    handle = await openOwn(file, 'read');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw localError(error, 'read', file);
  }
  try {
    // `tail` is the beginning, still without its line start, of what was read last.
    let tail: Buffer = Buffer.alloc(0);
    for (let end = (await handle.stat()).size; end > 0; ) {
      const start = Math.max(0, end - blockBytes);
      const block = Buffer.concat([await readAt(handle, start, end - start), tail]);
      const lines = splitLines(block);
      tail = start === 0 ? Buffer.alloc(0) : lines.shift()!;
      // No record is this long: without the bound a file without newlines would be read into memory.
      if (tail.length > maxLineBytes) tail = Buffer.alloc(0);
      for (const line of lines.reverse()) {
        const run = parseRun(line);
        if (run !== null) yield run;
      }
      end = start;
    }
  } catch (error) {
    throw localError(error, 'read', file);
  } finally {
    await handle.close();
  }
}

/** The newest run that `wanted` accepts, or null. */
export async function lastRun(
  state: ArrangementState,
  wanted: (run: RunRecord) => boolean = () => true,
): Promise<RunRecord | null> {
  for await (const run of runsBackwards(state)) if (wanted(run)) return run;
  return null;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Its lines without their ends; the last one is what follows the last end, and empty where nothing does. */
export function splitLines(block: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = block.indexOf(10); end !== -1; end = block.indexOf(10, start)) {
    lines.push(block.subarray(start, end));
    start = end + 1;
  }
  lines.push(block.subarray(start));
  return lines;
}

function parseRun(line: Buffer): RunRecord | null {
  if (line.length === 0 || line.length > maxLineBytes) return null;
  try {
    const run = JSON.parse(line.toString('utf8')) as Partial<RunRecord> | null;
    if (run?.schema !== 'depot.run/1' || typeof run.exit !== 'number' || typeof run.finishedAt !== 'string')
      return null;
    return parseTimestamp(run.finishedAt) === null ? null : (run as RunRecord);
  } catch {
    return null;
  }
}
