/** SSH_FXP_WRITE without handle and data: length, type, id, handle length, offset, data length. */
const writeOverhead = 25;

/** A WRITE on its way: header first, then `bytes[start, end)`. */
export interface WriteMessage {
  header: Buffer;
  bytes: Uint8Array;
  start: number;
  end: number;
  sent: number;
}

/** A WRITE of `bytes[start, end)` at `position` (draft section 6.4). */
export function writeMessage(
  id: number,
  handle: Buffer,
  [bytes, start, end]: readonly [Uint8Array, number, number],
  position: number,
): WriteMessage {
  const header = Buffer.allocUnsafe(writeOverhead + handle.length);
  header.writeUInt32BE(header.length - 4 + (end - start), 0);
  header[4] = 6;
  header.writeUInt32BE(id, 5);
  header.writeUInt32BE(handle.length, 9);
  header.set(handle, 13);
  header.writeUInt32BE(Math.floor(position / 0x1_0000_0000), 13 + handle.length);
  header.writeUInt32BE(position >>> 0, 17 + handle.length);
  header.writeUInt32BE(end - start, 21 + handle.length);
  return { header, bytes, start, end, sent: 0 };
}
