import { createHash } from 'node:crypto';
import { fromText } from '../../src/dataset/bytestring.js';
import { encodeEnd, encodeEntry, encodeStart, MANIFEST_PATH } from '../../src/dataset/manifest.js';
import type { EntryType } from '../../src/dataset/tar/format.js';
import { partSuffix } from '../../src/names/archive.js';
import { HeaderEncoder } from '../../src/dataset/tar/write.js';
import { archive } from './hostile-tar.js';

export interface Member {
  path: string;
  type?: EntryType;
  body?: string | Uint8Array;
  link?: string;
  mode?: number;
  mtimeNs?: bigint;
  /** The body in parts of this many bytes. */
  partBytes?: number;
}

/** An entry of the archive, and its line where it has one. */
export interface Piece {
  path: string;
  tar: Buffer;
  line: string | null;
}

export interface Lies {
  /** Changes the entries of the archive and their manifest lines. */
  pieces?: (pieces: Piece[]) => Piece[];
  /** Changes the manifest lines, including the first and the last. */
  lines?: (lines: string[]) => string[];
  /** Store a manifest part after this many entries. */
  manifestEvery?: number;
}

export const README: Member = { path: 'DEPOT/README.md', body: 'what is where\n' };
const headers = new HeaderEncoder();
const RANDOM = '00'.repeat(32);

/** A small archive as depot makes it, or one with lies in it; `manifest` is the text of its manifest. */
export function depotTar(members: Member[], lies: Lies = {}): { tar: Buffer; manifest: string } {
  const listed = [README, ...members];
  const pieces = (lies.pieces ?? ((same) => same))(listed.flatMap(piecesOf));
  const data = listed.filter(({ path }) => path.startsWith('data/'));
  const end = encodeEnd({
    entries: data.length,
    bytes: data.reduce((sum, { body }) => sum + Buffer.from(body ?? '').length, 0),
    skipped: {},
    complete: true,
  });
  const lines = (lies.lines ?? ((same) => same))([
    encodeStart({ version: 1, random: RANDOM }),
    ...pieces.flatMap(({ line }) => (line === null ? [] : [line])),
    end,
  ]);

  const out: Buffer[] = [];
  let used = 0;
  let parts = 0;
  let ready = 1;
  const part = (upTo: number): void => {
    out.push(entry({ path: MANIFEST_PATH + partSuffix(++parts), body: lines.slice(used, upTo).join('') }));
    used = Math.max(used, upTo);
  };
  pieces.forEach(({ tar, line }, i) => {
    out.push(tar);
    if (line !== null) ready++;
    if (lies.manifestEvery !== undefined && (i + 1) % lies.manifestEvery === 0) part(ready);
  });
  part(lines.length);
  return { tar: archive(...out), manifest: lines.join('') };
}

function piecesOf(member: Member): Piece[] {
  const body = Buffer.from(member.body ?? '');
  const {
    path,
    type = 'file',
    mode = type === 'directory' ? 0o755 : 0o644,
    mtimeNs = 1_700_000_000_000_000_000n,
    partBytes,
  } = member;
  const count = partBytes === undefined ? null : Math.max(1, Math.ceil(body.length / partBytes));
  const line = encodeEntry(
    {
      path: fromText(path),
      type,
      size: body.length,
      mode,
      mtimeNs,
      linkTarget: member.link === undefined ? null : fromText(member.link),
    },
    { sha256: type === 'file' ? createHash('sha256').update(body).digest('hex') : null, parts: count, changed: false },
  );
  if (partBytes === undefined || count === null) return [{ path, tar: entry(member), line }];
  return Array.from({ length: count }, (_, i) => {
    const name = path + partSuffix(i + 1);
    return {
      path: name,
      tar: entry({ ...member, path: name, body: body.subarray(i * partBytes, (i + 1) * partBytes) }),
      line: i === count - 1 ? line : null,
    };
  });
}

/** One entry of the archive: header, body, padding. */
export function entry({
  path,
  type = 'file',
  body = '',
  link,
  mode = type === 'directory' ? 0o755 : 0o644,
  mtimeNs = 1_700_000_000_000_000_000n,
}: Member): Buffer {
  const bytes = Buffer.from(body);
  const header = headers.encode({
    path: fromText(path),
    type,
    size: bytes.length,
    mode,
    mtimeNs,
    linkTarget: link === undefined ? null : fromText(link),
  });
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
