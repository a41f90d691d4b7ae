/** Where each secret of an arrangement comes from, which account can read it, and whether one is needed at all. */
import { accountOfUid, obstacle, runAs } from '../accounts.js';
import { stat } from 'node:fs/promises';
import type { Arrangement, Config } from '../config/types.js';
import { secretMode } from '../permissions.js';
import { readBoundedFile } from '../plain-file.js';
import { isHandedOver } from '../permissions.js';
import { accountOf, type SecretFinder } from '../push/secret-finder.js';
import { isLocked, readCertificate } from '../pgp/keys.js';
import { describeSources, type SecretKind, type SourceDescription } from '../secrets/lookup.js';
import { isPublic, needsPassphrase } from '../sftp/private-key.js';
import { secretAccess, stateOwner } from './access.js';
import { shellWord } from '../shell.js';
import type { Finding, Patient } from './findings.js';
import type { DepotError } from '../errors.js';
import type { Secret } from '../secret.js';

interface Question {
  kind: SecretKind;
  name: string;
  /** What `depot login --for` calls it. */
  purpose: string;
  /** Why there need not be one; null when there must, undefined when the key could not be read. */
  dispensable: string | null | undefined;
}

/** Reads no secret. What is wrong is a warning, until the signer or the login comes to grief over it. */
export async function secretFindings(
  o: Pick<Patient, 'config' | 'arrangement' | 'logins' | 'env'>,
): Promise<Map<SecretKind, Finding>> {
  const { config, arrangement } = o;
  const { remote } = arrangement;
  const questions: Question[] = [
    {
      kind: 'password',
      name: 'password',
      purpose: 'password',
      dispensable:
        remote.privateKey === undefined && (remote.sshAgent ?? false) === false
          ? null
          : 'not needed where the SSH key is enough',
    },
    ...(remote.privateKey === undefined
      ? []
      : [
          {
            kind: 'privateKeyPassphrase' as const,
            name: 'SSH key',
            purpose: 'private-key',
            dispensable: await withoutPassphrase(remote.privateKey, needsPassphrase),
          },
        ]),
    {
      kind: 'signingKeyPassphrase',
      name: 'signing key',
      purpose: 'signing-key',
      dispensable: await withoutPassphrase(config.supplier.signingKey, async (bytes) =>
        isLocked(await readCertificate(bytes)),
      ),
    },
  ];
  const findings = new Map<SecretKind, Finding>();
  for (const question of questions) {
    const { kind } = question;
    const signing = kind === 'signingKeyPassphrase';
    const sources = await describeSources({
      kind,
      env: o.env,
      needed: o.logins.needed(kind, arrangement),
      configDirectory: config.directory,
      account: accountOf(arrangement),
      refs: signing ? config.supplier.passphrase : remote[kind],
      key: signing ? config.supplier.signingKey : remote.privateKey,
    });
    findings.set(kind, await judge(question, sources, o));
  }
  return findings;
}

async function judge(
  { name: what, purpose, dispensable }: Question,
  sources: readonly SourceDescription[],
  { config, arrangement }: Pick<Patient, 'config' | 'arrangement'>,
): Promise<Finding> {
  const name = `secret ${what}`;
  const warning = (detail: string, hint: string): Finding => ({ name, result: 'warning', detail, hint });
  const store = `«depot login ${arrangement.name}${purpose === 'password' ? '' : ` --for ${purpose}`} --to file»`;
  // What depot.yaml names is used or nothing is, be it there or not.
  const first = sources.find(
    (s) =>
      s.ambiguous !== true &&
      s.source !== 'prompt' &&
      s.source !== 'keychain' &&
      (s.source === 'config' || s.present === true),
  );
  if (first?.present === false)
    return warning(
      `${first.where}, which depot.yaml names, does not exist`,
      `put the secret there, in a file of the account that pushes (${secretMode}); or remove the line from depot.yaml, and: ${store}`,
    );
  const ambiguous = sources.find((s) => s.ambiguous === true);
  const hidden = sources.find((s) => s.present === 'unknown' && s.problem !== undefined);
  const keychain = sources.find((s) => s.source === 'keychain' && s.present === 'unknown');
  if (first === undefined && ambiguous !== undefined && dispensable === null)
    return warning(
      `${ambiguous.where} ${ambiguous.problem ?? ''}, so depot does not use it for any of them`,
      `store one for this account: ${store}`,
    );
  if (first === undefined && typeof dispensable === 'string') return { name, result: 'passed', detail: dispensable };
  const closed = first?.problem === undefined ? (first === undefined ? hidden : undefined) : first;
  if (closed !== undefined)
    return warning(
      `${closed.where} ${closed.problem ?? ''}`,
      closed.source === 'environment'
        ? `store one for each server: ${store}`
        : await wayIn(closed.where, config, arrangement),
    );
  if (first === undefined) {
    const unknown = (detail: string): Finding => ({ name, result: 'not possible', detail });
    if (keychain !== undefined)
      return unknown(`not in a file; perhaps in the ${keychain.where}, readable by ${keychain.readableBy}`);
    if (dispensable === undefined)
      return unknown('stored nowhere; depot cannot tell whether one is needed, since it cannot read the key');
    return purpose === 'password'
      ? warning(
          'stored nowhere, and depot.yaml names no SSH key',
          `store it: ${store}; or name an SSH key, or set sshAgent`,
        )
      : warning('stored nowhere, but needed', `store it: ${store}`);
  }
  const pusher = await stateOwner(config);
  const kept = first.source === 'file' || (first.source === 'config' && first.present === true);
  if (kept && pusher !== undefined && (await obstacle(pusher, first.where, 'read')) !== null) {
    return warning(
      `${first.where}; readable by ${first.readableBy}: not by account ${pusher.name}, which pushes (it owns the state directory)`,
      await wayIn(first.where, config, arrangement),
    );
  }
  return { name, result: 'passed', detail: `${first.where}; readable by ${first.readableBy}` };
}

