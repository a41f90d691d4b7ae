/**
 * `npm run build`: dist/ from src/, by esbuild, in a fraction of a second. Types are checked by `npm run check`.
 *
 * Our code and the small libraries become a few files, since a start is mostly the finding and opening of files:
 * `depot status` needs three instead of a hundred and fifty. What a command does not use stays in files that it does not
 * load. openpgp (LGPL), ssh2 and ssh2-sftp-client stay packages, and `npm pack` takes them along in node_modules.
 */
import { build, transform } from 'esbuild';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { licenses, sbom, taken } from './sbom.js';

const root = import.meta.dirname;
const src = path.join(root, 'src');
const dist = path.join(root, 'dist');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const packages = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

/**
 * Every output lies flat in dist/, wherever its source was. So `import.meta.url` of a source becomes the address that it
 * would have if dist/ mirrored src/, and everything that is looked up beside a source is found.
 */
const addresses = {
  name: 'addresses',
  setup(b) {
    b.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const contents = readFileSync(file, 'utf8');
      if (!file.startsWith(src + path.sep) || !contents.includes('import.meta.url')) return undefined;
      const mirrored = path.relative(src, file).replaceAll(path.sep, '/').replace(/\.ts$/, '.js');
      return {
        loader: 'ts',
        contents: contents.replaceAll('import.meta.url', `new URL('./${mirrored}', import.meta.url).href`),
      };
    });
  },
};

/**
 * The threads are bundled apart from the rest: what they share with it would lie in many small files, and each costs a
 * thread a millisecond when it starts.
 */
const bundles = [await bundle('cli'), await bundle('thread-entry')];
const opener = await offlineOpener();
const inside = {
  'dist/*.js': [...new Set(bundles.flatMap(({ metafile }) => taken(metafile)))],
  'dist/opener.html': opener.inputs,
};
const files = {
  'opener.html': opener.page,
  // Where src/dataset/restore-script.ts looks for it.
  'dataset/restore.sh': readFileSync(path.join(src, 'dataset/restore.sh'), 'utf8'),
  ...Object.fromEntries(
    bundles.flatMap(({ outputFiles }) => outputFiles.map((file) => [path.relative(dist, file.path), file.text])),
  ),
  'LICENSES.txt': licenses(root, Object.values(inside).flat()),
  'sbom.cdx.json': sbom(root, manifest, inside),
};
for (const [name, text] of Object.entries(files)) put(path.join(dist, name), text);
removeOthers(Object.keys(files));
process.stderr.write(`dist/opener.html  SHA-256 ${createHash('sha256').update(opener.page).digest('hex')}\n`);
if (process.argv.includes('--pack')) packOnlyWhatRuns();

/** One of our programs, in files of which it loads those that it needs. */
function bundle(name) {
  return build({
    write: false,
    absWorkingDir: root,
    entryPoints: { [name]: `src/${name}.ts` },
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // A package's modules rather than its CommonJS: what import() gives of that has nothing but `default` in a bundle.
    mainFields: ['module', 'main'],
    target: 'node20.19',
    external: packages.flatMap((one) => [one, `${one}/*`]),
    // yaml and picomatch are CommonJS and ask for Node's own modules at run time.
    banner: {
      js: "import { createRequire as createRequire$ } from 'node:module'; const require = createRequire$(import.meta.url);",
    },
    legalComments: 'none',
    plugins: [addresses],
    metafile: true,
    logLevel: 'warning',
  });
}

/**
 * The offline opener: one HTML file with everything in it. Our code in it is that of the command line, but for the primitives:
 * `src/opener/primitives.ts` stands in for `src/primitives.ts`. The policy names the very script and style by their digests, and
 * allows no connection to anywhere.
 */
async function offlineOpener() {
  const primitives = {
    name: 'primitives',
    setup(b) {
      b.onResolve({ filter: /\/primitives\.js$/ }, ({ importer }) =>
        importer.startsWith(path.join(src, 'opener')) ? undefined : { path: path.join(src, 'opener/primitives.ts') },
      );
    },
  };
  const { metafile: used, outputFiles } = await build({
    write: false,
    absWorkingDir: root,
    entryPoints: ['src/opener/entry.ts'],
    outdir: dist,
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'external',
    charset: 'ascii',
    plugins: [primitives],
    metafile: true,
    logLevel: 'warning',
  });
  const node = Object.keys(used.inputs).filter((file) => file.startsWith('node:'));
  if (node.length > 0) throw new Error(`not for a browser: ${node.join(', ')}`);
  const { text: code } = outputFiles.find((file) => file.path.endsWith('.js'));
  // What the authors of code inside openpgp ask to be kept.
  const notices = outputFiles.find((file) => file.path.endsWith('.LEGAL.txt')).text.trim();
  const script = code.trim();
  if (/<\/script|<!--/i.test(script)) throw new Error('the script would end within itself');
  const { code: style } = await transform(readFileSync(path.join(src, 'opener/style.css'), 'utf8'), {
    loader: 'css',
    minify: true,
  });
  const digest = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${digest(script)} 'wasm-unsafe-eval'`,
    `style-src ${digest(style.trim())}`,
    'worker-src blob:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const inputs = taken(used);
  const escaped = `${licenses(root, inputs)}\n${'-'.repeat(72)}\n\n${notices}\n`.replace(
    /[&<>]/g,
    (c) => `&#${c.charCodeAt(0)};`,
  );
  const parts = { policy, style: style.trim(), script, version: manifest.version, licences: escaped };
  const page = readFileSync(path.join(src, 'opener/page.html'), 'utf8').replace(
    /\{\{(\w+)\}\}/g,
    (_, name) => parts[name],
  );
  return { page, inputs };
}

/** Whole or not at all, and only what changed: a depot that starts meanwhile finds its files. */
function put(file, text) {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

/** What earlier builds left; afterwards, not before. */
function removeOthers(written) {
  const keep = new Set(written.flatMap((file) => [file, path.dirname(file)]));
  for (const name of readdirSync(dist))
    if (!keep.has(name)) rmSync(path.join(dist, name), { recursive: true, force: true });
}

/**
 * What was compiled on this machine fits only machines like it, and nobody can read it: it is not packed, and neither are
 * tests and other builds. Where npm may run install scripts ssh2 is compiled at the destination; elsewhere depot works
 * without, slower. npm asks only the `files` of a bundled package what belongs to it, so that is where this is said.
 */
function packOnlyWhatRuns() {
  const files = {
    openpgp: ['dist/node/openpgp.mjs'],
    ssh2: ['lib', '!lib/protocol/crypto/build', 'install.js'],
    'cpu-features': ['lib', 'src', 'deps', 'binding.gyp', 'buildcheck.js'],
  };
  for (const [name, wanted] of Object.entries(files)) {
    const folder = path.join(root, 'node_modules', name);
    const file = path.join(folder, 'package.json');
    if (!existsSync(file)) continue;
    put(file, `${JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), files: wanted }, null, 2)}\n`);
    // A folder newer than npm's own note of node_modules, which says nothing of `files`: so npm reads package.json.
    const now = new Date();
    utimesSync(folder, now, now);
  }
}
