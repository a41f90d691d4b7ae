/** What docs/configuration.md and the JSON Schema say about each key of `remote:`. */
import type { remote } from '../../src/config/remote.js';
import type { WordsFor } from './configuration-words.js';

const secretLater = {
  'secret-missing': 'there is no such file, it is empty, or the command fails',
  'secret-insecure': 'other accounts can read the file',
};

export const remoteWords: WordsFor<typeof remote> = {
  host: {
    about: "Name or address of the agent's SFTP server, without scheme, user name and port.",
    example: 'sftp.agent.example',
    wrong: ['sftp://sftp.agent.example/incoming', 'acme@sftp.agent.example', '10.20.0.5:22', '"[fe80::1]"'],
    later: { unreachable: 'nothing answers there' },
  },
  sshConfig: {
    about:
      "Looks up `host` in ssh's client configuration: `true` for `~/.ssh/config`, or the path of another file. Its `HostName`, `Port`, `User`, `IdentityFile`, `IdentityAgent` and `ProxyJump` then count unless depot.yaml has its own. By default depot reads no such file, so that nobody changes a push by editing one. What depot does not support, it refuses or names: [ssh.md](ssh.md#sshconfig).",
    example: 'true',
    wrong: ['1', '~root/.ssh/config'],
    later: { 'config-insecure': 'other accounts can write the file' },
  },
  port: { about: "Port of the agent's SFTP server.", example: '2222', wrong: ['0', '"22"'] },
  username: {
    about: 'The user name. Default: the one that `depot login` stored.',
    example: 'acme',
    wrong: ['""'],
    later: { 'login-refused': 'the server does not know this account, or refuses its login' },
  },
  privateKey: {
    about: 'A private key to log in with, if the agent accepts one.',
    example: '~/.ssh/id_ed25519',
    wrong: ['~root/.ssh/id_ed25519'],
    later: { 'key-unreadable': 'the file is not a private key', 'secret-insecure': 'other accounts can read the file' },
  },
  sshAgent: {
    about:
      'Logs in with a key that an ssh-agent holds: `true` for the agent of SSH_AUTH_SOCK (on Windows the one of OpenSSH), `pageant`, or the path of its socket. `privateKey` may then be a public key (`.pub`), which selects one of its keys. Without `privateKey`, the agent may hold five keys at most. Under cron and systemd there is no SSH_AUTH_SOCK.',
    example: 'true',
    wrong: ['1', '~root/agent.sock'],
    later: { 'secret-missing': 'there is no agent, it does not hold the key, or it holds more than five' },
  },
  privateKeyPassphraseFile: {
    about: 'A file with the passphrase of `privateKey`. Only the account that runs depot may be able to read it.',
    example: 'secrets/ssh.passphrase',
    wrong: ['""'],
    later: { ...secretLater, 'passphrase-wrong': 'it does not unlock the key' },
  },
  privateKeyPassphraseCommand: {
    about: 'A command that prints the passphrase of `privateKey`.',
    example: '[pass, show, depot/ssh]',
    wrong: ['pass show depot/ssh'],
    later: { 'secret-missing': 'it fails or prints nothing', 'passphrase-wrong': 'it does not unlock the key' },
  },
  passwordFile: {
    about:
      'A file with the password. Only the account that runs depot may be able to read it. Not needed after `depot login --to file`. depot never sends the one in the top-level `remote:` to another host, port or username.',
    example: 'secrets/password',
    wrong: ['~root/password'],
    later: { ...secretLater, 'login-refused': 'the server refuses the password' },
  },
  passwordCommand: {
    about: 'A command that prints the password. As with `passwordFile`, it goes to one account on one server only.',
    example: '[pass, show, depot/agent]',
    wrong: ['[]'],
    later: { 'secret-missing': 'it fails or prints nothing', 'login-refused': 'the server refuses the password' },
  },
  directory: {
    about: 'The directory on the server to put deposits in.',
    example: '/incoming',
    wrong: ['~/incoming', "'incoming\\acme'"],
    later: { 'remote-no-directory': 'it does not exist', 'remote-permission': 'the account cannot write there' },
  },
  hostKey: {
    about:
      'The host key of the server, as you compared it with what the agent gave you: its SHA-256 (`SHA256:…`), also with the key type in front or as `ssh-keygen -lf` prints it, or the key itself, as known_hosts, a `.pub` file and ssh-keyscan have it. Without it, `known_hosts` beside depot.yaml counts, which `depot trust` writes.',
    example: '["ssh-ed25519 SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU"]',
    wrong: ['SHA256:QYhVDqpO8S2j', '"MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"', '[]'],
    later: { 'host-key-changed': 'the server has another key', 'host-key-unknown': 'no key is known from anywhere' },
  },
  proxyJump: {
    about:
      'A server to connect through, as with `ssh -J`: `user@host:port`, or `host`, `port` (22), `username` (as above), `privateKey`, `sshAgent` and `hostKey`. depot logs in to it with its own key (without a passphrase) or ssh-agent, or with those of the remote; never with the password. Its host key is pinned like any other, by its `hostKey` or by `depot trust`.',
    example: 'jump@bastion.example:2222',
    wrong: ['"a@b,c@d"', '{ port: 22 }'],
    later: {
      'host-key-unknown': 'no key of that server is pinned',
      'host-key-changed': 'that server has another key',
      'remote-refused': 'that server does not allow the connection',
    },
  },
  publish: {
    about:
      'How a finished file gets its name: `rename` uploads it as `.<name>.partial` first; `direct` gives it its own name from the start, for a server that forbids renaming; it needs `sidecars`.',
    example: 'direct',
    wrong: ['renam'],
    later: { 'remote-permission': 'the server forbids renaming' },
  },
  sidecars: {
    about: 'Whether to upload the receipt, its signature and the cover page beside the deposit.',
    example: 'false',
    wrong: ['"yes"'],
  },
  lanes: { about: 'Parallel channels of an upload; `auto` adapts them to the connection.', example: '4', wrong: ['9'] },
  window: { about: 'Writes in flight on each channel.', example: '16', wrong: ['0'] },
  bandwidthLimit: {
    about:
      'How fast a push may send to this server: all of its jobs, channels and sidecars together. If several arrangements go to one server in the same run, the lowest limit counts for all. `push --bandwidth-limit` overrides it.',
    example: '{ "08:00-18:00": 5MiB/s, default: 20MiB/s }',
    wrong: ['20MiB', '100Mbit/s', '512B/s', '{ "8-18": 5MiB/s }', '{ "08:00-18:00": 5MiB/s, "17:00-20:00": none }'],
  },
  retryFor: {
    about:
      'How long depot keeps trying if the connection is lost or nothing moves; `0s` is one attempt. Default: 30m; on a terminal, 10s for the first connection.',
    example: '2h',
    wrong: ['30', '25d'],
    later: { 'connection-lost': 'the connection did not come back in this time' },
  },
  connectTimeout: {
    about:
      'How long the server may take for each of SSH handshake, login and opening SFTP. The TCP connection to each address of the host gets a third of it.',
    example: '1m',
    wrong: ['0s', '1h'],
    later: { unreachable: 'the server did not answer in this time' },
  },
};
