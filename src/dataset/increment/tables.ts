/** Finds places by parts of digests: open addressing over 32-bit tags. A tag may be found that is not meant: whoever asks looks there. */
export class TagTable {
  #tags: Uint32Array;
  /** Place + 1; 0: free. */
  #places: Uint32Array;
  #mask: number;
  readonly #most: number;
  count = 0;

  /** @param most how many entries there may be, a power of two; takes 11 bytes for each */
  constructor(most: number) {
    this.#most = most;
    this.#mask = 4095;
    this.#tags = new Uint32Array(4096);
    this.#places = new Uint32Array(4096);
  }

  get isFull(): boolean {
    return this.count >= this.#most;
  }

  /** The first place of a tag counts. Does nothing when it is full. */
  add(tag: number, place: number): void {
    if (this.isFull) return;
    if (this.count > 0.75 * this.#mask) this.#grow();
    this.#put(tag, place);
    this.count++;
  }

  /** Calls `at` with each place until it says that this is it. */
  find<T>(tag: number, at: (place: number) => T | null): T | null {
    for (let slot = spread(tag) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const place = this.#places[slot]!;
      if (place === 0) return null;
      if (this.#tags[slot] !== tag) continue;
      const found = at(place - 1);
      if (found !== null) return found;
    }
  }

  /** Keeps those whose tag has zeros under `mask`. */
  thin(mask: number): void {
    this.#rebuild(this.#mask, mask);
  }

  #grow(): void {
    this.#rebuild(2 * this.#mask + 1, 0);
  }

  #rebuild(mask: number, zeros: number): void {
    const [tags, places] = [this.#tags, this.#places];
    this.#tags = new Uint32Array(mask + 1);
    this.#places = new Uint32Array(mask + 1);
    this.#mask = mask;
    this.count = 0;
    for (let slot = 0; slot < tags.length; slot++) {
      if (places[slot] === 0 || (tags[slot]! & zeros) !== 0) continue;
      this.#put(tags[slot]!, places[slot]! - 1);
      this.count++;
    }
  }

  #put(tag: number, place: number): void {
    let slot = spread(tag) & this.#mask;
    while (this.#places[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#tags[slot] = tag;
    this.#places[slot] = place + 1;
  }
}

/** Tags whose low bits are all alike must not share a slot. */
function spread(tag: number): number {
  return Math.imul(tag, 0x9e3779b1) >>> 7;
}
