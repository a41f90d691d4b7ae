/** The transport: sealed bytes, receipts and covers to an SFTP server, and nothing else. */
export { connect } from './connect.js';
export { testWrites, type WriteFinding, type WriteTest } from './probe.js';
export { scanHostKeys, type ScannedKey } from './scan.js';
export type { Remote } from './remote.js';
export type { Delivery } from './sidecar.js';
export type { Pending, Settled } from './settle.js';
export type { FileSystemSpace } from './channel.js';
export type { Login, Look, RemoteSpec, Transfer, TransportHooks, TransportStats } from './types.js';
export { deadPartial, type DeadUploadError } from './dead.js';
export { maxHeldBytes } from './stripes.js';
export { type Checkpoint, type Upload, type UploadOptions } from './upload.js';
