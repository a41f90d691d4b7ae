import { toPath, toText, type ByteString } from '../bytestring.js';

/** Windows wants text, so that Node can lengthen paths of more than 260 characters. */
export function onDisk(path: ByteString): string | Buffer {
  return process.platform === 'win32' ? (toText(path) ?? toPath(path)) : toPath(path);
}

export function parted(path: ByteString): { directory: ByteString; name: ByteString } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, Math.max(slash, 0)) as ByteString, name: path.slice(slash + 1) as ByteString };
}
