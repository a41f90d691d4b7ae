/** What is inside a package or an executable: its software bill of materials (CycloneDX 1.6) and its licences. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The sources that the outputs of esbuild's `metafile` have something of. */
export function taken({ outputs }) {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((file) => inputs[file].bytesInOutput > 0),
  );
}

/** The folder of the package that a bundler's input belongs to: `node_modules/@noble/hashes`. Undefined for our own code. */
export function packageFolder(input) {
  // From the first one on: node_modules may be a link to another checkout's.
  const at = input.indexOf('node_modules/');
  return at === -1 ? undefined : /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.slice(at))?.[0];
}

/**
 * The licences of the libraries that became part of an output, which their authors ask to be kept with them. The LGPL wants the text of the
 * GPL, whose terms it takes over, beside its own (LGPL 3, section 4b).
 */
export function licenses(root, inputs) {
  const directories = new Set(inputs.map(packageFolder).filter((d) => d !== undefined));
  const texts = [...directories].sort().map((directory) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, directory, 'package.json'), 'utf8'));
    const file = readdirSync(path.join(root, directory)).find((f) => /^licen[cs]e/i.test(f));
    const text = file === undefined ? '' : `\n\n${readFileSync(path.join(root, directory, file), 'utf8').trim()}`;
    return `${name} ${version}, licence: ${license}${text}\n`;
  });
  return [...texts, readFileSync(path.join(root, 'src/opener/gpl-3.0.txt'), 'utf8')].join(`\n${'-'.repeat(72)}\n\n`);
}

/**
 * The text of dist/sbom.cdx.json; the same as long as what is inside is the same, so it has no time in it, and its serial number comes from
 * its content. `inside` says which inputs the bundler took for which output: `{ 'dist/opener.html': ['node_modules/…', …] }`.
 * An executable also has its Node, as the lock file names it, in the output `place`.
 */
export function sbom(root, manifest, inside, node = undefined) {
  const read = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
  const locked = read('package-lock.json').packages;
  const places = new Map();
  const add = (folder, place) => places.set(folder, (places.get(folder) ?? new Set()).add(place));
  for (const [place, inputs] of Object.entries(inside))
    for (const folder of inputs.map(packageFolder)) if (folder !== undefined) add(folder, place);
  const takeAlong = (folder) => {
    if (folder === undefined || places.get(folder)?.has('node_modules')) return;
    add(folder, 'node_modules');
    needs(locked, folder).forEach(takeAlong);
  };
  for (const name of manifest.bundleDependencies) takeAlong(`node_modules/${name}`);

  const own = purl(manifest);
  const folders = [...places.keys()].sort();
  const refs = new Map(folders.map((folder) => [folder, purl(read(`${folder}/package.json`))]));
  const nodes = node === undefined ? [] : [component(node, node.integrity, [node.place])];
  const dependsOn = (wanted) => [...new Set(wanted.map((folder) => refs.get(folder)))].filter(Boolean).sort();
  const content = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      lifecycles: [{ phase: 'build' }],
      component: { type: 'application', 'bom-ref': own, ...named(manifest), purl: own },
    },
    components: [
      ...folders.map((folder) =>
        component(read(`${folder}/package.json`), locked[folder].integrity, places.get(folder)),
      ),
      ...nodes,
    ],
    dependencies: [
      {
        ref: own,
        dependsOn: [
          ...dependsOn(folders.filter((folder) => isOwn(manifest, folder))),
          ...nodes.map(({ purl: ref }) => ref),
        ],
      },
      ...folders.map((folder) => ({ ref: refs.get(folder), dependsOn: dependsOn(needs(locked, folder)) })),
      ...nodes.map(({ purl: ref }) => ({ ref, dependsOn: [] })),
    ],
  };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  // In the form of a UUID of version 8: made by a rule of one's own.
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const { bomFormat, specVersion, ...rest } = content;
  return `${JSON.stringify({ bomFormat, specVersion, serialNumber: `urn:uuid:${uuid}`, ...rest }, null, 2)}\n`;
}

function component(described, integrity, places) {
  return {
    type: 'library',
    'bom-ref': purl(described),
    ...named(described),
    // Of the package as npm delivers it.
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex') }],
    licenses: [licence(described)],
    purl: purl(described),
    properties: [...places].sort().map((value) => ({ name: 'depot:inside', value })),
  };
}

/** Folders of what a package needs; of what is optional, where it is locked. */
function needs(locked, folder) {
  const { dependencies, optionalDependencies } = locked[folder];
  return Object.keys({ ...dependencies, ...optionalDependencies })
    .map((name) => [`${folder}/node_modules/${name}`, `node_modules/${name}`].find((place) => place in locked))
    .filter((place) => place !== undefined);
}

function isOwn({ dependencies, devDependencies }, folder) {
  return folder.replace('node_modules/', '') in { ...dependencies, ...devDependencies };
}

function named({ name, version }) {
  const [, group, rest] = /^(?:(@[^/]+)\/)?(.+)$/.exec(name);
  return { ...(group === undefined ? {} : { group }), name: rest, version };
}

function purl({ name, version }) {
  return `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
}

/** ssh2 says it in the form of old. */
function licence({ name, license, licenses }) {
  const said = license ?? licenses?.[0].type;
  if (said === undefined) throw new Error(`${name} says no licence`);
  return said.includes(' ') ? { expression: said } : { license: { id: said } };
}
