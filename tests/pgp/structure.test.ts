import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodePacket, packetType } from '../../src/pgp/packets.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { StructureReader } from '../../src/pgp/structure.js';

test('a body in parts of one byte costs no more memory than one in large parts', async () => {
  const pkesk = encodePacket(1, Uint8Array.from([6, 0, 25, ...new Array<number>(80).fill(1)]));
  // Version 2, AES-256, GCM, the largest chunks, a salt; what follows is not decrypted here.
  const body = Buffer.concat([Buffer.of(2, 9, 3, 16), randomBytes(32), randomBytes(300_000)]);
  const parts = Buffer.alloc(1 + 2 * body.length);
  parts[0] = 0xc0 | packetType.seipd;
  body.forEach((byte, i) => {
    parts[1 + 2 * i] = i === body.length - 1 ? 1 : 0xe0;
    parts[2 + 2 * i] = byte;
  });
  const file = Buffer.concat([pkesk, parts]);
  let at = 0;
  const preamble = await readPreamble(() =>
    Promise.resolve(at >= file.length ? null : file.subarray(at, (at += 65_536))),
  );
  const pieces: Uint8Array[] = [];
  const structure = new StructureReader({ preamble, body: (bytes) => pieces.push(Buffer.from(bytes)) });
  structure.write(preamble.rest);
  structure.write(file.subarray(at));
  structure.end();
  expect(Buffer.concat(pieces).equals(body.subarray(36))).toBe(true);
  expect(pieces.length).toBeLessThan(10);
  expect(Buffer.from(structure.tail)).toEqual(body.subarray(-16));
  expect(Buffer.from(structure.head)).toEqual(body.subarray(0, 36));
});
