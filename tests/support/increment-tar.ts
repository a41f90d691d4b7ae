import { createHash } from 'node:crypto';
import { partSuffix } from '../../src/names/archive.js';
import { entry, README, type Member } from './depot-tar.js';
import { archive } from './hostile-tar.js';

/** An entry of the dataset with its line, or a line alone. */
export type Step = Member | { line: string };

export interface Increment {
  /** `number` and `deposits` from the night before, unless given. */
  chain: { sources: string[]; deposits: { depositId: string; bytes: number; sha256: string }[]; number?: number };
  steps: Step[];
  /** Stored in parts of this many bytes, between the entries. */
  pieces?: Uint8Array;
  ranges?: string;
  partBytes?: number;
  /** Changes the lines of the manifest, with the first and the last. */
  lines?: (lines: string[]) => string[];
  /** More entries, before the last part of the manifest. */
  more?: Buffer[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** As section 12 of docs/format.md escapes it. */
export function escaped(name: string): string {
  return Array.from(Buffer.from(name), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._/+,:=@%~#-]/.test(character) ? character : `\\0${byte.toString(8).padStart(3, '0')}`;
  }).join('');
}

/** `MODE MTIME` of a member. */
function stamp({ mode, type, mtimeNs = 1_700_000_000_000_000_000n }: Member): string {
  const fraction = String(mtimeNs % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const bits = (mode ?? (type === 'directory' ? 0o755 : 0o644)).toString(8).padStart(4, '0');
  return `${bits} ${mtimeNs / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The line of a file that lies elsewhere; `where` is `o NIGHT OBJECT` or `r N`. */
export function fileLine(path: string, content: string | Uint8Array, where: string): { line: string } {
  const bytes = Buffer.from(content);
  const [letter, ...rest] = where.split(' ');
  return { line: [escaped(path), letter, '0644 1700000000', bytes.length, sha256(bytes), ...rest].join(' ') };
}

function lineOf(member: Member): string {
  const body = Buffer.from(member.body ?? '');
  const start = `${escaped(member.path)} `;
  switch (member.type) {
    case 'directory':
      return `${start}d ${stamp(member)}`;
    case 'symlink':
      return `${start}l ${stamp(member)} ${escaped(member.link!)}`;
    case 'hardlink':
      return `${start}h ${stamp(member)} ${escaped(member.link!)}`;
    case 'file':
    case undefined:
  }
  return `${start}f ${stamp(member)} ${body.length} ${sha256(body)}`;
}

/** The archive of an increment as section 12 has it, small, or with lies in it. */
export function incrementTar({
  chain,
  steps,
  pieces,
  ranges,
  partBytes = 100,
  lines: lie,
  more = [],
}: Increment): Buffer {
  const { deposits, sources, number = deposits.length } = chain;
  const own: Member[] = [
    README,
    {
      path: 'DEPOT/chain.json',
      body: `${JSON.stringify({ schema: 'depot.chain/1', number, sources, deposits })}\n`,
    },
    { path: 'DEPOT/restore.sh', body: '#!/bin/sh\n' },
  ];
  const between = [
    ...partsOf('DEPOT/pieces', pieces, partBytes),
    ...partsOf('DEPOT/ranges', ranges === undefined ? undefined : Buffer.from(ranges), partBytes),
  ];
  const out: Buffer[] = [];
  const lines: string[] = [];
  let counted = { entries: 0, bytes: 0 };
  for (const step of [...own, ...steps]) {
    if ('line' in step) {
      lines.push(step.line);
      continue;
    }
    out.push(entry(step));
    lines.push(lineOf(step));
    if (!step.path.startsWith('data/')) continue;
    counted = { entries: counted.entries + 1, bytes: counted.bytes + Buffer.from(step.body ?? '').length };
    const part = between.shift();
    if (part !== undefined) out.push(part);
  }
  for (const [path, bytes] of [
    ['DEPOT/pieces', pieces],
    ['DEPOT/ranges', ranges === undefined ? undefined : Buffer.from(ranges)],
  ] as const) {
    if (bytes === undefined) continue;
    const count = Math.max(1, Math.ceil(bytes.length / partBytes));
    lines.push(`${path} p 0644 1700000000 ${bytes.length} ${sha256(bytes)} ${count}`);
    if (path === 'DEPOT/pieces') counted = { ...counted, bytes: counted.bytes + bytes.length };
  }
  const all = [
    `{"manifest":"depot.manifest/2","random":"${'5a'.repeat(32)}"}`,
    ...lines,
    JSON.stringify({ ...counted, skipped: {}, complete: true }),
  ];
  const text = (lie ?? ((same) => same))(all)
    .map((line) => `${line}\n`)
    .join('');
  return archive(...out, ...between, ...more, entry({ path: `DEPOT/manifest.ndjson${partSuffix(1)}`, body: text }));
}

function partsOf(path: string, bytes: Uint8Array | undefined, partBytes: number): Buffer[] {
  if (bytes === undefined) return [];
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / partBytes)) }, (_, i) =>
    entry({ path: path + partSuffix(i + 1), body: bytes.subarray(i * partBytes, (i + 1) * partBytes) }),
  );
}
