/** An archive may hold a million names that are not possible here. */
const MAX_WARNINGS = 1000;

/** Passes on warnings, but not without end. */
export class Warnings {
  readonly #warn: (message: string) => void;
  #count = 0;
  #unkept = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  add(message: string): void {
    this.#count++;
    if (this.#count <= MAX_WARNINGS) this.#warn(message);
    else if (this.#count === MAX_WARNINGS + 1) this.#warn('there is more like this, which is not listed');
  }

  /** Whether a mode and a time were kept; once is enough to say that they were not. */
  kept(modeAndTime: boolean): void {
    if (!modeAndTime && !this.#unkept) this.add('this file system cannot keep the modes and times of all entries');
    this.#unkept ||= !modeAndTime;
  }
}
