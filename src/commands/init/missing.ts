/** Where nobody is asked: what a push would still lack after depot.yaml is written. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { parseJump } from '../../config/remote.js';
import { readBoundedFile } from '../../plain-file.js';
import { describeSources } from '../../secrets/lookup.js';
import { isPinned } from '../../sftp/hostkeys.js';
import { needsPassphrase } from '../../sftp/private-key.js';
import type { Context } from '../context.js';
import type { InitFlags } from './options.js';
import type { Draft } from './draft.js';

export interface Missing {
  what: string;
  flag: string;
}

/** `file` is the depot.yaml to be; what lies beside it already (`known_hosts`, `secrets/`) counts as given. */
export async function missingForPush(
  {
    host,
    port = 22,
    username,
    hostKeys = [],
    privateKey,
    sshAgent,
    proxyJump,
    proxyJumpHostKeys = [],
    sources = [],
  }: Draft,
  o: InitFlags,
  file: string,
  context: Context,
): Promise<Missing[]> {
  const directory = path.dirname(file);
  const missing: Missing[] = [];
  const known = path.join(directory, 'known_hosts');
  if (hostKeys.length === 0 && (host === undefined || !(await isPinned(known, host, port))))
    missing.push({ what: 'host key', flag: '--host-key' });
  const jump = proxyJump === undefined ? undefined : parseJump(proxyJump);
  if (typeof jump === 'object' && proxyJumpHostKeys.length === 0 && !(await isPinned(known, jump.host, jump.port)))
    missing.push({ what: 'host key of the jump host', flag: '--proxy-jump-host-key' });

  const stored = async (kind: 'password' | 'privateKeyPassphrase'): Promise<boolean> => {
    if (host === undefined || username === undefined) return false;
    const sources = await describeSources({
      kind,
      env: {},
      needed: { run: 1, server: 1 },
      configDirectory: directory,
      account: { host, port, username },
      refs: {},
      key: privateKey ?? undefined,
    });
    return sources.some((s) => s.source === 'file' && s.present !== false);
  };
  const there = (name: string | undefined): Promise<boolean> =>
    name === undefined
      ? Promise.resolve(false)
      : stat(path.resolve(context.cwd, name)).then(
          () => true,
          () => false,
        );
  for (const source of sources) {
    if ('path' in source || source.password === undefined || !('file' in source.password)) continue;
    const { file } = source.password;
    if (!(await there(file)))
      missing.push({
        what: `password of database ${source.database}`,
        flag: `the file ${file} of --database-password-file`,
      });
  }
  if (sshAgent !== undefined) return missing;
  if (privateKey == null) {
    if (!(await there(o.passwordFile)) && (o.passwordFile !== undefined || !(await stored('password'))))
      missing.push({
        what: 'password',
        flag:
          o.passwordFile === undefined
            ? '--password-file (or --private-key)'
            : `the file ${o.passwordFile} of --password-file`,
      });
    return missing;
  }
  const locked = await readBoundedFile(privateKey).then(needsPassphrase, () => null);
  if (locked === null) missing.push({ what: 'SSH key', flag: `the file ${privateKey} of --private-key` });
  if (locked === true && !(await there(o.privateKeyPassphraseFile)) && !(await stored('privateKeyPassphrase')))
    missing.push({ what: 'passphrase of the SSH key', flag: '--private-key-passphrase-file' });
  return missing;
}
