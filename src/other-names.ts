/** What rclone, rsync, restic, curl, lftp and ssh call things for which depot has a name of its own. */

/** Our key and, where one helps, a value for it; and the other names, in lower case and without hyphens. */
const ours: readonly { key: string; value?: string; others: readonly string[] }[] = [
  {
    key: 'bandwidthLimit',
    value: '5MiB/s',
    others: ['bandwidth', 'bwlimit', 'limitrate', 'limitupload', 'maxbandwidth', 'maxrate', 'rate', 'ratelimit'],
  },
  { key: 'privateKey', others: ['identity', 'identityfile', 'keyfile', 'privatekeyfile', 'sshkey'] },
  { key: 'hostKey', value: 'SHA256:…', others: ['hostkeys', 'knownhosts', 'knownhostsfile', 'userknownhostsfile'] },
  { key: 'proxyJump', value: 'user@host:port', others: ['bastion', 'jump', 'jumphost', 'proxy', 'proxycommand'] },
  { key: 'connectTimeout', value: '30s', others: ['contimeout', 'timeout'] },
  { key: 'username', others: ['user'] },
];

/** Our name for what another program calls `name`, if it is one of `known`. */
export function ownName(name: string, known: readonly string[]): { key: string; value?: string } | undefined {
  const plain = name.replace(/[-_]/g, '').toLowerCase();
  return ours.find(({ key, others }) => known.includes(key) && others.includes(plain));
}
