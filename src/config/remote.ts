import { hostKeyText } from '../names/host-key.js';
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
  '`SHA256:…`, with the key type in front if you like, or the whole line that `ssh-keygen -lf` prints.',
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
  type: 'text of one line',
  schema: { anyOf: [{ $ref: '#/definitions/line' }, { type: 'number' }] },
  // A user number as user name is common; YAML reads it as a number.
  read: (value) => (typeof value.scalar?.value === 'number' ? value.scalar.source : readLine(value)),
};

const readRemoteDirectory: Check<string> = (value) => {
  const found = readText()(value);
  if (found === null) return null;
  if (found === '~' || found.startsWith('~/'))
    return value.report(
      `${value.shown}: SFTP does not expand ~; a path without a slash in front starts in the login directory`,
    );
  if (found.includes('\\')) return value.report(`${value.shown}: paths on an SFTP server have forward slashes`);
  return found.replace(/(?<=.)\/+$/, '');
};
const remoteDirectory = named(
  'remoteDirectory',
  'A path on the server, with forward slashes. Without a slash in front it starts in the login directory.',
  { type: 'string', pattern: '^(?!~(/|$))[^\\\\\\u0000]+$' },
  readRemoteDirectory,
);

const secretLater = {
  'secret-missing': 'there is no such file, it is empty, or the command fails',
  'secret-insecure': 'other accounts can read the file',
};

/** Where the agent's server is and how depot logs in. An arrangement's own keys win over those of the remote for all. */
export const remote = mapping(
  {
    host: required(host, {
      about: "Name or address of the agent's SFTP server, without scheme, user and port.",
      example: 'sftp.agent.example',
      wrong: ['sftp://sftp.agent.example/incoming', 'acme@sftp.agent.example', '10.20.0.5:22', '"[fe80::1]"'],
      later: { unreachable: 'nothing answers there' },
    }),
    port: preset(wholeNumber(1, 65_535), 22, {
      about: "Port of the agent's SFTP server.",
      example: '2222',
      wrong: ['0', '"22"'],
    }),
    username: optional(username, {
      about: 'Who logs in. Left out, the name that `depot login` stored is taken.',
      example: 'acme',
      wrong: ['""'],
      later: { 'login-refused': 'the server does not know this account, or refuses its login' },
    }),
    privateKey: optional(path, {
      about: 'A private key for SSH, if the agent takes one.',
      example: '~/.ssh/id_ed25519',
      wrong: ['~root/.ssh/id_ed25519'],
      later: { 'key-unreadable': 'the file is no private key', 'secret-insecure': 'other accounts can read the file' },
    }),
    privateKeyPassphraseFile: optional(path, {
      about: 'A file that holds the passphrase of `privateKey`, which only the account that runs depot can read.',
      example: 'secrets/ssh.passphrase',
      wrong: ['""'],
      later: { ...secretLater, 'passphrase-wrong': 'it does not unlock the key' },
    }),
    privateKeyPassphraseCommand: optional(command, {
      about: 'A command that prints the passphrase of `privateKey`.',
      example: '[pass, show, depot/ssh]',
      wrong: ['pass show depot/ssh'],
      later: { 'secret-missing': 'it fails or prints nothing', 'passphrase-wrong': 'it does not unlock the key' },
    }),
    passwordFile: optional(path, {
      about:
        'A file that holds the password, which only the account that runs depot can read. `depot login --to file` needs no key here. The one in the remote for all is not sent to another host, port or username.',
      example: 'secrets/password',
      wrong: ['~root/password'],
      later: { ...secretLater, 'login-refused': 'the server refuses the password' },
    }),
    passwordCommand: optional(command, {
      about: 'A command that prints the password. As with `passwordFile`, it goes to one account on one server only.',
      example: '[pass, show, depot/agent]',
      wrong: ['[]'],
      later: { 'secret-missing': 'it fails or prints nothing', 'login-refused': 'the server refuses the password' },
    }),
    directory: required(remoteDirectory, {
      about: 'Where deposits go on the server.',
      example: '/incoming',
      wrong: ['~/incoming', "'incoming\\acme'"],
      later: { 'remote-no-directory': 'it does not exist', 'remote-permission': 'the account may not write there' },
    }),
    hostKey: optional(hostKeys, {
      about:
        'The host key of the server, compared with what the agent gave. Left out, `known_hosts` beside depot.yaml decides, which `depot trust` writes.',
      example: '["ssh-ed25519 SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU"]',
      wrong: ['SHA256:QYhVDqpO8S2j', '"MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"', '[]'],
      later: { 'host-key-changed': 'the server has another key', 'host-key-unknown': 'no key is known from anywhere' },
    }),
    publish: preset(oneOf('rename', 'direct'), 'rename', {
      about:
        'How a finished file gets its name: `rename` uploads it as `.<name>.partial` first; `direct` is for a server that forbids renaming, and needs `sidecars`.',
      example: 'direct',
      wrong: ['renam'],
      later: { 'remote-permission': 'the server forbids renaming' },
    }),
    sidecars: preset(truth, true, {
      about: 'Whether the receipt, its signature and the cover page are uploaded beside the deposit.',
      example: 'false',
      wrong: ['"yes"'],
    }),
    lanes: preset(wholeNumber(1, 8, 'auto'), 'auto', {
      about: 'Parallel channels of an upload; `auto` adapts them to the connection.',
      example: '4',
      wrong: ['9'],
    }),
    window: preset(wholeNumber(1, 256), 64, {
      about: 'Writes in flight on each channel.',
      example: '16',
      wrong: ['0'],
    }),
    retryFor: optional(duration({ most: longestTimer, bounds: 'at most 24d' }), {
      about:
        'How long depot goes on trying when the connection is lost or nothing moves; `0s` is one attempt. Left out: 30m, and 10s on a terminal.',
      example: '2h',
      wrong: ['30', '25d'],
      later: { 'connection-lost': 'the connection did not come back in this time' },
    }),
    connectTimeout: preset(duration({ least: 1000, most: 600_000, bounds: 'from 1s to 10m' }), 30_000, {
      // A login that asks a directory or a RADIUS server takes a dozen seconds; less than 1s would be no time for a VPN.
      about:
        'How long the server may take for each of SSH handshake, login and opening SFTP; a third of it for the TCP connection.',
      written: '30s',
      example: '1m',
      wrong: ['0s', '1h'],
      later: { unreachable: 'the server did not answer in this time' },
    }),
  },
  {
    merged: true,
    exclusive: [
      ['passwordFile', 'passwordCommand'],
      ['privateKeyPassphraseFile', 'privateKeyPassphraseCommand'],
    ],
    notes: {
      password:
        'passwords do not belong in this file; store it with: «depot login», or name a passwordFile or passwordCommand',
      user: 'write username:',
      path: 'write directory:',
      hostKeys: 'write hostKey:',
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
