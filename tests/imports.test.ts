import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const src = path.resolve(import.meta.dirname, '../src');

/** File → what it imports from src, types too; `import()` is for later, and ties nothing together. */
function importsOf(files: readonly string[], read = (file: string): string => readFileSync(path.join(src, file), 'utf8')): Map<string, string[]> {
  return new Map(files.map((file) => [file, [...read(file).matchAll(/^(?:import|export)\s[^'"]*?from '(\.[^']+)\.js'/gm)]
    .map(([, target]) => path.posix.join(path.posix.dirname(file), `${target}.ts`))]));
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

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => name.replaceAll(path.sep, '/'));

test.each(['commands', 'deposit'])('no file of %s needs itself, not even for a type', (folder) => {
  const inside = files.filter((file) => file.startsWith(`${folder}/`));
  expect(inside.length).toBeGreaterThan(20);
  expect(rings(importsOf(inside))).toEqual([]);
});

test('control: a ring is found, by way of a type too', () => {
  const sources: Record<string, string> = { 'a.ts': "import type { B } from './b.js';", 'b.ts': "import {\n  a,\n} from './c.js';", 'c.ts': "export { b } from './b.js';\nexport * from './a.js';" };
  expect(rings(importsOf(Object.keys(sources), (file) => sources[file]))).toEqual(['a.ts > b.ts > c.ts', 'b.ts > c.ts']);
});
