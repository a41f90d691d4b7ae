/** Where each secret of an arrangement comes from, which account can read it, and whether one is needed at all. */
import { obstacle, runAs } from '../../accounts.js';
import type { Arrangement, Config } from '../../config/types.js';
import { readBoundedFile } from '../../deposit/bounded-file.js';
import { accountOf } from '../../deposit/secrets.js';
import { isLocked, readCertificate } from '../../pgp/keys.js';
import { describeSources, type SecretKind, type SourceDescription } from '../../secrets/lookup.js';
import { needsPassphrase } from '../../sftp/login.js';
import { stateOwner } from '../account.js';
import type { Finding } from './finding.js';

interface Question {
  kind: SecretKind;
  name: string;
  /** What `depot login --for` calls it. */
  purpose: string;
  /** Why there need not be one; null when there must, undefined when the key could not be read. */
  dispensable: string | null | undefined;
}

/** Reads no secret. What is missing shows in the signer and at the login too, which decide the exit code. */
export async function secretFindings(o: { config: Config; arrangement: Arrangement; env: NodeJS.ProcessEnv; servers: number }): Promise<Finding[]> {
  const { config, arrangement } = o;
  const { remote } = arrangement;
  const questions: Question[] = [
    { kind: 'password', name: 'password', purpose: 'password', dispensable: remote.privateKey === undefined ? null : 'none is needed where the SSH key is enough' },
    ...(remote.privateKey === undefined ? [] : [{ kind: 'privateKeyPassphrase' as const, name: 'SSH key', purpose: 'private-key', dispensable: await withoutPassphrase(remote.privateKey, needsPassphrase) }]),
    { kind: 'signingKeyPassphrase', name: 'signing key', purpose: 'signing-key', dispensable: await withoutPassphrase(config.supplier.signingKey, async (bytes) => isLocked(await readCertificate(bytes))) },
  ];
  const findings: Finding[] = [];
  for (const question of questions) {
    const { kind } = question;
    const signing = kind === 'signingKeyPassphrase';
    const sources = await describeSources({
      kind, env: o.env, servers: o.servers, configDirectory: config.directory, account: accountOf(arrangement),
      refs: signing ? config.supplier.passphrase : remote[kind], key: signing ? config.supplier.signingKey : remote.privateKey,
    });
    findings.push(await judge(question, sources, o));
  }
  return findings;
}

async function judge({ name: what, purpose, dispensable }: Question, sources: readonly SourceDescription[], { config, arrangement }: { config: Config; arrangement: Arrangement }): Promise<Finding> {
  const name = `secret ${what}`;
  const first = sources.find((s) => s.source !== 'prompt' && s.source !== 'keychain' && (s.present === true || (s.source === 'config' && s.present === 'unknown')));
  const hidden = sources.find((s) => s.present === 'unknown' && s.problem !== undefined);
  const keychain = sources.find((s) => s.source === 'keychain' && s.present === 'unknown');
  if (first === undefined && typeof dispensable === 'string') return { name, result: 'passed', detail: dispensable };
  if (first === undefined && hidden !== undefined) return { name, result: 'warning', detail: `${hidden.where} ${hidden.problem ?? ''}`, hint: 'run depot doctor as the account that pushes' };
  if (first === undefined && keychain !== undefined) return { name, result: 'not possible', detail: `in no file; perhaps in the ${keychain.where}, readable by ${keychain.readableBy}` };
  if (first === undefined) {
    if (dispensable === undefined) return { name, result: 'not possible', detail: 'stored nowhere, and whether one is needed is not known, since the key cannot be read' };
    return { name, result: 'warning', detail: 'stored nowhere, and one is needed', hint: `store it: depot login ${arrangement.name}${purpose === 'password' ? '' : ` --for ${purpose}`} --to file` };
  }
  if (first.problem !== undefined) return { name, result: 'warning', detail: `${first.where} ${first.problem}`, hint: 'run depot doctor as the account that pushes, or run: depot schedule print systemd --at 01:30, which says what it needs' };
  const pusher = await stateOwner(config);
  const kept = first.source === 'file' || (first.source === 'config' && first.present === true);
  if (kept && pusher !== undefined && (await obstacle(pusher, first.where, 'read')) !== null) {
    return { name, result: 'warning', detail: `${first.where}; readable by ${first.readableBy}: not by account ${pusher.name}, which pushes (it owns the state directory)`, hint: `chown -R ${pusher.name}: ${first.where}` };
  }
  return { name, result: 'passed', detail: `${first.where}; readable by ${first.readableBy}` };
}

async function withoutPassphrase(file: string, locked: (bytes: Buffer) => boolean | Promise<boolean>): Promise<string | null | undefined> {
  try {
    return (await locked(await readBoundedFile(file))) ? null : 'none is needed: the key has no passphrase';
  } catch {
    // What is wrong with the key is said where it is read for good.
    return undefined;
  }
}

/** Another account sees other permissions, and leaves files that the one that pushes cannot write. */
export async function accountFinding(config: Config, command: string): Promise<Finding | null> {
  const pusher = await stateOwner(config);
  const caller = process.geteuid?.();
  if (pusher === undefined || caller === undefined || pusher.uid === caller) return null;
  return {
    name: 'account', result: 'warning', detail: `${config.state.path} belongs to account ${pusher.name}, which pushes: this looks with other eyes`, hint: `run: ${runAs(pusher, command)}`,
  };
}
