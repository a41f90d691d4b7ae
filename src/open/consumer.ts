import type { ManifestResult } from '../dataset/compare.js';
import type { EntrySink } from '../dataset/tar/format.js';
import { DepotError } from '../errors.js';
import type { Limit } from './opening.js';

type Bytes = Uint8Array<ArrayBuffer>;

export interface Consumer {
  write(bytes: Bytes): void | Promise<void>;
  end(): ManifestResult | null | Promise<ManifestResult | null>;
  /** After `end`, once all of the suitcase is known to be authentic: does what must not be done before. */
  finish?(): void;
  /** After a failure: closes what is open. */
  discard?(): void;
}

/** Two sinks for one archive. */
export function both(first: EntrySink, second: EntrySink): EntrySink {
  return {
    begin(entry) {
      first.begin(entry);
      second.begin(entry);
    },
    data(bytes) {
      first.data(bytes);
      second.data(bytes);
    },
    end() {
      first.end();
      second.end();
    },
  };
}

/** Stops a bomb before it goes off: more content than the receipt or the user allows, or the disk has room for. */
export function bounded(consumer: Consumer, limit: Limit | null): Consumer {
  if (limit === null) return consumer;
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      if (bytes > limit.most) throw limitError(limit);
      return consumer.write(chunk);
    },
    end: () => consumer.end(),
    finish: () => consumer.finish?.(),
    discard: () => consumer.discard?.(),
  };
}

export function limitError({ exceeded: { code, message, hint } }: Limit): DepotError {
  return new DepotError(code, message, { hint });
}
