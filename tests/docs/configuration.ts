/**
 * `npm run docs`: the JSON Schemas of depot.yaml and docs/configuration.md, from the declarations in src/config and the
 * words beside this file.
 * What depot says to a wrong value is not written down anywhere: the page has what it says when it reads one.
 */
import { parse } from 'yaml';

import { arrangement, beneficiary, incremental, shrinkage } from '../../src/config/arrangement.js';
import { namedKinds } from '../../src/config/kinds.js';
import { ConfigInvalid, parseConfig } from '../../src/config/load.js';
import type { Key, Keys } from '../../src/config/mapping.js';
import { ping } from '../../src/config/ping.js';
import { databaseServer } from '../../src/config/databases.js';
import { remote } from '../../src/config/remote.js';
import { included, notify, supplier, top } from '../../src/config/schema.js';
import { source } from '../../src/config/sources.js';
import type { Config } from '../../src/config/types.js';
import { databaseKinds } from '../../src/source.js';
import { type ErrorCode, exitStatus } from '../../src/texts/exits.js';
import {
  arrangementWords,
  beneficiaryWords,
  notifyWords,
  pingWords,
  incrementalWords,
  shrinkageWords,
  supplierWords,
  topWords,
  type Words,
} from './configuration-words.js';
import { databaseWords, sourceWords } from './source-words.js';
import { remoteWords } from './remote-words.js';

const fingerprint = '8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2';

export interface Section {
  title: string;
  /** What its keys belong to, in the headings of their entries. */
  of?: string;
  /** Where its keys stand, in words. */
  where: string;
  keys: Keys;
  words: Readonly<Record<string, Words>>;
  /** A configuration in which nothing is wrong, without some of these keys, and how to put others into it. */
  put: (keys: Record<string, string>) => string;
}

/** A mapping in YAML's flow form; a text is written as it is. */
const flow = (keys: Record<string, string>): string =>
  `{ ${Object.entries(keys)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} }`;

const someone = { name: 'Gemeente Voorbeeld', key: 'keys/voorbeeld.asc', fingerprint: `"${fingerprint}"` };
const something = { directory: '/srv/crm/export' };
const oneOfMany = { beneficiaries: `[${flow(someone)}]`, dataset: `[${flow(something)}]` };
const whole = {
  version: '1',
  supplier: '{ name: Acme SaaS B.V., signingKey: keys/supplier.secret.asc }',
  remote: '{ host: sftp.agent.example, username: acme, directory: /incoming }',
  arrangements: flow({ 'acme-crm': flow(oneOfMany) }),
};
const atTop = (keys: Record<string, string>): string =>
  Object.entries({ ...whole, ...keys })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
const inArrangement = (keys: Record<string, string>): string =>
  atTop({ arrangements: flow({ 'acme-crm': flow({ ...oneOfMany, ...keys }) }) });

