import { arrangements, type RawArrangement } from './arrangement.js';
import { commandLine, line, list, localPath, oneOf, text } from './checks.js';
import type { Check, Value } from './document.js';
import { remote, type RawRemote, secretRefs } from './remote.js';
import { supplierPattern } from '../names/supplier.js';
import type { NotifyEvent, SecretRefs } from './types.js';

export const topKeys = ['version', 'supplier', 'state', 'notify', 'include', 'remote', 'arrangements'] as const;
export const supplierKeys = [
  'name',
  'signingKey',
  'signingKeyPassphraseFile',
  'signingKeyPassphraseCommand',
  'formerSigningKeys',
] as const;
export const notifyKeys = ['command', 'on'] as const;

interface RawSupplier {
  name: string;
  signingKey: string;
  formerSigningKeys: string[];
  passphrase: SecretRefs | undefined;
}

/** A depot.yaml as it stands in the file. */
export interface RawConfig {
  supplier: RawSupplier | undefined;
  state: string | undefined;
  notify: { command: string[]; on: NotifyEvent[] | undefined } | undefined;
  include: { pattern: string; at: Value }[];
  remote: RawRemote | undefined;
  arrangements: RawArrangement[];
}

/** Checks a whole depot.yaml and reports everything that is wrong with it; null when there is nothing to go on with. */
export const config: Check<RawConfig> = (value) => {
  if (value.kind === 'nothing') return value.report('the file is empty; remove it, and write one with: «depot init»');
  const version = value.pairs?.get('version')?.value;
  // A later version may have other keys: complaints about those would only mislead.
  if (typeof version?.scalar?.value === 'number' && version.scalar.value !== 1)
    return version.report(`version ${version.shown} is not known to this depot, which reads version 1`);
  const fields = value.fields(topKeys, {
    beneficiaries: 'it belongs under arrangements: <name>:',
    dataset: 'it belongs under arrangements: <name>:',
  });
  if (fields === null) return null;
  fields.required('version', (v) => (v.scalar?.value === 1 ? 1 : v.report(`expected 1, found ${v.shown}`)));
  return {
    supplier: fields.required('supplier', supplier),
    state: fields.optional('state', localPath),
    notify: fields.optional('notify', notify),
    include: fields.optional('include', list(includePattern)) ?? [],
    remote: fields.optional('remote', remote),
    arrangements: fields.optional('arrangements', arrangements) ?? [],
  };
};

/** Checks a file that `include` names: `arrangements:` and nothing else. */
export const includedFile: Check<RawArrangement[]> = (value) => {
  if (value.kind === 'nothing') return [];
  const main = 'it belongs in the main file';
  const fields = value.fields(
    ['arrangements'],
    Object.fromEntries(topKeys.filter((k) => k !== 'arrangements').map((k) => [k, main])),
  );
  return fields?.required('arrangements', arrangements) ?? null;
};

const supplier: Check<RawSupplier> = (value) => {
  const fields = value.fields(supplierKeys, {
    passphrase:
      'passphrases do not belong in this file; name a signingKeyPassphraseFile or signingKeyPassphraseCommand',
    key: 'write signingKey:',
  });
  if (fields === null) return null;
  const name = fields.required('name', supplierName);
  const signingKey = fields.required('signingKey', localPath);
  const formerSigningKeys = fields.optional('formerSigningKeys', list(localPath)) ?? [];
  const passphrase = secretRefs(fields, 'signingKeyPassphrase');
  return name === undefined || signingKey === undefined ? null : { name, signingKey, formerSigningKeys, passphrase };
};

/** The rule for receipts, where this name will stand: known now, and not when a deposit is already on its way. */
const supplierName: Check<string> = (value) => {
  const found = line(value);
  if (found === null || supplierPattern.test(found)) return found;
  return value.report(
    found.length > 200 ? 'longer than 200 characters' : `no control or formatting characters here: ${value.shown}`,
  );
};

const notify: Check<{ command: string[]; on: NotifyEvent[] | undefined }> = (value) => {
  const fields = value.fields(notifyKeys);
  if (fields === null) return null;
  const command = fields.required('command', commandLine);
  const on = fields.optional('on', list(oneOf('success', 'failure', 'killed', 'stale', 'shrink')));
  return command === undefined ? null : { command, on };
};

const includePattern: Check<{ pattern: string; at: Value }> = (value) => {
  const pattern = text()(value);
  return pattern === null ? null : { pattern, at: value };
};
