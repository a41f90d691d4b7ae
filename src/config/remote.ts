import { commandLine, line, list, localPath, oneOf, parsed, text, truth, wholeNumber } from './checks.js';
import type { Check, Fields, Value } from './document.js';
import { longestTimer } from './defaults.js';
import type { Publish, SecretRefs } from './types.js';
import { parseDuration, parseHost } from './values.js';
import { hostKeyText } from '../names/host-key.js';

export const remoteKeys = [
  'host',
  'port',
  'username',
  'privateKey',
  'privateKeyPassphraseFile',
  'privateKeyPassphraseCommand',
  'passwordFile',
  'passwordCommand',
  'directory',
  'hostKey',
  'publish',
  'sidecars',
  'lanes',
  'window',
  'retryFor',
  'connectTimeout',
] as const;

/** A `remote:` as it stands in the file: nothing defaulted, nothing merged. */
export interface RawRemote {
  fields: Fields;
  host: string | undefined;
  port: number | undefined;
  username: string | undefined;
  privateKey: string | undefined;
  privateKeyPassphrase: SecretRefs | undefined;
  password: SecretRefs | undefined;
  directory: string | undefined;
  hostKeys: string[] | undefined;
  publish: Publish | undefined;
  sidecars: boolean | undefined;
  lanes: 'auto' | number | undefined;
  window: number | undefined;
  retryForMs: number | undefined;
  connectTimeoutMs: number | undefined;
}

const notes = {
  password:
    'passwords do not belong in this file; store it with: «depot login», or name a passwordFile or passwordCommand',
  user: 'write username:',
  path: 'write directory:',
  hostKeys: 'write hostKey:',
};

export const remote: Check<RawRemote> = (value) => {
  const fields = value.fields(remoteKeys, notes);
  if (fields === null) return null;
  return {
    fields,
    host: fields.optional('host', parsed(parseHost)),
    port: fields.optional('port', wholeNumber(1, 65_535)),
    username: fields.optional('username', username),
    privateKey: fields.optional('privateKey', localPath),
    privateKeyPassphrase: secretRefs(fields, 'privateKeyPassphrase'),
    password: secretRefs(fields, 'password'),
    directory: fields.optional('directory', remoteDirectory),
    hostKeys: fields.optional('hostKey', hostKeys),
    publish: fields.optional('publish', oneOf('rename', 'direct')),
    sidecars: fields.optional('sidecars', truth),
    lanes: fields.optional('lanes', lanes),
    window: fields.optional('window', wholeNumber(1, 256)),
    retryForMs: fields.optional('retryFor', retryFor),
    connectTimeoutMs: fields.optional('connectTimeout', connectTimeout),
  };
};

/** `<name>File` or `<name>Command`, not both; undefined when neither stands there. */
export function secretRefs(fields: Fields, name: string): SecretRefs | undefined {
  const [fileKey, commandKey] = [`${name}File`, `${name}Command`];
  if (!fields.has(fileKey) && !fields.has(commandKey)) return undefined;
  if (fields.has(fileKey) && fields.has(commandKey))
    fields.at(commandKey).report(`${fileKey} and ${commandKey} exclude each other`);
  const file = fields.optional(fileKey, localPath);
  const command = fields.optional(commandKey, commandLine);
  return { ...(file === undefined ? {} : { file }), ...(command === undefined ? {} : { command }) };
}

const username: Check<string> = (value) => {
  const scalar = value.scalar;
  // A user number as user name is common; YAML reads it as a number.
  return typeof scalar?.value === 'number' ? scalar.source : line(value);
};

const remoteDirectory: Check<string> = (value) => {
  const found = text()(value);
  if (found === null) return null;
  if (found === '~' || found.startsWith('~/'))
    return value.report(
      `${value.shown}: SFTP does not expand ~; a path without a slash in front starts in the login directory`,
    );
  if (found.includes('\\')) return value.report(`${value.shown}: paths on an SFTP server have forward slashes`);
  return found.replace(/(?<=.)\/+$/, '');
};

const hostKeys: Check<string[]> = (value) => {
  const one = value.scalar !== undefined && value.scalar.value !== null;
  if (!one) return list(parsed(hostKeyText))(value);
  const key = parsed(hostKeyText)(value);
  return key === null ? null : [key];
};

const lanes: Check<'auto' | number> = (value) => {
  if (value.scalar?.value === 'auto') return 'auto';
  const found = value.scalar?.value;
  if (typeof found === 'number' && Number.isInteger(found) && found >= 1 && found <= 8) return found;
  return value.report(`expected auto or a whole number from 1 to 8, found ${value.shown}`);
};

/** `0s` means: do not try again. */
const retryFor: Check<number> = (value: Value) => {
  const ms = parsed(parseDuration)(value);
  return ms !== null && ms > longestTimer ? value.report(`${value.shown}: at most 24d`) : ms;
};

/** Less would be no time for a VPN, more would be no answer. */
const connectTimeout: Check<number> = (value: Value) => {
  const ms = parsed(parseDuration)(value);
  return ms !== null && (ms < 1000 || ms > 600_000) ? value.report(`${value.shown}: from 1s to 10m`) : ms;
};