export const sections: readonly Section[] = [
  { title: 'Keys of the file', where: 'At the top of depot.yaml.', keys: top.keys, words: topWords, put: atTop },
  {
    title: 'Keys of supplier',
    of: 'supplier',
    where: 'Under `supplier:`.',
    keys: supplier.keys,
    words: supplierWords,
    put: (keys) => atTop({ supplier: flow({ name: 'Acme', signingKey: 'keys/supplier.secret.asc', ...keys }) }),
  },
  {
    title: 'Keys of notify',
    of: 'notify',
    where: 'Under `notify:`.',
    keys: notify.keys,
    words: notifyWords,
    put: (keys) => atTop({ notify: flow({ command: '[/usr/local/bin/alert]', ...keys }) }),
  },
  {
    title: 'Keys of ping',
    of: 'ping',
    where: 'Under `ping:`.',
    keys: ping.keys,
    words: pingWords,
    put: (keys) => atTop({ ping: flow({ url: '"https://hc.example/ping/KEY/{arrangement}"', ...keys }) }),
  },
  {
    title: 'Keys of remote',
    of: 'remote',
    where:
      "Under `remote:` at the top, for all arrangements, and under `remote:` of an arrangement, for that one. An arrangement's own keys win. `host` and `directory` must stand in one of the two.",
    keys: remote.keys,
    words: remoteWords,
    put: (keys) => atTop({ remote: flow({ host: 'sftp.agent.example', directory: '/incoming', ...keys }) }),
  },
  {
    title: 'Keys of an arrangement',
    of: 'arrangement',
    where: 'Under `arrangements:` and the name of the arrangement, in depot.yaml or in a file that `include:` names.',
    keys: arrangement.keys,
    words: arrangementWords,
    put: inArrangement,
  },
  {
    title: 'Keys of a beneficiary',
    of: 'beneficiary',
    where: 'In each member of `beneficiaries:`.',
    keys: beneficiary.keys,
    words: beneficiaryWords,
    put: (keys) => inArrangement({ beneficiaries: `[${flow({ ...someone, ...keys })}]` }),
  },
  {
    title: 'Keys of a source',
    of: 'source',
    where:
      'In each member of `dataset:`, a source. A source has one of `directory`, `file`, `command`, `stdin` and the databases `postgresql`, `mariadb`, `mysql`, `sqlite` and `sqlserver`; the names of all sources differ.',
    keys: source.keys,
    words: sourceWords,
    put: (keys) => inArrangement({ dataset: `[${flow({ ...sourceFor(Object.keys(keys)), ...keys })}]` }),
  },
  {
    title: 'Keys of a database',
    of: 'database',
    where:
      'Under `postgresql:`, `mariadb:`, `mysql:` and `sqlserver:` of a source; under `sqlite:` only `database` and `program`. [Databases](operations.md#databases) says what each needs.',
    keys: databaseServer.keys,
    words: databaseWords,
    put: (keys) => {
      const kind = 'backup' in keys ? 'sqlserver' : 'postgresql';
      return inArrangement({ dataset: `[{ ${kind}: ${flow({ database: 'crm', ...keys })} }]` });
    },
  },
  {
    title: 'Keys of incremental',
    of: 'incremental',
    where: 'Under `incremental:` of an arrangement.',
    keys: incremental.keys,
    words: incrementalWords,
    put: (keys) => inArrangement({ incremental: flow({ agentKeeps: '90d', ...keys }) }),
  },
  {
    title: 'Keys of shrink',
    of: 'shrink',
    where: 'Under `shrink:` of an arrangement, in place of one word.',
    keys: shrinkage.keys,
    words: shrinkageWords,
    put: (keys) => inArrangement({ shrink: flow({ below: '50%', ...keys }) }),
  },
];

/** What a source needs beside these keys. */
function sourceFor(keys: readonly string[]): Record<string, string> {
  if (keys.includes('command') || keys.includes('stdin')) return { as: 'crm.pgdump' };
  if (['directory', 'file', ...databaseKinds].some((kind) => keys.includes(kind))) return {};
  return keys.includes('timeout') || keys.includes('env') ? { command: '[pg_dump]', as: 'crm.pgdump' } : something;
}

/** The configuration that `text` is. */
export async function load(text: string): Promise<Config> {
  return parseConfig(text, '/etc/depot/depot.yaml', { env: {}, cwd: '/', platform: 'linux', home: '/home/acme' });
}

/** What depot says to `text`, without the places; empty when nothing is wrong. */
export async function saysTo(text: string): Promise<string[]> {
  return load(text).then(
    () => [],
    (error: unknown) => {
      if (error instanceof ConfigInvalid) return error.problems.map(({ message }) => message);
      throw error;
    },
  );
}

/** The schema of a mapping, with the words and the default of each key. */
function described(schema: unknown): unknown {
  const { additionalProperties, properties } = (schema ?? {}) as {
    additionalProperties?: unknown;
    properties?: object;
  };
  if (additionalProperties !== false || properties === undefined) return schema;
  const names = Object.keys(properties);
  const { keys, words } = sections.find((one) => names.every((name) => name in one.keys))!;
  const inFull = Object.entries(properties).map(([name, kind]) => {
    const { preset } = keys[name];
    const held = preset === undefined ? {} : { default: parse(preset.written) as unknown };
    const examples = [parse(words[name].example) as unknown];
    return [name, { ...kind, description: words[name].about, ...held, examples }] as const;
  });
  return { ...(schema as object), properties: Object.fromEntries(inFull) };
}

