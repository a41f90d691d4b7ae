/**
 * `npm run build:binary`: depot as one file that runs without Node, for Linux and for Windows, in binary/. Made on Linux, for both.
 *
 * Everything that depot reads of its package is inside, and nothing is unpacked (docs/decisions/0022-one-file.md).
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { licenses, sbom, taken } from './sbom.js';

const root = import.meta.dirname;
const out = path.join(root, 'binary');
const work = path.join(out, 'work');
const nodes = path.join(root, 'nodes');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/**
 * Whatever a library asks for comes from inside, or is part of Node: of compiled parts, without which they work, there are none, and
 * `createRequire` would find packages beside the executable and in every directory above it.
 */
const insideOnly = {
  name: 'inside-only',
  setup(b) {
    b.onResolve({ filter: /^\.\.\/dist\/cli\.js$/ }, () => ({ path: path.join(root, 'src/cli.ts') }));
    b.onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path: name }) => ({ path: name, namespace: 'absent' }));
    b.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path: name }) => ({
      contents: `throw new Error(${JSON.stringify(`${name} is not part of the executable`)});`,
    }));
    b.onResolve({ filter: /^(?:node:)?module$/ }, ({ namespace }) =>
      namespace === 'require' ? undefined : { path: 'createRequire', namespace: 'require' },
    );
    b.onLoad({ filter: /.*/, namespace: 'require' }, () => ({
      contents: `
        const { isBuiltin } = require('node:module');
        exports.createRequire = () => (name) => {
          if (!isBuiltin(name)) throw new Error(name + ' is not part of the executable');
          return require(name);
        };`,
    }));
  },
};

/** `node` is what runs at the destination, `here` the same version for this machine, which prepares the program. */
const targets = [
  { name: `depot-${manifest.version}-linux-x64`, node: 'linux/bin/node', here: 'linux/bin/node' },
  { name: `depot-${manifest.version}-win-x64.exe`, node: 'windows/bin/node.exe', here: 'windows-on-linux/bin/node' },
];

/** What src/installation.ts hands out, by its path in the package. */
const assets = [
  'package.json',
  'dist/opener.html',
  'dist/dataset/restore.sh',
  'docs/exit-codes.md',
  ...['schemas', 'test-fixtures/demo'].flatMap((directory) =>
    readdirSync(path.join(root, directory)).map((name) => `${directory}/${name}`),
  ),
];

rmSync(out, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
install();
// Only now is it there.
const { inject } = createRequire(path.join(nodes, 'package.json'))('postject');

const inside = [
  ...(await bundle('bin/depot.js', 'depot.cjs')),
  ...(await bundle('src/thread-entry.ts', 'thread-entry.cjs')),
  ...pageInputs(),
];
for (const target of targets) await executable(target);
put(
  'LICENSES.txt',
  [
    ...targets.map(({ here }) => readFileSync(path.join(nodes, 'node_modules', here, '../../LICENSE'), 'utf8')),
    licenses(root, inside),
  ].join(`\n${'-'.repeat(72)}\n\n`),
);
rmSync(work, { recursive: true });
const sums = readdirSync(out).map(
  (name) =>
    `${createHash('sha256')
      .update(readFileSync(path.join(out, name)))
      .digest('hex')}  ${name}\n`,
);
put('SHA256SUMS', sums.join(''));
process.stdout.write(sums.join(''));

/** By its lock file. npm has to be forced, since one of the Nodes is for another system. */
function install() {
  const [wanted, had] = ['package-lock.json', 'node_modules/.installed'].map((name) => path.join(nodes, name));
  if (existsSync(had) && readFileSync(had, 'utf8') === readFileSync(wanted, 'utf8')) return;
  execFileSync('npm', ['ci', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd: nodes,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  copyFileSync(wanted, had);
}

function put(name, contents) {
  writeFileSync(path.join(out, name), contents);
}

/**
 * One of our programs, in one file with all its libraries. It must not load code from a disk, so what is not inside has to be part of Node:
 * a thread's `require` would look for packages in the current directory, which may be anybody's.
 */
async function bundle(entry, outfile) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: path.join(work, outfile),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22.23',
    supported: { 'dynamic-import': false },
    // Nothing is looked up beside it (src/installation.ts).
    define: { 'import.meta.url': '"file:///depot"' },
    legalComments: 'none',
    plugins: [insideOnly],
    metafile: true,
    logLevel: 'warning',
  });
  const outside = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports.map((one) => one.path))
    .filter((name) => !isBuiltin(name));
  if (outside.length > 0) throw new Error(`${entry} would load ${outside.join(', ')} from the disk`);
  return taken(metafile);
}

/** What the offline page was made of. */
function pageInputs() {
  return JSON.parse(readFileSync(path.join(root, 'dist/sbom.cdx.json'), 'utf8'))
    .components.filter(({ properties }) => properties.some(({ value }) => value === 'dist/opener.html'))
    .map(({ group, name }) => `node_modules/${group === undefined ? '' : `${group}/`}${name}/package.json`);
}

async function executable({ name, node, here }) {
  const { version } = JSON.parse(
    readFileSync(path.join(nodes, 'node_modules', path.dirname(node), '../package.json'), 'utf8'),
  );
  const configuration = path.join(work, 'sea.json');
  writeFileSync(
    configuration,
    JSON.stringify({
      // Told as it is in stack traces: so no path of this machine.
      main: 'depot.cjs',
      output: 'blob',
      disableExperimentalSEAWarning: true,
      // Code compiled beforehand would start 50 ms sooner, but no two builds would be the same.
      useCodeCache: false,
      useSnapshot: false,
      assets: Object.fromEntries([
        ...assets.map((file) => [file, path.join(root, file)]),
        ['thread-entry.cjs', path.join(work, 'thread-entry.cjs')],
      ]),
    }),
  );
  execFileSync(path.join(nodes, 'node_modules', here), ['--experimental-sea-config', configuration], {
    cwd: work,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const program = readFileSync(path.join(nodes, 'node_modules', node));
  put(name, name.endsWith('.exe') ? withoutSignature(program) : program);
  await inject(path.join(out, name), 'NODE_SEA_BLOB', readFileSync(path.join(work, 'blob')), {
    sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
  });
  chmodSync(path.join(out, name), 0o755);
  const lock = JSON.parse(readFileSync(path.join(nodes, 'package-lock.json'), 'utf8'));
  const { integrity, license, name: packageName } = lock.packages[`node_modules/${node.split('/')[0]}`];
  // The libraries are bundled here: none lies beside the program.
  const bill = sbom(
    root,
    { ...manifest, bundleDependencies: [] },
    { [name]: inside },
    { name: packageName, version, license, integrity, place: name },
  );
  put(`${name}.sbom.cdx.json`, bill);
}

/**
 * A Windows program without the signature of Node's makers, which would no longer hold. The certificate table, entry 4 of the data directories
 * (PE format, "Optional Header Data Directories"), is at the end of the file.
 */
function withoutSignature(program) {
  const optionalHeader = program.readUInt32LE(0x3c) + 24;
  if (program.readUInt16LE(optionalHeader) !== 0x20b) throw new Error('not a 64-bit Windows program');
  const entry = optionalHeader + 112 + 4 * 8;
  const [at, length] = [program.readUInt32LE(entry), program.readUInt32LE(entry + 4)];
  if (at === 0 || at + length !== program.length) throw new Error('the signature is not where it was expected');
  program.fill(0, entry, entry + 8);
  return program.subarray(0, at);
}
