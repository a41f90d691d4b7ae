import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What one run of a command cost: the whole process tree. */
export interface Measurement {
  seconds: number;
  /** User and system time of the command and all that it waited for; a server's share is not in it. */
  cpuSeconds: number;
  /** Highest sum of resident sizes over the tree, sampled; what processes share is counted for each. */
  peakMiB: number;
}

export interface Command {
  /** Run by bash with pipefail. */
  script: string;
  env?: NodeJS.ProcessEnv;
}

const sampleMs = 50;
const clockTicks = 100;

/** Runs a command to its end; a failure is an error with the end of what it printed. */
export async function measure({ script, env }: Command): Promise<Measurement> {
  const started = performance.now();
  // The trailing builtin makes bash stay and wait, so that the children's times end up in its own.
  const child = spawn('bash', ['-o', 'pipefail', '-c', `${script}\nstatus=$?; read -r -a t < /proc/$$/stat; echo "cpu \${t[15]} \${t[16]}" >&3; exit $status`], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
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
  return { seconds, cpuSeconds: (user + system) / clockTicks, peakMiB: peak / (1 << 20) };
}

/** Resident octets of a process and all below it. */
function residentOf(root: number): number {
  const parents = new Map<number, number[]>();
  const resident = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const pid = Number(name);
      const parent = Number(fields[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), pid]);
      resident.set(pid, Number(fields[21]) * 4096);
    } catch {
      // It ended while we looked.
    }
  }
  let sum = 0;
  const next = [root];
  for (let pid = next.pop(); pid !== undefined; pid = next.pop()) {
    sum += resident.get(pid) ?? 0;
    next.push(...(parents.get(pid) ?? []));
  }
  return sum;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
