const seeds = crypto.getRandomValues(new Uint32Array(2));

/**
 * A set of names at 11 to 22 octets each, whatever their length: it keeps a hash of 63 bits, with seeds that differ from run
 * to run. Among a million names the chance that two different ones are taken for one is about one in 18 million.
 */
export class NameSet {
  /** Pairs of 32 bits; the second is odd where the place is taken. */
  #slots = new Uint32Array(2 * 16);
  #size = 0;

  /** Octets that the set takes up. */
  get octets(): number {
    return this.#slots.byteLength;
  }

  /** False when the name was there already. */
  add(name: string): boolean {
    let a = seeds[0]!;
    let b = seeds[1]!;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code, 0x5f356495);
      a ^= a >>> 15;
      b ^= b >>> 13;
    }
    if (!insert(this.#slots, mixed(a ^ (b >>> 16)), mixed(b) | 1)) return false;
    this.#size++;
    // At three quarters; there are two numbers to a name.
    if (this.#size * 8 > this.#slots.length * 3) this.#grow();
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) insert(this.#slots, old[i]!, old[i + 1]!);
    }
  }
}

/** The last steps of MurmurHash3: every bit of the result hangs on every bit of `h`. */
function mixed(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Open addressing: from the place that `a` points to, the first that is free or holds the same. False when it holds the same. */
function insert(slots: Uint32Array, a: number, b: number): boolean {
  const mask = slots.length - 1;
  let at = (a << 1) & mask;
  while (slots[at + 1] !== 0) {
    if (slots[at] === a >>> 0 && slots[at + 1] === b >>> 0) return false;
    at = (at + 2) & mask;
  }
  slots[at] = a;
  slots[at + 1] = b;
  return true;
}
