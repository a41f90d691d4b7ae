/** All of depot.yaml. Its keys are declared here and in the files of its parts; what the documents say about them, in tests/docs/. */
import { supplierPattern } from '../names/supplier.js';
import { arrangements, type WrittenArrangement } from './arrangement.js';
import type { Check, Value } from './document.js';
import { command, type Kind, list, named, oneOf, path, readLine, text } from './kinds.js';
import { mapping, optional, preset, required, type Values } from './mapping.js';
import { ping } from './ping.js';
import { writtenRemote } from './remote.js';

/** The rule for receipts, where this name will stand: known now, and not when a deposit is already on its way. */
const supplierName = named(
  'supplierName',
  'One line of text, at most 200 characters, without control and formatting characters.',
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
    name: required(supplierName),
    signingKey: required(path),
    signingKeyPassphraseFile: optional(path),
    signingKeyPassphraseCommand: optional(command),
    formerSigningKeys: optional(list(path)),
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
  command: required(command),
  on: preset(list(oneOf('success', 'failure', 'killed', 'stale', 'shrink')), ['failure', 'stale', 'shrink']),
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
    version: required(version),
    supplier: required(supplier),
    state: optional(path),
    notify: optional(notify),
    ping: optional(ping),
    include: optional(list(include)),
    remote: optional(writtenRemote),
    arrangements: optional(arrangements),
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
  if (value.kind === 'nothing') return value.report('the file is empty; remove it, then create one with: «depot init»');
  const version = value.pairs?.get('version')?.value;
  // A later version may have other keys: complaints about those would only mislead.
  if (typeof version?.scalar?.value === 'number' && version.scalar.value !== 1)
    return version.report(`version ${version.shown} is unknown to this version of depot, which reads version 1`);
  return top.parts(value);
};

export const included = mapping(
  { arrangements: required(arrangements) },
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
