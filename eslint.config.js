import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

// The one-way import rule: commands → deposit → {seal, open} → domain folders → errors.
// The domain folders do not import each other; what they share lies in errors.ts and outbound.ts.
const domains = ['dataset', 'pgp', 'sftp', 'receipt', 'secrets', 'config'];
const upper = ['commands', 'deposit', 'seal', 'open', 'ui', 'demo'];
const zones = [
  ...domains.map((folder) => ({
    target: `./src/${folder}`,
    from: [...domains, ...upper].filter((other) => other !== folder).map((other) => `./src/${other}`),
    message: 'a domain folder imports only errors.ts, outbound.ts and itself',
  })),
  { target: './src/seal', from: ['commands', 'deposit', 'open', 'ui', 'demo'].map((f) => `./src/${f}`) },
  { target: './src/open', from: ['commands', 'deposit', 'seal', 'ui', 'demo'].map((f) => `./src/${f}`) },
  { target: './src/deposit', from: ['commands', 'ui', 'demo'].map((f) => `./src/${f}`) },
  { target: './src/ui', from: ['commands', 'deposit', 'seal', 'open', 'demo', ...domains].map((f) => `./src/${f}`) },
  { target: './src/errors.ts', from: './src' },
];

/** Packages that only one folder may import (DESIGN: one importer each). */
const owned = [
  { folder: 'src/pgp', packages: ['openpgp'] },
  { folder: 'src/ui', packages: ['ora'] },
  { folder: 'src/commands', packages: ['commander'], also: ['src/cli.ts'] },
  { folder: 'src/sftp', packages: ['ssh2', 'ssh2-sftp-client'], also: ['src/demo/**'] },
];
const isMark = { group: ['**/outbound.js'], importNames: ['markSuitcaseBlock', 'markReceiptBytes', 'markCoverBytes'] };

function restricted(packages, marks) {
  return ['error', {
    paths: packages.map((name) => ({ name, message: `only one folder imports ${name}` })),
    patterns: marks ? [{ ...isMark, message: 'only sealing and receipts may mark bytes as fit to leave' }] : [],
  }];
}
const ownedPackages = owned.flatMap((o) => o.packages);

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'tests/output/', 'bench/output/'] },
  {
    files: ['src/**/*.ts', 'tests/**/*.ts', 'bench/**/*.ts', '*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: ['./tsconfig.json', './tests/tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-properties': ['error', { object: 'process', property: 'exit', message: 'only bin/depot.js exits' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'no-restricted-imports': restricted(ownedPackages, true),
      'no-console': 'error',
    },
  },
  ...owned.map(({ folder, packages, also = [] }) => ({
    files: [`${folder}/**/*.ts`, ...also],
    rules: { 'no-restricted-imports': restricted(ownedPackages.filter((p) => !packages.includes(p)), true) },
  })),
  {
    files: ['src/seal/**/*.ts', 'src/receipt/**/*.ts'],
    rules: { 'no-restricted-imports': restricted(ownedPackages, false) },
  },
  {
    files: ['tests/**/*.ts', 'bench/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off', '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-member-access': 'off' },
  },
);
