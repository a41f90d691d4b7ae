import { fromBytes } from '../dataset/bytestring.js';
import { MAX_CHAIN_BYTES, parseChain, type Chain } from '../dataset/chain/chain-file.js';
import type { EntrySink, TarEntry } from '../dataset/tar/format.js';
import { CHAIN_PATH, FIRST_ENTRY } from '../names/archive.js';

/** Of the contents; chain.json comes second, after a page of text. */
const MOST = 2 * MAX_CHAIN_BYTES;

/** Takes chain.json where it is the second entry. */
export class ChainSink implements EntrySink {
  chain: Chain | null = null;
  isDone = false;
  #entries = 0;
  #text: Uint8Array | null = null;
  #fill = 0;
  #passed = 0;

  /** So many bytes of the contents went by. */
  passed(bytes: number): void {
    this.#passed += bytes;
    if (this.#passed > MOST) this.isDone = true;
  }

  begin(entry: TarEntry): void {
    if (this.isDone) return;
    const path: string = fromBytes(entry.path);
    const isExpected = path === (this.#entries++ === 0 ? FIRST_ENTRY : CHAIN_PATH);
    this.isDone = !isExpected || entry.type !== 'file' || entry.size > MAX_CHAIN_BYTES;
    this.#text = isExpected && path === CHAIN_PATH && !this.isDone ? new Uint8Array(entry.size) : null;
  }

  data(bytes: Uint8Array): void {
    this.#text?.set(bytes, this.#fill);
    this.#fill += this.#text === null ? 0 : bytes.length;
  }

  end(): void {
    if (this.#text === null) return;
    this.chain = parseChain(this.#text);
    this.#text = null;
    this.isDone = true;
  }
}
