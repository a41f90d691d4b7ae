import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const src = path.resolve(import.meta.dirname, '../src');

const statement = /^(?:import|export)\s[^'"]*?from '(\.[^']+)\.js'/gm;
const later = /\bimport\('(\.[^']+)\.js'\)/g;

/** File → what it imports from src, also for a type or by a dynamic `import()`, since a reader needs that file as well. */
function importsOf(
  files: readonly string[],
  read = (file: string): string => readFileSync(path.join(src, file), 'utf8'),
): Map<string, string[]> {
  return new Map(
    files.map((file) => [
      file,
      [statement, later]
        .flatMap((form) => [...read(file).matchAll(form)])
        .map(([, target]) => path.posix.join(path.posix.dirname(file), `${target}.ts`)),
    ]),
  );
}

/** Every ring of files that import each other, each once, beginning with its first name. */
function rings(imports: Map<string, string[]>): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at !== -1) {
      const ring = way.slice(at);
      const first = ring.indexOf([...ring].sort()[0]);
      found.add([...ring.slice(first), ...ring.slice(0, first)].join(' > '));
      return;
    }
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) if (imports.has(next)) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return [...found].sort();
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll(path.sep, '/'));

test('no files import each other in a ring', () => {
  expect(files.length).toBeGreaterThan(200);
  expect(rings(importsOf(files))).toEqual([]);
});

test('names/ imports nothing from other folders', () => {
  const names = files.filter((file) => file.startsWith('names/'));
  expect(names.length).toBeGreaterThan(5);
  const folders = [...importsOf(names).values()]
    .flat()
    .filter((file) => file.includes('/') && !file.startsWith('names/'));
  expect(folders).toEqual([]);
});

test('control: a ring is found, also through a type or a dynamic import', () => {
  const sources: Record<string, string> = {
    'a.ts': "import type { B } from './b.js';",
    'b.ts': "import {\n  a,\n} from './c.js';",
    'c.ts': "export { b } from './b.js';\nexport * from './a.js';",
    'd.ts': "const { e } = await import('./d/e.js');",
    'd/e.ts': "import type { D } from '../d.js';",
  };
  expect(rings(importsOf(Object.keys(sources), (file) => sources[file]))).toEqual([
    'a.ts > b.ts > c.ts',
    'b.ts > c.ts',
    'd.ts > d/e.ts',
  ]);
});

test('texts/ imports nothing from other folders', () => {
  const texts = importsOf(files.filter((file) => file.startsWith('texts/')));
  expect(texts.size).toBeGreaterThan(0);
  expect([...texts.values()].flat().filter((file) => file.includes('/') && !file.startsWith('texts/'))).toEqual([]);
});
