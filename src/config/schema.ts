/** All of depot.yaml. Its keys are declared here and in the files of its parts, and nowhere else. */
import { supplierPattern } from '../names/supplier.js';
import { arrangements, type WrittenArrangement } from './arrangement.js';
import type { Check, Value } from './document.js';
import { command, type Kind, list, named, oneOf, path, readLine, text } from './kinds.js';
import { mapping, optional, preset, required, type Values } from './mapping.js';
import { writtenRemote } from './remote.js';

/** The rule for receipts, where this name will stand: known now, and not when a deposit is already on its way. */
const supplierName = named(
  'supplierName',
  'Text of one line, at most 200 characters, without control and formatting characters.',
  { type: 'string', pattern: `^(?=[\\s\\S]*\\S)${supplierPattern.source.slice(1)}` },
  (value) => {
    const found = readLine(value);
    if (found === null || supplierPattern.test(found)) return found;
    return value.report(
      found.length > 200 ? 'longer than 200 characters' : `no control or formatting characters here: ${value.shown}`,
    );
  },
);

export const supplier = mapping(
  {
    name: required(supplierName, {
      about: 'Your name, as it is to stand in receipts.',
      example: 'Acme SaaS B.V.',
      wrong: ['" "', '42'],
    }),
    signingKey: required(path, {
      about: 'The secret key that signs receipts.',
      example: 'keys/supplier.secret.asc',
      wrong: ['~root/supplier.secret.asc'],
      later: {
        'key-unreadable': 'the file is no secret key',
        'secret-insecure': 'other accounts can read the file',
        'signer-unusable': 'the key is expired, revoked, too weak, or cannot sign',
      },
    }),
    signingKeyPassphraseFile: optional(path, {
      about: 'A file that holds the passphrase of the signing key, which only the account that runs depot can read.',
      example: 'secrets/passphrase',
      wrong: ['""'],
      later: {
        'secret-missing': 'there is no such file, or it is empty',
        'secret-insecure': 'other accounts can read the file',
        'passphrase-wrong': 'it does not unlock the key',
      },
    }),
    signingKeyPassphraseCommand: optional(command, {
      about: 'A command that prints the passphrase of the signing key.',
      example: '[pass, show, depot/signing-key]',
      wrong: ['pass show depot/signing-key'],
      later: { 'secret-missing': 'it fails or prints nothing', 'passphrase-wrong': 'it does not unlock the key' },
    }),
    formerSigningKeys: optional(list(path), {
      about: 'Public keys that signed earlier receipts, which go on to count.',
      example: '[keys/2024.public.asc]',
      wrong: ['keys/2024.public.asc'],
    }),
  },
  {
    exclusive: [['signingKeyPassphraseFile', 'signingKeyPassphraseCommand']],
    notes: {
      passphrase:
        'passphrases do not belong in this file; name a signingKeyPassphraseFile or signingKeyPassphraseCommand',
      key: 'write signingKey:',
    },
  },
);

export const notify = mapping({
  command: required(command, {
    about:
      'A command that gets the run record as one line of JSON on standard input. It never holds up or fails a deposit.',
    example: '[/usr/local/bin/alert]',
    wrong: ['mail -s depot ops'],
  }),
  on: preset(list(oneOf('success', 'failure', 'killed', 'stale', 'shrink')), ['failure', 'stale'], {
    about: 'When it runs. `failure` is about a push that was killed too.',
    example: '[failure, stale, shrink]',
    wrong: ['[failed]', '[]'],
  }),
});

const version: Kind<1> = {
  type: '`1`',
  schema: { const: 1 },
  read: (value) => (value.scalar?.value === 1 ? 1 : value.report(`expected 1, found ${value.shown}`)),
};

/** A pattern, and where it stands. */
export interface Include {
  pattern: string;
  at: Value;
}
const include: Kind<Include> = {
  ...text,
  read: (value) => {
    const pattern = text.read(value);
    return pattern === null ? null : { pattern, at: value };
  },
};

export const top = mapping(
  {
    version: required(version, { about: 'The version of this form of depot.yaml.', example: '1', wrong: ['2', '"1"'] }),
    supplier: required(supplier, {
      about: 'Who deposits.',
      example: '{ name: Acme SaaS B.V., signingKey: keys/supplier.secret.asc }',
      wrong: ['Acme'],
    }),
    state: optional(path, {
      about:
        'Where receipts, ledgers and run records are kept. Left out: `/var/lib/depot` for a configuration in `/etc/depot`, else a directory of the account.',
      example: '/var/lib/depot',
      wrong: ['1'],
      later: { 'local-not-writable': 'depot cannot write there', 'state-insecure': 'other accounts can write there' },
    }),
    notify: optional(notify, {
      about: 'Whom to tell how a push went.',
      example: '{ command: [/usr/local/bin/alert], on: [failure, stale] }',
      wrong: ['{ on: [failure] }'],
    }),
    include: optional(list(include), {
      about:
        'Files with more arrangements: names or globs, relative to this file. They have `arrangements:` and no other key.',
      example: '["arrangements/*.yaml"]',
      wrong: ['arrangements.yaml', '["!"]'],
      later: { 'config-insecure': 'other accounts can write one of the files' },
    }),
    remote: optional(writtenRemote, {
      about: "The agent's server, for all arrangements; their own keys win.",
      example: '{ host: sftp.agent.example, username: acme, directory: /incoming }',
      wrong: ['sftp.agent.example'],
    }),
    arrangements: optional(arrangements, {
      about:
        'What is deposited for whom: a mapping of names to arrangements. A name is `a-z`, `0-9` and hyphens, at most 41.',
      example:
        '{ acme-crm: { beneficiaries: [{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }], dataset: [{ directory: /srv/crm/export }] } }',
      wrong: ['[acme-crm]', '{ Acme: { beneficiaries: [], dataset: [] } }'],
    }),
  },
  {
    notes: {
      beneficiaries: 'it belongs under arrangements: <name>:',
      dataset: 'it belongs under arrangements: <name>:',
    },
  },
);
export type WrittenConfig = Partial<Values<typeof top.keys>>;

/** Checks a whole depot.yaml and reports everything that is wrong with it; null when there is nothing to go on with. */
export const config: Check<WrittenConfig> = (value) => {
  if (value.kind === 'nothing') return value.report('the file is empty; remove it, and write one with: «depot init»');
  const version = value.pairs?.get('version')?.value;
  // A later version may have other keys: complaints about those would only mislead.
  if (typeof version?.scalar?.value === 'number' && version.scalar.value !== 1)
    return version.report(`version ${version.shown} is not known to this depot, which reads version 1`);
  return top.parts(value);
};

export const included = mapping(
  { arrangements: required(arrangements, top.keys.arrangements) },
  {
    notes: Object.fromEntries(
      Object.keys(top.keys)
        .filter((key) => key !== 'arrangements')
        .map((key) => [key, 'it belongs in the main file']),
    ),
  },
);

/** Checks a file that `include` names: `arrangements:` and nothing else. */
export const includedFile: Check<WrittenArrangement[]> = (value) =>
  value.kind === 'nothing' ? [] : (included.parts(value)?.arrangements ?? null);
