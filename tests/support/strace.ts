import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tempDir } from './cleanup.js';
import { bareEnvironment, type DepotOptions, depotScript } from './cli.js';
import { type Finished, run } from './process.js';

export interface Traced extends Finished {
  /** Absolute paths that the process tree created, opened for writing, renamed, linked or truncated. */
  written: string[];
  /** How many calls were examined: a trace that saw nothing proves nothing. */
  calls: number;
}

/** The calls that can put bytes, or a name, into a file system. */
const calls = [
  'open',
  'openat',
  'openat2',
  'creat',
  'rename',
  'renameat',
  'renameat2',
  'link',
  'linkat',
  'symlink',
  'symlinkat',
  'mkdir',
  'mkdirat',
  'mknod',
  'mknodat',
  'truncate',
];

/** Runs depot under strace and says where the whole process tree wrote. */
export async function traced(strace: string, args: readonly string[], options: DepotOptions = {}): Promise<Traced> {
  const file = join(tempDir('depot-strace'), 'trace');
  const program = [process.execPath, ...(options.node ?? []), options.script ?? depotScript, ...args];
  // Writes through io_uring cannot be traced, so io_uring_setup fails as on a kernel without it.
  const finished = await run(
    strace,
    [
      '-f',
      '-y',
      '-s',
      '4096',
      '-o',
      file,
      '-e',
      `trace=${calls.join(',')},clone,clone3,vfork,fork,io_uring_setup`,
      '-e',
      'inject=io_uring_setup:error=ENOSYS',
      ...program,
    ],
    {
      ...options,
      timeoutMs: options.timeoutMs ?? 300_000,
      env: bareEnvironment(options.env),
    },
  );
  const lines = readFileSync(file, 'latin1').split('\n');
  const uring = lines.find((line) => /io_uring_setup\(.*= \d/.test(line));
  if (uring !== undefined) throw new Error(`the process used io_uring, which this trace does not see: ${uring}`);
  const written = new Set<string>();
  for (const line of joinInterrupted(lines)) for (const path of writes(line)) written.add(path);
  return { ...finished, written: [...written].sort(), calls: lines.length };
}

/** `<unfinished …>` and `<… resumed>` halves of a call, put together again by process. */
function* joinInterrupted(lines: string[]): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of lines) {
    const call = /^(\d+)\s+(.*)$/.exec(line);
    if (call === null) continue;
    const [, pid, rest] = call;
    if (rest.endsWith('<unfinished ...>')) begun.set(pid, rest.replace(/\s*<unfinished \.\.\.>$/, ''));
    else if (rest.startsWith('<... ')) yield `${begun.get(pid) ?? ''}${rest.replace(/^<\.\.\. \S+ resumed>/, '')}`;
    else yield rest;
  }
}

/** The paths that one call wrote to, absolute; none for a failed one or one that only reads. */
function writes(line: string): string[] {
  const call = /^(?<name>\w+)\((?<args>.*)\)\s+= (?<result>-?\d+)(?:<(?<opened>[^>]*)>)?/.exec(line)?.groups as
    | Partial<Record<'name' | 'args' | 'result' | 'opened', string>>
    | undefined;
  if (call === undefined || call.result!.startsWith('-')) return [];
  const { name, args, opened } = call;
  if (name!.startsWith('open')) return /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE/.test(args!) ? [opened ?? args!] : [];
  if (name === 'creat') return [opened ?? args!];
  // (dirfd<path>, "name") pairs, or bare "name"s of the older calls.
  const found: string[] = [];
  for (const { groups } of args!.matchAll(/(?:(?:AT_FDCWD|\d+)<(?<directory>[^>]*)>, )?"(?<path>(?:[^"\\]|\\.)*)"/g)) {
    const { directory, path } = groups as { directory?: string; path: string };
    found.push(resolve(directory ?? '/', path));
  }
  // The target of a symlink is only text; the other calls change both names.
  return name!.startsWith('symlink') ? found.slice(-1) : found;
}