/** What lets the account that pushes read a file with a secret or a private key, and nobody else: a line to type. */
async function wayIn(file: string, config: Config, arrangement: Arrangement): Promise<string> {
  const caller = process.geteuid?.();
  if (caller === undefined) return 'run «depot doctor» as the account that pushes, or give this one access to the file';
  const owner = await stateOwner(config);
  const pusher = owner ?? (await accountOfUid(caller));
  const { lines, warnings } = await secretAccess(pusher, file, config.directory);
  const again = `run: ${runAs(pusher, `«depot doctor ${arrangement.name} --config ${shellWord(config.path)}»`)}`;
  const [only] = lines;
  if (only === undefined)
    return warnings.length > 0
      ? `have root change this: ${warnings.join('; ')}`
      : pusher.uid === caller
        ? 'run «depot doctor» as the account that pushes'
        : again;
  const typed = `«${lines.join(' && ')}»`;
  // Its own mode is what an account may change itself.
  const ownMode = pusher.uid === caller && lines.every((line) => line.startsWith('chmod 600 '));
  const asRoot = caller === 0 || ownMode ? typed : `type as root: ${typed}`;
  return owner === undefined && caller !== 0 && !ownMode
    ? `run «depot doctor» as the account that pushes; if that is ${pusher.name}, ${asRoot}`
    : asRoot;
}

async function withoutPassphrase(
  file: string,
  locked: (bytes: Buffer) => boolean | Promise<boolean>,
): Promise<string | null | undefined> {
  try {
    const bytes = await readBoundedFile(file);
    if (isPublic(bytes)) return 'not needed: it is a public key, for the ssh-agent that holds the private one';
    return (await locked(bytes)) ? null : 'not needed: the key has no passphrase';
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
  const found = await stat(config.state.path).catch(() => null);
  if (found !== null && isHandedOver(found) && (found.mode & 0o020) !== 0) return null;
  return {
    name: 'account',
    result: 'warning',
    detail: `${config.state.path} belongs to account ${pusher.name}, which pushes; this account may see other results`,
    hint: `run: ${runAs(pusher, command)}`,
  };
}

/** Looks secrets up, and knows which of them kept the work from going on. */
export class Secrets {
  #lacking: SecretKind | undefined;

  constructor(
    readonly lookup: SecretFinder,
    readonly findings: ReadonlyMap<SecretKind, Finding>,
  ) {}

  async find(kind: SecretKind, note?: (message: string, hint?: string) => void): Promise<Secret | null> {
    this.#lacking = kind;
    const found = await this.lookup.find(kind, note);
    if (found !== null) this.#lacking = undefined;
    return found;
  }

  whence(kind: SecretKind): string | undefined {
    return this.lookup.whence?.(kind);
  }

  /** The finding that says already what `error` says, or undefined. */
  culprit(error: DepotError): Finding | undefined {
    if (this.#lacking === undefined || !['secret-missing', 'secret-insecure'].includes(error.code)) return undefined;
    const finding = this.findings.get(this.#lacking);
    return finding?.result === 'warning' ? finding : undefined;
  }
}

/** A key that is closed to the account that pushes gets the line that opens it to that one. */
export async function withWayIn(
  error: DepotError,
  file: string,
  config: Config,
  arrangement: Arrangement,
): Promise<DepotError> {
  const closed =
    error.code === 'secret-insecure' || (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES';
  if (closed) error.hint = await wayIn(file, config, arrangement);
  return error;
}
