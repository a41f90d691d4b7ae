/** What a login needs of this machine, as depot.yaml names it. */
import type { RemoteSettings } from './types.js';

/** Files that only the account that pushes may read. */
export function secretFiles({ privateKey, proxyJump, password, privateKeyPassphrase }: RemoteSettings): string[] {
  const named = [privateKey, proxyJump?.privateKey, password.file, privateKeyPassphrase.file];
  return named.filter((file) => file !== undefined);
}

/** Sockets of ssh-agents. */
export function agentSockets({ sshAgent, proxyJump }: RemoteSettings): string[] {
  return [sshAgent, proxyJump?.sshAgent].filter((place) => typeof place === 'string');
}
