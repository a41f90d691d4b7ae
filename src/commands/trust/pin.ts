import { readFile } from 'node:fs/promises';
import type { RemoteSettings } from '../../config/types.js';
import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { localError, writeFileAtomic } from '../../receipt/files.js';
import { fingerprintOf } from '../../sftp/hostkeys.js';
import { knownKeys, parseKnownHosts } from '../../sftp/knownhosts.js';
import { scanHostKeys, type ScannedKey } from '../../sftp/scan.js';
import type { Context } from '../context.js';
import { chooseArrangement, configFor } from '../deposits.js';
import type { TrustFlags } from '../trust.js';

export async function trust(o: TrustFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  const { name, remote } = chooseArrangement(config, o.name);
  const { host, port, knownHostsFile } = remote;
  const offered = await scanHostKeys(host, port, { timeoutMs: remote.connectTimeoutMs, signal: context.signal });
  const compared = await choose(offered, o.fingerprints, { ...remote, name }, context);
  const { text, replaced } = pinned(await contents(knownHostsFile), { host, port }, compared);
  await writeFileAtomic(knownHostsFile, text);
  const inConfig = remote.hostKeys.length > 0;
  if (inConfig) context.screen.warn(`${name}: hostKey in ${printable(config.path)} wins over known_hosts`);
  context.screen.result({
    ok: true, host, port, knownHosts: knownHostsFile, offered: offered.map(shown), trusted: compared.map(shown), replaced, hostKeyInConfig: inConfig,
  }, [
    ...compared.map((key) => `${replaced.includes(key.type) ? 'replaced' : 'trusted'}  ${key.type} ${key.fingerprint}`),
    `written to ${printable(knownHostsFile)}`,
  ]);
  return 0;
}

function shown({ type, fingerprint }: ScannedKey): { type: string; fingerprint: string } {
  return { type, fingerprint };
}

/** The keys that a person, or whoever gave `--fingerprint`, has compared with what the agent gave. */
async function choose(offered: readonly ScannedKey[], fingerprints: readonly string[], remote: Pick<RemoteSettings, 'host' | 'port'> & { name: string }, context: Context): Promise<ScannedKey[]> {
  const address = `${printable(remote.host)}:${remote.port}`;
  const listed = offered.map((key) => `${key.type} ${key.fingerprint}`).join('\n');
  if (fingerprints.length > 0) {
    const found = offered.filter((key) => fingerprints.includes(key.fingerprint));
    const missing = fingerprints.filter((print) => !found.some((key) => key.fingerprint === print));
    if (missing.length > 0) {
      throw new DepotError('host-key-changed', `${address} does not have the key ${missing.join(', ')}; it shows\n${listed}`, { hint: 'do not go on: ask the agent, by telephone, which key its server has' });
    }
    return found;
  }
  if (!context.screen.interactive) {
    throw new DepotError('host-key-unknown', `nobody can compare the host keys of ${address} here; it shows\n${listed}`, {
      hint: `compare them with what the agent gave you, then: depot trust ${remote.name} --fingerprint SHA256:…`,
    });
  }
  const { Prompt } = await import('../../ui/prompt.js');
  const prompt = new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal });
  context.screen.note(`${address} shows these host keys. Compare them with what the agent gave you on paper or by telephone, letter by letter.`);
  const chosen = await prompt.chooseSome('Which of them have you compared and found equal? (Ctrl-C if none)', offered.map((key) => ({ value: key.fingerprint, label: `${key.type} ${key.fingerprint}` })));
  return offered.filter((key) => chosen.includes(key.fingerprint));
}

/**
 * known_hosts with these keys in it, each once. A line for this server alone that has another key of the same type is
 * replaced, since whoever calls has compared the new one; a line that names other servers too is not ours to take apart.
 */
export function pinned(before: string, server: { host: string; port: number }, keys: readonly ScannedKey[]): { text: string; replaced: string[] } {
  const replaced: string[] = [];
  const present = new Set<string>();
  const kept = before.split('\n').filter((line) => {
    const [known] = knownKeys(parseKnownHosts(line), server.host, server.port);
    if (known === undefined) return true;
    const print = fingerprintOf(known.key);
    if (known.marker === 'revoked') {
      if (keys.some((key) => key.fingerprint === print)) throw new DepotError('host-key-changed', `known_hosts says that the key ${print} was revoked`, { hint: 'ask the agent, by telephone, which key its server has' });
      return true;
    }
    const same = keys.find((key) => key.type === known.type);
    if (same === undefined) return true;
    if (same.fingerprint === print) {
      present.add(print);
      return true;
    }
    if (/[,*?!]/.test(known.hosts)) {
      throw new DepotError('host-key-changed', `known_hosts has another ${known.type} key for ${printable(known.hosts)}`, { hint: 'remove that line by hand, then run this again' });
    }
    replaced.push(known.type);
    return false;
  });
  const lines = [...kept.filter((line, i) => line !== '' || i < kept.length - 1), ...keys.filter((key) => !present.has(key.fingerprint)).map((key) => key.line.trimEnd())];
  return { text: `${lines.join('\n')}\n`, replaced };
}

async function contents(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw localError(error, 'read', file);
  }
}
