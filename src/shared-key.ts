/**
 * A session key for a thread, in memory that both threads have: handing it over makes no copies, and whoever started the
 * thread can wipe it however that ended, in the middle of its work too.
 */
export function sharedKey(sessionKey: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const shared = new Uint8Array(new SharedArrayBuffer(sessionKey.length));
  shared.set(sessionKey);
  return shared;
}
