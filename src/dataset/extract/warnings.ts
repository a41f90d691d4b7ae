import { closeSync, openSync, writeSync } from 'node:fs';
import { join, type ByteString } from '../bytestring.js';
import { NOTES } from '../../names/archive.js';
import { errnoOf } from './errors.js';
import { onDisk } from './on-disk.js';

/** An archive may hold a million names that are not possible here. */
const MAX_WARNINGS = 1000;
const MAX_LISTED = 10_000;
const MORE = 'there is more like this, not listed';

/** What is not as in the archive. Passed on, and listed in a file; neither without end. */
export class Warnings {
  readonly #warn: (message: string) => void;
  readonly #list: string[] = [];
  #count = 0;
  #unkept = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  add(message: string): void {
    this.#count++;
    if (this.#count <= MAX_WARNINGS) this.#warn(message);
    else if (this.#count === MAX_WARNINGS + 1) this.#warn(MORE);
    if (this.#count <= MAX_LISTED) this.#list.push(message);
    else if (this.#count === MAX_LISTED + 1) this.#list.push(MORE);
  }

  /** Whether a mode and a time were kept; once is enough to say that they were not. */
  kept(modeAndTime: boolean): void {
    if (!modeAndTime && !this.#unkept) this.#warn('this file system cannot keep the modes and times of all entries');
    this.#unkept ||= !modeAndTime;
  }

  /** Leaves the list in a directory, under a name that is free; no file where there is nothing to list. */
  write(directory: ByteString): void {
    if (this.#list.length === 0) return;
    const { name, fd } = created(directory);
    if (name !== NOTES)
      this.#warn(`the archive has a file ${NOTES}; the list of what is not as in the archive is ${name}`);
    try {
      const text = Buffer.from(`${this.#list.join('\n')}\n`);
      for (let at = 0; at < text.length; ) at += writeSync(fd, text, at);
    } finally {
      closeSync(fd);
    }
  }
}

function created(directory: ByteString): { name: string; fd: number } {
  for (let number = 1; ; number++) {
    const name = number === 1 ? NOTES : NOTES.replace(/(?=\.txt$)/, `~${number}`);
    try {
      return { name, fd: openSync(onDisk(join(directory, name as ByteString)), 'wx', 0o644) };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}
