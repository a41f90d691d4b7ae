import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Archive } from '../../src/dataset/archive.js';
import { fromText } from '../../src/dataset/bytestring.js';
import { manifestBytes, members } from './packing.js';

test('a manifest part is stored between entries as soon as it is full, and holds whole lines', () => {
  const archive = new Archive(1);
  const chunks: Uint8Array[] = [];
  // Some 380 bytes a line: 4 MiB are about 11,000 lines.
  for (let i = 0; i < 15_000; i++) {
    const path = fromText(`data/${'n'.repeat(250)}é${String(i).padStart(5, '0')}`);
    chunks.push(
      ...archive.withoutContent({ path, type: 'directory', size: 0, mode: 0o755, mtimeNs: 0n, linkTarget: null }),
    );
  }
  const finish = archive.finish({ entries: archive.entries, bytes: 0, skipped: {}, complete: true });
  let next = finish.next();
  for (; !next.done; next = finish.next()) chunks.push(next.value);

  const tar = Buffer.concat(chunks);
  const entries = members(tar);
  const parts = entries.flatMap(({ path }, i) => (path.startsWith('DEPOT/manifest') ? [i] : []));
  expect(parts.map((i) => entries[i].path)).toEqual([
    'DEPOT/manifest.ndjson.part-000001',
    'DEPOT/manifest.ndjson.part-000002',
  ]);
  expect(parts[1]).toBe(entries.length - 1);
  const first = entries[parts[0]];
  expect(first.size).toBeGreaterThan((4 << 20) - 4096);
  expect(first.size).toBeLessThanOrEqual(4 << 20);
  expect(first.content.at(-1)).toBe(0x0a);
  // The line that did not fit is that of the entry right before the part.
  expect(first.content.toString().split('\n').length - 1).toBe(parts[0]);
  expect(manifestBytes(tar).toString().split('\n')).toHaveLength(15_000 + 3);
  expect(createHash('sha256').update(manifestBytes(tar)).digest('hex')).toBe(next.value);
});
