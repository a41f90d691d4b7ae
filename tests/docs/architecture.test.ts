/** docs/architecture.md and CONTRIBUTING.md name only what exists, and list everything that they should. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { hasTest, namedTests, readPage, texts } from '../support/pages.js';

const architecture = readPage('docs/architecture.md');
const contributing = readPage('CONTRIBUTING.md');
const scripts = Object.keys((JSON.parse(readPage('package.json')) as { scripts: object }).scripts);

/** Every path of the repository that a page names, without those with a placeholder in capitals. */
function namedPaths(text: string): string[] {
  // Made by a run, so they may not exist yet.
  const made = ['tests/output/', 'dist/opener.html'];
  const paths = [...text.matchAll(/`((?:src|tests|docs|bench|bin|schemas|test-fixtures|\.ci)\/[^`\s]*|\w+\.js)`/g)];
  const linked = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].filter(([, target]) => !target.includes(':'));
  // The diagrams leave out the `src/`.
  const pictured = [...text.matchAll(/ ((?:[a-z]+\/)+[\w-]+\.ts)\b/g)].map(([, path]) => `src/${path}`);
  return [...[...paths, ...linked].map(([, path]) => path), ...pictured]
    .filter((path) => !/[*A-Z]{3}|\*/.test(path) || path.endsWith('.md'))
    .filter((path) => !made.includes(path));
}

function namedScripts(text: string): string[] {
  return [...text.matchAll(/npm (?:run ([\w:]+)|(test))/g)].map(([, script, short]) => script || short);
}

describe.each([
  ['docs/architecture.md', architecture],
  ['CONTRIBUTING.md', contributing],
  ['docs/decisions/README.md', readPage('docs/decisions/README.md')],
])('%s', (page, text) => {
  test('names only files and folders that exist', () => {
    const missing = namedPaths(text).filter(
      (path) => !existsSync(join(checkout, path)) && !existsSync(join(checkout, dirname(page), path)),
    );
    expect(missing).toEqual([]);
  });

  test('names only tests and npm scripts that exist', () => {
    expect(namedTests(text).filter((one) => !hasTest(one))).toEqual([]);
    expect(namedScripts(text).filter((script) => !scripts.includes(script))).toEqual([]);
  });

  test('links only to headings that exist', () => {
    const missing = [...text.matchAll(/\]\(([^):#]*)#([^)]+)\)/g)].filter(
      ([, file, anchor]) => !anchorsOf(file === '' ? text : readPage(join(dirname(page), file))).includes(anchor),
    );
    expect(missing.map(([link]) => link)).toEqual([]);
  });
});

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  );
}

describe('docs/architecture.md', () => {
  test('has every folder of src in its map', () => {
    const folders = readdirSync(join(checkout, 'src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(checkout.length));
    expect(folders.length).toBeGreaterThan(15);
    // The parts of a command are in a folder with its name, which the map need not have.
    const own = folders.filter((folder) => !folder.startsWith('src/commands/'));
    expect(own.filter((folder) => !architecture.includes(`\`${folder}/\``))).toEqual([]);
  });

  test('names, for each law, one test that holds it and one control', () => {
    const laws = architecture
      .slice(architecture.indexOf('## The laws'), architecture.indexOf('## To change something'))
      .split(/^(?=\d+\. \*\*)/m)
      .slice(1);
    expect(laws.map((law) => Number.parseInt(law, 10))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for (const law of laws) {
      const [held, control = ''] = law.split(/\bControl /);
      expect(namedTests(held), law).toHaveLength(1);
      expect(namedTests(control), law).toHaveLength(1);
    }
  });
});

describe('CONTRIBUTING.md', () => {
  test('explains every npm script', () => {
    const explained = [...namedScripts(contributing), ...[...contributing.matchAll(/`(pre[\w:]+)`/g)].map((m) => m[1])];
    expect(scripts.filter((script) => !explained.includes(script))).toEqual([]);
  });

  test('explains every variable of the tests and of continuous integration, and no others', () => {
    const variables = (text: string): string[] => text.match(/\bDEPOT_(?:TEST|CI)_[A-Z_]+\b/g) ?? [];
    const used = texts()
      .filter(({ file }) => !file.endsWith('.md'))
      .flatMap(({ text }) => variables(text));
    expect(new Set(variables(contributing))).toEqual(new Set(used));
  });
});

test('control: missing files, scripts and headings are found', () => {
  expect(namedPaths('`src/no/such.ts`, [a page](no-such.md#x), `build.js`')).toEqual([
    'src/no/such.ts',
    'build.js',
    'no-such.md',
  ]);
  expect(namedPaths('   dataset/no-such.ts      sftp/upload.ts')).toEqual([
    'src/dataset/no-such.ts',
    'src/sftp/upload.ts',
  ]);
  expect(namedScripts('npm run no-such, npm test')).toEqual(['no', 'test']);
  expect(anchorsOf('## OpenPGP: whose code?')).toEqual(['openpgp-whose-code']);
});
