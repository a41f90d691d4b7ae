/** The software bill of materials of the package, CycloneDX 1.6: what became part of dist/, and what `npm pack` takes along. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder of the package that a bundler's input belongs to: `node_modules/@noble/hashes`. Undefined for our own code. */
export function packageFolder(input) {
  // From the first one on: node_modules may be a link to another checkout's.
  const at = input.indexOf('node_modules/');
  return at === -1 ? undefined : /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.slice(at))?.[0];
}

/**
 * The text of dist/sbom.cdx.json; the same as long as what is inside is the same, so it has no time in it, and its serial number comes from
 * its content. `inside` says which inputs the bundler took for which output: `{ 'dist/opener.html': ['node_modules/…', …] }`.
 */
export function sbom(root, manifest, inside) {
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
  const dependsOn = (wanted) => [...new Set(wanted.map((folder) => refs.get(folder)))].filter(Boolean).sort();
  const content = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      lifecycles: [{ phase: 'build' }],
      component: { type: 'application', 'bom-ref': own, ...named(manifest), purl: own },
    },
    components: folders.map((folder) => {
      const { integrity } = locked[folder];
      const described = read(`${folder}/package.json`);
      return {
        type: 'library',
        'bom-ref': refs.get(folder),
        ...named(described),
        // Of the package as npm delivers it.
        hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex') }],
        licenses: [licence(described)],
        purl: refs.get(folder),
        properties: [...places.get(folder)].sort().map((value) => ({ name: 'depot:inside', value })),
      };
    }),
    dependencies: [
      { ref: own, dependsOn: dependsOn(folders.filter((folder) => isOwn(manifest, folder))) },
      ...folders.map((folder) => ({ ref: refs.get(folder), dependsOn: dependsOn(needs(locked, folder)) })),
    ],
  };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  // In the form of a UUID of version 8: made by a rule of one's own.
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const { bomFormat, specVersion, ...rest } = content;
  return `${JSON.stringify({ bomFormat, specVersion, serialNumber: `urn:uuid:${uuid}`, ...rest }, null, 2)}\n`;
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
