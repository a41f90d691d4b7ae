/** dist/sbom.cdx.json, as the build makes it. */
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from './support/cli.js';
import { mustRun } from './support/process.js';

interface Component {
  group?: string;
  name: string;
  version: string;
  purl: string;
  hashes: { alg: string; content: string }[];
  licenses: { license?: { id: string }; expression?: string }[];
  properties: { name: string; value: string }[];
}
interface Sbom {
  serialNumber: string;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const text = readFileSync(path.join(checkout, 'dist/sbom.cdx.json'), 'utf8');
const sbom = JSON.parse(text) as Sbom;
const inside = (one: Component, place: RegExp) => one.properties.some(({ value }) => place.test(value));

/** A validator, by the schemas that the library of CycloneDX carries. */
function cycloneDx(): (document: unknown) => boolean {
  const library = createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json');
  const schema = (name: string): object => {
    const file = path.join(path.dirname(library), 'res/schema', `${name}.SNAPSHOT.schema.json`);
    return JSON.parse(readFileSync(file, 'utf8')) as object;
  };
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema({ ...schema(name), $id: `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json` });
  return ajv.compile(schema('bom-1.6'));
}

test('the bill of materials is valid CycloneDX 1.6; with a wrong licence or hash it would not be', () => {
  const valid = cycloneDx();
  const [first] = sbom.components;
  expect(valid(sbom)).toBe(true);
  expect(valid({ ...sbom, components: [{ ...first, licenses: [{ license: { id: 'None' } }] }] })).toBe(false);
  expect(valid({ ...sbom, components: [{ ...first, hashes: [{ alg: 'SHA-512', content: 'x' }] }] })).toBe(false);
});

test('it lists the same packages, versions and licences as LICENSES.txt', () => {
  const licences = readFileSync(path.join(checkout, 'dist/LICENSES.txt'), 'utf8');
  const named = [...licences.matchAll(/^(\S+) (\d\S*), licence: (.+)$/gm)].map(([, ...found]) => found.join(' '));
  const listed = sbom.components
    .filter((one) => inside(one, /^dist\//))
    .map(({ group, name, version, licenses: [licence] }) =>
      [group === undefined ? name : `${group}/${name}`, version, licence.license?.id ?? licence.expression].join(' '),
    );
  expect(listed.length).toBeGreaterThan(30);
  expect(listed.sort()).toEqual(named.sort());
});

test('every component has its address, its hash and a place, and something depends on it', () => {
  const needed = new Set(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn));
  for (const one of sbom.components) {
    const folder = [one.group, one.name].filter((part) => part !== undefined).join('/');
    expect(one.purl).toBe(`pkg:npm/${folder.replace('@', '%40')}@${one.version}`);
    expect(one.hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) as string }]);
    expect(inside(one, /^(?:dist\/\*\.js|dist\/opener\.html|node_modules)$/), one.purl).toBe(true);
    expect(needed, one.purl).toContain(one.purl);
  }
  const refs = [sbom.metadata.component.purl, ...sbom.components.map(({ purl }) => purl)];
  expect(sbom.dependencies.map(({ ref }) => ref)).toEqual(refs);
  expect(refs).toEqual(expect.arrayContaining([...needed]));
});

test('making it again gives the same text, without times and web addresses', async () => {
  const places = Object.fromEntries(
    ['dist/*.js', 'dist/opener.html'].map((place) => [
      place,
      sbom.components
        .filter((one) => one.properties.some(({ value }) => value === place))
        .map(({ group, name }) => `node_modules/${group === undefined ? '' : `${group}/`}${name}/index.js`),
    ]),
  );
  const again = `
    import { readFileSync } from 'node:fs';
    const { sbom } = await import('./sbom.js');
    process.stdout.write(sbom(process.cwd(), JSON.parse(readFileSync('package.json', 'utf8')), ${JSON.stringify(places)}));`;
  const made = await mustRun(process.execPath, ['--input-type=module', '-e', again], { cwd: checkout });
  expect(made.stdout).toBe(text);
  expect(text).not.toMatch(/timestamp|https?:/);
});
