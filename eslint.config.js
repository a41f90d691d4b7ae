import tseslint from 'typescript-eslint';

// The one-way import rule: commands → {doctor, report, demo, kit} → standing → {push, reader} → {seal, open} → domain folders → ground floor.
// The domain folders do not import each other; what they share is the ground floor: the files beside the folders, names/,
// texts/, windows/ and databases/. state/ keeps what receipt/ says.
const domains = ['dataset', 'pgp', 'sftp', 'receipt', 'secrets', 'config'];
const lower = ['state', ...domains];
const mayImport = {
  ...Object.fromEntries(domains.map((folder) => [folder, []])),
  state: ['receipt'],
  seal: [...domains],
  open: [...domains],
  push: ['seal', 'open', ...lower],
  reader: ['open', ...lower],
  kit: ['reader', ...lower],
  standing: ['push', ...lower],
  ui: [],
  doctor: ['push', 'standing', 'ui', ...lower],
  report: ['standing', 'ui', ...lower],
  demo: ['ui', 'seal', 'open', ...lower],
  opener: ['reader', 'open', ...domains],
  commands: ['demo', 'doctor', 'report', 'standing', 'kit', 'reader', 'push', 'ui', 'seal', 'open', ...lower],
};
/** Packages that only some folders may import. */
const importers = {
  openpgp: ['pgp'],
  ora: ['ui'],
  commander: ['commands'],
  ssh2: ['sftp', 'demo'],
  'ssh2-sftp-client': ['sftp'],
  'd3-scale': ['report'],
  'd3-shape': ['report'],
};
/** `src/child.ts` alone starts programs. */
const programs = { regex: '^(?:node:)?child_process$', message: 'src/child.ts starts other programs' };
/** Who may say that bytes are fit to leave (law 1 of docs/architecture.md). */
const markers = ['seal', 'receipt', 'state'];

function importsOf(folder) {
  const forbidden = Object.keys(mayImport).filter((other) => other !== folder && !mayImport[folder].includes(other));
  const marks = {
    regex: 'outbound\\.js$',
    importNames: ['markSuitcaseBlock', 'markReceiptBytes', 'markCoverBytes'],
    message: 'only sealing and receipts may mark bytes as fit to leave',
  };
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: Object.keys(importers)
            .filter((name) => !importers[name].includes(folder))
            .map((name) => ({ name, message: `only ${importers[name].join(', ')} may import ${name}` })),
          patterns: [
            programs,
            ...(forbidden.length > 0
              ? [{ regex: `^(?:\\.\\./)+(?:${forbidden.join('|')})/`, message: `${folder} may not import this folder` }]
              : []),
            ...(markers.includes(folder) ? [] : [marks]),
          ],
        },
      ],
    },
  };
}
/** Everyone imports these; they import none of the other folders. */
const noFolder = {
  regex: `^\\.\\.?/(?:${Object.keys(mayImport).join('|')})/`,
  message: 'the ground floor imports no folder',
};
const groundFloor = [
  ['src/*.ts', [programs, noFolder]],
  ['src/names/*.ts', [programs, noFolder]],
  ['src/texts/*.ts', [programs, noFolder]],
  ['src/windows/*.ts', [programs, noFolder]],
  ['src/databases/*.ts', [programs, noFolder]],
  ['src/cli.ts', [programs]],
  ['src/thread-entry.ts', [programs]],
  ['src/child.ts', [noFolder]],
].map(([file, patterns]) => ({ files: [file], rules: { 'no-restricted-imports': ['error', { patterns }] } }));

export default tseslint.config(
  { ignores: ['dist/', 'binary/', 'node_modules/', 'tests/output/', 'bench/output/'] },
  {
    files: ['src/**/*.ts', 'tests/**/*.ts', 'bench/**/*.ts', '*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './src/opener/tsconfig.json', './tests/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'only bin/depot.js exits' },
      ],
    },
  },
  { files: ['src/**/*.ts'], rules: { 'no-console': 'error' } },
  ...Object.keys(mayImport).map(importsOf),
  ...groundFloor,
  {
    files: ['tests/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
);
