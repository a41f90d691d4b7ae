import { readdirSync, readFileSync } from 'node:fs';
import { printable } from './printable.js';

/** More of them are not named. */
const mostNamed = 3;

/** What still runs in a process group, as `sleep (process 4711)`. Empty where the system does not show it, as only Linux does. */
export function membersOf(group: number): string[] {
  const found: string[] = [];
  for (const pid of processes()) {
    // `pid (name) state parent group …`; a name may hold anything, so its end is the last parenthesis.
    const stat = read(`/proc/${pid}/stat`);
    const end = stat.lastIndexOf(')');
    const [state, , pgrp] = stat.slice(end + 2).split(' ');
    if (pgrp === String(group) && state !== 'Z')
      found.push(`${printable(stat.slice(stat.indexOf('(') + 1, end))} (process ${pid})`);
  }
  return found.slice(0, mostNamed);
}

function processes(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Empty for a process that has just ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
