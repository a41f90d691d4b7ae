/** Dumps that are compressed before depot sees them: of those everything is new every night. */
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';

/** Smaller files are sent whole, whatever is in them. */
const LEAST_BYTES = 1 << 20;
/** Files of a directory whose beginnings are read: a person waits. */
const MOST_FILES = 100;

const PROGRAMS = /^(?:gzip|pigz|bzip2|pbzip2|lbzip2|xz|pixz|zstd|zstdmt|pzstd|lz4|brotli|zip|7za?|openssl|gpg2?|age)$/;
const DUMP = /dump|backup|bak|export|sql/i;
const OPTIONS = /^--(?:gzip|bzip2|xz|zstd|lz4)$/;
const SIGNATURES: [name: string, hex: string][] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
  ['lz4', '04224d18'],
  ['zip', '504b0304'],
  ['7z', '377abcaf271c'],
];

/** What in a command compresses or encrypts what it prints, fit for a message; null when nothing is seen to. */
export function compressedBy(command: readonly string[]): string | null {
  // Shells get their pipes as one argument.
  const words = command.flatMap((argument) => argument.split(/[\s|;&()'"]+/)).filter((word) => word !== '');
  const names = words.map((word) => path.posix.basename(word));
  for (const [i, name] of names.entries()) {
    if (PROGRAMS.test(name)) return name;
    if (OPTIONS.test(words[i]!)) return words[i]!;
    if (name === 'tar' && /^-?[A-Za-z]*[zjJ][A-Za-z]*$/.test(words[i + 1] ?? '')) return `tar ${words[i + 1]!}`;
  }
  const isDump = names.includes('pg_dump') && /(?:^| )(?:-F ?|--format[= ])(?:c|d)/.test(words.join(' '));
  const isPlain = /(?:^| )(?:-Z ?|--compress[= ])(?:0|none)(?: |$)/.test(words.join(' '));
  return isDump && !isPlain ? 'pg_dump in this format' : null;
}

/** How a large file is compressed, by how it begins; null when it is not, or cannot be read. */
export async function compressionOf(file: string): Promise<string | null> {
  const handle = await open(file).catch(() => null);
  if (handle === null) return null;
  try {
    if ((await handle.stat()).size < LEAST_BYTES) return null;
    const { buffer } = await handle.read(Buffer.alloc(16), 0, 16, 0);
    const hex = buffer.toString('hex');
    return SIGNATURES.find(([, start]) => hex.startsWith(start))?.[0] ?? (isCompressedDump(buffer) ? 'pg_dump' : null);
  } finally {
    await handle.close();
  }
}

/** The first compressed dump of those directly in a directory, and how many there are; other files are not written anew every night. */
export async function compressedIn(directory: string): Promise<{ name: string; how: string; count: number } | null> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).slice(0, MOST_FILES);
  const found: { name: string; how: string }[] = [];
  for (const { name } of files) {
    const how = await compressionOf(path.join(directory, name));
    if (how === 'pg_dump' || (how !== null && DUMP.test(name))) found.push({ name, how });
  }
  return found[0] === undefined ? null : { ...found[0], count: found.length };
}

/** `pg_dump -Fc`: after PGDMP come version (3), sizes (2) and format (1), then an algorithm, or a level before archive version 1.15. */
function isCompressedDump(start: Buffer): boolean {
  if (start.toString('latin1', 0, 5) !== 'PGDMP') return false;
  const [major, minor] = [start[5]!, start[6]!];
  if (major > 1 || minor >= 15) return start[11] !== 0;
  return start[11] !== 0 || start.readUInt32LE(12) !== 0;
}
