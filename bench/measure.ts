import { spawn } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one run of a command cost: the whole process tree. */
export interface Measurement {
  seconds: number;
  /** User and system time of the command and all that it waited for. */
  cpuSeconds: number;
  /** The same of the servers meanwhile: sshd, and the relay where there is one. */
  serverCpuSeconds: number;
  /** Highest sum of resident sizes over the tree, sampled; what processes share is counted for each. */
  peakMiB: number;
}

/** What one run left at the server, sent through the relay, and keeps on this machine; null where that is not counted. */
export interface Sizes {
  storedMiB: number;
  sentMiB: number | null;
  receivedMiB: number | null;
  localMiB: number | null;
}

export interface Command {
  /** Run by bash with pipefail. */
  script: string;
  env?: NodeJS.ProcessEnv;
}

const sampleMs = 50;
const clockTicks = 100;

/** Runs a command to its end; a failure is an error with the end of what it printed. `servers`: processes that work for it. */
export async function measure({ script, env }: Command, servers: readonly number[] = []): Promise<Measurement> {
  const served = cpuSecondsOf(servers);
  const started = performance.now();
  // The trailing builtin makes bash stay and wait, so that the children's times end up in its own.
  const child = spawn(
    'bash',
    [
      '-o',
      'pipefail',
      '-c',
      `${script}\nstatus=$?; read -r -a t < /proc/$$/stat; echo "cpu \${t[15]} \${t[16]}" >&3; exit $status`,
    ],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  let times = '';
  child.stderr!.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-4000)));
  child.stdio[3]!.on('data', (bytes: Buffer) => (times += bytes.toString()));
  let peak = 0;
  const sampler = setInterval(() => (peak = Math.max(peak, residentOf(child.pid!))), sampleMs);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(sampler);
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`exit ${code}: ${script}\n${said}`);
  const [, user = 0, system = 0] = times.split(' ').map(Number);
  return {
    seconds,
    cpuSeconds: (user + system) / clockTicks,
    serverCpuSeconds: cpuSecondsOf(servers) - served,
    peakMiB: peak / (1 << 20),
  };
}

/** Resident bytes of a process and all below it. */
function residentOf(root: number): number {
  return trees([root]).reduce((sum, { resident }) => sum + resident, 0);
}

/** Of processes and all below them, those that have ended included. */
function cpuSecondsOf(roots: readonly number[]): number {
  return trees(roots).reduce((sum, { ticks }) => sum + ticks, 0) / clockTicks;
}

interface Process {
  pid: number;
  parent: number;
  resident: number;
  ticks: number;
}

/** These processes and all below them, by /proc/PID/stat (proc(5)). */
function trees(roots: readonly number[]): Process[] {
  const all: Process[] = [];
  for (const name of roots.length === 0 ? [] : readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      all.push({
        pid: Number(name),
        parent: fields[1],
        resident: fields[21] * 4096,
        ticks: fields[11] + fields[12] + fields[13] + fields[14],
      });
    } catch {
      // It ended while we looked.
    }
  }
  const found: Process[] = [];
  const next = [...roots];
  for (let pid = next.pop(); pid !== undefined; pid = next.pop()) {
    found.push(...all.filter((process) => process.pid === pid));
    next.push(...all.filter((process) => process.parent === pid).map((process) => process.pid));
  }
  return found;
}

/** Bytes in the files below a directory. */
export function bytesBelow(directory: string): number {
  return readdirSync(directory, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sum + bytesBelow(path);
    return sum + (entry.isFile() ? lstatSync(path).size : 0);
  }, 0);
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