export function schemas(): Record<string, string> {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#' };
  const definitions = Object.fromEntries([...namedKinds].map(([name, { schema }]) => [name, schema]));
  const files = {
    'depot.schema.json': {
      ...head,
      title: 'depot.yaml, version 1',
      description:
        'For editors: # yaml-language-server: $schema=<path or address of this file>. depot itself checks more: names that are alike, keys that an arrangement takes from the remote for all, days that do not exist.',
      ...top.schema,
      definitions,
    },
    'depot.include.schema.json': {
      ...head,
      title: 'A file that include: in depot.yaml names',
      ...JSON.parse(JSON.stringify(included.schema).replaceAll('"#/', '"depot.schema.json#/')),
    } as object,
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, schema]) => [
      name,
      `${JSON.stringify(schema, (_, value: unknown) => described(value), 2)}\n`,
    ]),
  );
}

export async function page(): Promise<string> {
  const parts: string[] = [];
  for (const section of sections) {
    const { title, where, keys } = section;
    parts.push(`## ${title}\n\n${where}\n`);
    parts.push('| key | type | default |\n|---|---|---|');
    for (const [name, key] of Object.entries(keys))
      parts.push(
        `| [\`${name}\`](#${anchorOf(headingOf(section, name))}) | ${typeOf(name, key)} | ${defaultOf(key)} |`,
      );
    parts.push('');
    for (const [name, key] of Object.entries(keys)) parts.push(await entry(section, name, key));
  }
  const kinds = [...namedKinds].filter(([, { about }]) => about !== '');
  return `# Configuration

Every key of depot.yaml. This page is made from the declarations in \`src/config\` by \`npm run docs\`, as are
\`schemas/depot.schema.json\` and \`schemas/depot.include.schema.json\`, by which an editor completes and checks the file; do not edit it by
hand. [Operations](operations.md) has whole examples, and says where depot looks for the file.

depot checks the whole file before it does anything. It names everything that is wrong at once, with file, line and column, and exits
with ${exitStatus['config-invalid']} (\`config-invalid\`). "What goes wrong" has what it says to some wrong values, and what can still fail later because of the
key. A key that is unknown is an error too, and where it resembles a known one depot asks: \`unknown key 'hots', did you mean 'host'?\`

${parts.join('\n')}
## Kinds of values

${kinds.map(([name, { about }]) => `### kind: ${name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)}\n\n${about}\n`).join('\n')}`;
}

function headingOf({ of }: Section, name: string): string {
  return of === undefined ? name : `${of}: ${name}`;
}

/** As GitHub and most viewers of Markdown make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

/** The type, with a link to the section that has the keys of such a mapping. */
function typeOf(name: string, { kind }: Key<unknown>): string {
  const section = sections.find(
    ({ of, keys }) => of !== undefined && (of === name || `${of}s` === name) && !(name in keys),
  );
  return /^(mapping|remote|arrangements)$/.test(kind.type) && section !== undefined
    ? `[mapping](#${anchorOf(section.title)})`
    : kind.type;
}

function defaultOf(key: Key<unknown>): string {
  return key.preset !== undefined ? `\`${key.preset.written}\`` : key.required ? 'required' : '–';
}

async function entry(section: Section, name: string, key: Key<unknown>): Promise<string> {
  const words = section.words[name];
  const exit = (code: ErrorCode): string => `[${exitStatus[code]}](exit-codes.md), \`${code}\``;
  const says = await Promise.all(
    words.wrong.map(async (wrong) => {
      const said = await saysTo(section.put({ [name]: wrong }));
      return `- \`${name}: ${wrong}\` (exit ${exit('config-invalid')}): ${said.map((one) => `\`${one}\``).join('; ')}`;
    }),
  );
  const later = Object.entries(words.later ?? {}).map(
    ([code, when]) => `- Later, when ${when}: exit ${exit(code as ErrorCode)}`,
  );
  return `### ${headingOf(section, name)}

${words.about}

\`\`\`yaml
${name}: ${words.example}
\`\`\`

- Type: ${typeOf(name, key)}
- Default: ${key.required ? 'none, it is required' : key.preset === undefined ? 'none' : defaultOf(key)}
- Since: ${words.since ?? '0.1.0'}

What goes wrong:

${[...says, ...later].join('\n')}
`;
}
