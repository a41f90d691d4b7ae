/**
 * `npm run docs`: schemas/depot.example.yaml, which `depot config example` prints: a depot.yaml that is valid as it stands, and has every
 * other key as a comment. Prose has one blank after its `#`; a line that can become part of the file has none, or more than one.
 */
import { namedKinds } from '../../src/config/kinds.js';
import { remote } from '../../src/config/remote.js';
import { supplier } from '../../src/config/schema.js';
import { type Section, sections } from './configuration.js';

const columns = 100;

/** What is no comment: the least that is a whole configuration. */
const active = new Set([
  ...['top: version', 'top: supplier', 'top: remote', 'top: arrangements', 'supplier: name', 'supplier: signingKey'],
  ...['remote: host', 'remote: username', 'remote: directory', 'arrangement: beneficiaries', 'arrangement: dataset'],
  ...['beneficiary: name', 'beneficiary: key', 'beneficiary: fingerprint'],
]);

const head =
  'Every key of depot.yaml, printed by: depot config example. Without the comments, it is a complete configuration: put in your own names, paths and fingerprints. To use another key, take away the # before it, and before the lines below it that belong to it. docs/configuration.md says of each what goes wrong; depot config check reads the result, without a server.';

export function example(): string {
  return `${[...prose(head), '', ...new Example().keysOf(find('top'))].join('\n')}\n`;
}

/** Pairs of keys of which only one may stand in the file; the second of each. */
export const excluded: ReadonlyMap<string, string> = new Map(
  [supplier, remote].flatMap(({ schema }) =>
    (schema.allOf as { not: { required: [string, string] } }[]).map(({ not }) => [not.required[1], not.required[0]]),
  ),
);

interface SourceSchema {
  required: string[];
  properties: Record<string, unknown>;
  /** Keys that need others beside them. */
  dependencies?: Record<string, unknown>;
}
const kindOf = ({ required }: SourceSchema): string => required.find((key) => key !== 'as')!;

const nameOf = ({ of = 'top' }: Section): string => of;
const find = (name: string): Section => sections.find((one) => nameOf(one) === name)!;

class Example {
  /** Each stands once: what `remote:` of an arrangement may hold is shown above it. */
  readonly #shown = new Set<Section>();

  /** `plain`: they stand below a comment, so that none of them needs to be one. */
  keysOf(section: Section, plain = false): string[] {
    this.#shown.add(section);
    const entries: string[] = [];
    for (const name of Object.keys(section.keys)) {
      const lines = this.#entry(section, name, plain);
      entries.push(...(entries.length > 0 && nameOf(section) === 'top' ? [''] : []), ...lines);
    }
    return entries;
  }

  #entry(section: Section, name: string, plain: boolean): string[] {
    const isActive = plain || active.has(`${nameOf(section)}: ${name}`);
    const lines = this.#written(section, name, !isActive || plain);
    return [...prose(about(section, name)), ...(isActive ? lines : lines.map(commented))];
  }

  #written(section: Section, name: string, plain: boolean): string[] {
    const body = this.#body(name, plain);
    return body === null ? [`${name}: ${section.words[name].example}`] : [`${name}:`, ...body.map(indented)];
  }

  /** What stands below a key whose value has keys of its own; null for any other. */
  #body(name: string, plain: boolean): string[] | null {
    if (name === 'arrangements') return ['acme-crm:', ...this.keysOf(find('arrangement')).map(indented)];
    if (name === 'beneficiaries') return item(this.keysOf(find('beneficiary')));
    if (name === 'dataset') return this.#sources();
    if (name === 'postgresql') return this.#database((key) => key !== 'backup' && !excluded.has(key));
    if (name === 'sqlserver') return this.#database((key) => key === 'database' || key === 'backup');
    const section = sections.find((one) => one.of === name);
    return section === undefined || this.#shown.has(section) ? null : this.keysOf(section, plain);
  }

  /** The keys of a database that `shown` chooses; the other databases stand on one line each. */
  #database(shown: (key: string) => boolean): string[] {
    const section = find('database');
    this.#shown.add(section);
    return Object.keys(section.keys)
      .filter(shown)
      .flatMap((key) => this.#entry(section, key, true));
  }

  /** A source of each kind; a key that several take stands at the first of them. */
  #sources(): string[] {
    const section = find('source');
    this.#shown.add(section);
    const schemas = namedKinds.get('source')!.schema.oneOf as SourceSchema[];
    const kinds = schemas.map(kindOf);
    const placed = new Set<string>();
    return schemas.flatMap((schema, i) => {
      const kind = kinds[i];
      const own = Object.keys(section.keys).flatMap((name) => {
        const fits = name in schema.properties && !kinds.includes(name) && !(name in (schema.dependencies ?? {}));
        if (!fits || (placed.has(name) && !schema.required.includes(name))) return [];
        const text = placed.has(name) ? [] : prose(about(section, name));
        placed.add(name);
        const line = `${name}: ${name === 'as' && kind !== 'command' ? `crm-${kind}` : section.words[name].example}`;
        return [...text, i === 0 ? commented(line) : line];
      });
      const source = item([...this.#written(section, kind, true), ...own]);
      return [...prose(about(section, kind)), ...(i === 0 ? source : source.map(commented))];
    });
  }
}

/** A member of a list; what is said of its first key stands above it. */
function item(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => !line.startsWith('# '));
  return [...lines.slice(0, first), `- ${lines[first]}`, ...lines.slice(first + 1).map(indented)];
}

const indented = (line: string): string => (line === '' ? '' : `  ${line}`);
const commented = (line: string): string => (line === '' ? '' : `#${line}`);

/** What the reference says of a key, without links, and with what can be seen there in its table. */
function about(section: Section, name: string): string {
  const { required, preset } = section.keys[name];
  const other = excluded.get(name);
  const more = [
    required && !active.has(`${nameOf(section)}: ${name}`) ? 'Required.' : '',
    preset === undefined ? '' : `Default: ${preset.written}.`,
    other !== undefined ? `Not together with ${other}.` : '',
  ];
  const text = section.words[name].about.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return [text, ...more].filter((one) => one !== '').join(' ');
}

/** In lines that begin with one `#` and one blank. */
function prose(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}
