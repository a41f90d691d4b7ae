import { hostKeyText } from '../names/host-key.js';
import { bandwidth } from './bandwidth.js';
import type { Check, Value } from './document.js';
import {
  command,
  duration,
  type Kind,
  list,
  longestTimer,
  named,
  oneOf,
  parsed,
  path,
  readLine,
  readText,
  truth,
  wholeNumber,
} from './kinds.js';
import { mapping, optional, preset, required, type Values } from './mapping.js';
import { parseHost } from './values.js';

const host = named(
  'host',
  '',
  { type: ['string', 'number'], pattern: '^[A-Za-z0-9_:]([A-Za-z0-9_.:%-]*[A-Za-z0-9_.:])?$' },
  parsed(parseHost),
);

const hostKey = named(
  'hostKey',
  '`SHA256:…`, optionally with the key type in front, or the whole line that `ssh-keygen -lf` prints.',
  {
    type: 'string',
    pattern:
      '^\\s*((ssh-ed25519|ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ecdsa-sha2-nistp521|ssh-rsa|rsa-sha2-256|rsa-sha2-512)\\s+)?SHA256:[A-Za-z0-9+/]{43}=?\\s*$',
  },
  parsed(hostKeyText),
);

const hostKeys: Kind<string[]> = {
  type: `${hostKey.type}, or list of them`,
  schema: { anyOf: [hostKey.schema, list(hostKey).schema] },
  read: (value) => {
    if (value.scalar === undefined || value.scalar.value === null) return list(hostKey).read(value);
    const key = hostKey.read(value);
    return key === null ? null : [key];
  },
};

const username: Kind<string> = {
  type: 'one line of text',
  schema: { anyOf: [{ $ref: '#/definitions/line' }, { type: 'number' }] },
  // A user number as user name is common; YAML reads it as a number.
  read: (value) => (typeof value.scalar?.value === 'number' ? value.scalar.source : readLine(value)),
};

/** What is wrong with a directory on the server, or undefined. */
export function wrongRemoteDirectory(text: string): string | undefined {
  if (text === '~' || text.startsWith('~/'))
    return 'SFTP does not expand ~; a path without a leading slash starts in the login directory';
  return text.includes('\\') ? 'paths on an SFTP server use forward slashes' : undefined;
}

const readRemoteDirectory: Check<string> = (value) => {
  const found = readText()(value);
  if (found === null) return null;
  const wrong = wrongRemoteDirectory(found);
  if (wrong !== undefined) return value.report(`${value.shown}: ${wrong}`);
  return found.replace(/(?<=.)\/+$/, '');
};
const remoteDirectory = named(
  'remoteDirectory',
  'A path on the server, with forward slashes. Without a leading slash it starts in the login directory.',
  { type: 'string', pattern: '^(?!~(/|$))[^\\\\\\u0000]+$' },
  readRemoteDirectory,
);

const sshAgent: Kind<boolean | string> = {
  type: `true, \`pageant\`, or the ${path.type} of its socket`,
  schema: { anyOf: [truth.schema, path.schema] },
  read: (value) => {
    const found = value.scalar?.value;
    return typeof found === 'boolean' || found === 'pageant' ? found : path.read(value);
  },
};

/** The same choice for a file: `true` for the one that ssh reads. */
const sshConfig: Kind<boolean | string> = {
  type: `true, or a ${path.type}`,
  schema: { anyOf: [truth.schema, path.schema] },
  read: (value) => (typeof value.scalar?.value === 'boolean' ? value.scalar.value : path.read(value)),
};

/** Where the server between is, and how depot logs in to it: with a key, as the remote where nothing else is said. */
export const proxyJump = mapping({
  host: required(host),
  port: preset(wholeNumber(1, 65_535), 22),
  username: optional(username),
  privateKey: optional(path),
  sshAgent: optional(sshAgent),
  hostKey: optional(hostKeys),
});

const jumpText = /^(?:([^@\s,]+)@)?(\[[^\]\s]+\]|[^:\s,@]+)(?::(\d{1,5}))?$/;

/** A mapping, or `user@host:port` as `ssh -J` takes it. */
export const jump: Kind<Values<typeof proxyJump.keys>> = {
  type: `\`user@host:port\`, or ${proxyJump.type}`,
  schema: { anyOf: [proxyJump.schema, { type: 'string', pattern: jumpText.source }] },
  read: (value) => {
    if (value.scalar === undefined || value.scalar.value === null) return proxyJump.read(value);
    const found = readText()(value);
    if (found === null) return null;
    const parsed = parseJump(found);
    return typeof parsed === 'string' ? value.report(`${value.shown}: ${parsed}`) : parsed;
  },
};

/** `[user@]host[:port]`, or what is wrong with it. */
export function parseJump(text: string): Values<typeof proxyJump.keys> | string {
  if (text.includes(',')) return 'depot can go through only one jump host';
  const [, username, named, port = '22'] = jumpText.exec(text.replace(/^ssh:\/\/([^/]+)\/?$/, '$1')) ?? [];
  const at = named === undefined ? null : parseHost(named.replace(/^\[(.*)\]$/, '$1'));
  if (at === null || 'wrong' in at || Number(port) < 1 || Number(port) > 65_535) return 'write it as user@host:port';
  return { host: at.value, port: Number(port), ...(username !== undefined && { username }) };
}

/** Where the agent's server is and how depot logs in. An arrangement's own keys win over those of the remote for all. */
export const remote = mapping(
  {
    host: required(host),
    sshConfig: optional(sshConfig),
    port: preset(wholeNumber(1, 65_535), 22),
    username: optional(username),
    privateKey: optional(path),
    sshAgent: optional(sshAgent),
    privateKeyPassphraseFile: optional(path),
    privateKeyPassphraseCommand: optional(command),
    passwordFile: optional(path),
    passwordCommand: optional(command),
    directory: required(remoteDirectory),
    hostKey: optional(hostKeys),
    proxyJump: optional(jump),
    publish: preset(oneOf('rename', 'direct'), 'rename'),
    sidecars: preset(truth, true),
    lanes: preset(wholeNumber(1, 8, 'auto'), 'auto'),
    window: preset(wholeNumber(1, 256), 64),
    bandwidthLimit: optional(bandwidth),
    retryFor: optional(duration({ most: longestTimer, bounds: 'at most 24d' })),
    // A login that asks a directory or a RADIUS server takes a dozen seconds; less than 1s would be no time for a VPN.
    connectTimeout: preset(duration({ least: 1000, most: 600_000, bounds: 'from 1s to 10m' }), 30_000, '30s'),
  },
  {
    merged: true,
    exclusive: [
      ['passwordFile', 'passwordCommand'],
      ['privateKeyPassphraseFile', 'privateKeyPassphraseCommand'],
    ],
    notes: {
      password:
        'passwords do not belong in this file; store the password with: «depot login», or name a passwordFile or passwordCommand',
      path: 'write directory:',
    },
    schema: {
      not: {
        required: ['publish', 'sidecars'],
        properties: { publish: { const: 'direct' }, sidecars: { const: false } },
      },
    },
  },
);

/** A `remote:` as it stands in the file: nothing defaulted, nothing merged. */
export interface WrittenRemote {
  at: Value;
  keys: Partial<Values<typeof remote.keys>>;
}

/** The same as a kind: what it says is completed once the arrangement's own is put over the one for all. */
export const writtenRemote: Kind<WrittenRemote> = named('remote', '', remote.schema, (value) => {
  const keys = remote.parts(value);
  return keys === null ? null : { at: value, keys };
});
