import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SuitcaseSource } from '../../src/open/suitcase-source.js';
import type { MessageReader } from '../../src/pgp/reader.js';
import { cleanup, tempDir } from '../support/cleanup.js';

/** A suitcase of some bytes, and what its reader does with them. */
function source(reader: Pick<MessageReader, 'write' | 'end'>): SuitcaseSource {
  const file = join(tempDir(), 'suitcase');
  writeFileSync(file, 'bytes');
  const fd = openSync(file, 'r');
  cleanup(() => closeSync(fd));
  return new SuitcaseSource({
    fd,
    consumed: new Uint8Array(0),
    rest: 0,
    message: () => reader as MessageReader,
    isBeside: false,
    isDigested: true,
    expected: null,
    progress: () => undefined,
  });
}

// Decompression reads ahead: it may meet the error while its consumer is stopping at another fault.
test.each(['write', 'end'] as const)(
  'an error (%s) is thrown again on authentication, without a second attempt',
  (where) => {
    let times = 0;
    const fail = (): void => {
      times++;
      throw new Error('changed');
    };
    const suitcase = source({ write: () => undefined, end: () => undefined, [where]: fail });
    expect(() => [...suitcase]).toThrow('changed');
    expect(() => suitcase.authenticate()).toThrow('changed');
    expect(times).toBe(1);
  },
);
