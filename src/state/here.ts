/**
 * What tells that a lock was taken on this machine where no kernel's boot id does (macOS, Windows): a note on a disk that no
 * other machine has, named by the nonce of that one taking. A host name does not tell it, nor does any number that a machine
 * keeps: a copy of a virtual machine has both.
 */
import { rmSync } from 'node:fs';
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { succeeds } from '../abort.js';

/** Not TEMP, which on Windows may be another one in each session. */
function place(): string {
  const { LOCALAPPDATA: local } = process.env;
  return local === undefined ? os.tmpdir() : path.join(local, 'Temp');
}

function noteOf(nonce: string): string {
  return path.join(place(), `depot-lock-${nonce}`);
}

/** Where it cannot be written, others wait for the lock as if it was another machine's. */
export async function noteHere(nonce: string): Promise<void> {
  await mkdir(place(), { recursive: true }).catch(() => undefined);
  await writeFile(noteOf(nonce), '', { flag: 'wx', mode: 0o600 }).catch(() => undefined);
}

export function isNotedHere(nonce: string): Promise<boolean> {
  return succeeds(lstat(noteOf(nonce)));
}

export async function forgetHere(nonce: string): Promise<void> {
  await rm(noteOf(nonce), { force: true }).catch(() => undefined);
}

/** As `forgetHere`, while the process ends. Throws the system's errors. */
export function forgetHereNow(nonce: string): void {
  rmSync(noteOf(nonce), { force: true });
}
