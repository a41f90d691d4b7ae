import type { EntrySink } from '../dataset/tar/format.js';
import { DepotError } from '../errors.js';
import type { OpenedContents } from './messages.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Where the content goes. */
export interface Consumer {
  write(bytes: Bytes): void | Promise<void>;
  end(): OpenedContents | null | Promise<OpenedContents | null>;
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

/** Refuses a bomb before it goes off: more content than the receipt or the user allows. */
export function bounded(consumer: Consumer, maxBytes: number | null): Consumer {
  if (maxBytes === null) return consumer;
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new DepotError('archive-refused', `the content is larger than ${maxBytes} octets`, { hint: 'if that is to be expected, allow more with --max-size' });
      }
      return consumer.write(chunk);
    },
    end: () => consumer.end(),
    discard: () => consumer.discard?.(),
  };
}
