import { stat } from 'node:fs/promises';
import path from 'node:path';
import { parseHost } from '../../config/values.js';
import { DepotError, isDepotError } from '../../errors.js';
import { readCertificate } from '../../pgp/keys.js';
import { printable } from '../../printable.js';
import { scanHostKeys } from '../../sftp/scan.js';
import { groupedFingerprint } from '../../ui/format.js';
import type { Prompt } from '../../ui/prompt.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import { arrangementProblem, type InitFlags } from '../init.js';
import { readKeyFile } from '../key.js';
import { givenPassphrase } from '../passphrase.js';

/** Everything that depot.yaml needs. Paths are absolute. */
export interface Answers {
  supplier: string;
  arrangement: string;
  beneficiary: { name: string; keyFile: string; fingerprint: string };
  /** `file` null: a new key is made. */
  signer: { file: string | null; email: string; passphrase: string | undefined; passphraseFile: string | undefined };
  sources: { path: string; kind: 'directory' | 'file' }[];
  remote: { host: string; port: number; username: string; directory: string; hostKeys: string[] };
  every: string;
}

/** From the flags, else from the person; where nobody is asked, everything that is missing is said at once. */
export async function gather(o: InitFlags, context: Context): Promise<Answers> {
  if (o.yes || !context.screen.interactive) requireAll(o, context);
  const prompt = await promptOf(context);
  const ask = async (given: string | undefined, message: string, more: { initial?: string; placeholder?: string; validate?: (a: string) => string | undefined } = {}): Promise<string> =>
    given ?? (await prompt.text({ message, validate: (a) => (a === '' ? 'this one is needed' : undefined), ...more }));

  const supplier = await ask(o.supplier, 'Your name, as the beneficiary knows it', { placeholder: 'Acme SaaS B.V.' });
  const arrangement = await ask(o.arrangement, 'Name of the arrangement', { placeholder: 'acme-crm', validate: arrangementProblem });
  const keyFile = path.resolve(context.cwd, await ask(o.beneficiaryKey, 'File with the beneficiary\'s public key'));
  const certificate = await readCertificate(await readKeyFile(keyFile));
  const ownName = certificate.userIds[0]?.replace(/\s*<[^>]*>\s*$/, '') ?? '';
  const beneficiary = await ask(o.beneficiary, 'Name of the beneficiary', { initial: printable(ownName) });
  const pinned = o.fingerprint ?? (await comparedFingerprint(prompt, certificate.fingerprint));
  const signer = await signerOf(o, prompt, context);
  const sources = await sourcesOf(o.sources.length > 0 ? o.sources : (await ask(undefined, 'Directories and files to deposit, with commas between them', { placeholder: '/srv/crm/export' })).split(',').map((s) => s.trim()), context.cwd);
  const host = await ask(o.host, 'The agent\'s SFTP server: host name or address', { validate: (a) => { const p = parseHost(a); return 'wrong' in p ? p.wrong : undefined; } });
  const port = o.port ?? 22;
  const username = await ask(o.username, 'User name there (the agent sent it by e-mail)');
  const directory = await ask(o.directory, 'Directory there', { initial: '/incoming' });
  const hostKeys = o.hostKeys.length > 0 || o.yes || !context.screen.interactive ? o.hostKeys : await comparedHostKeys(prompt, { host, port }, context);
  const every = await ask(o.every, 'How often did you agree to deposit?', { initial: '24h' });
  return { supplier, arrangement, beneficiary: { name: beneficiary, keyFile, fingerprint: pinned }, signer, sources, remote: { host, port, username, directory, hostKeys }, every };
}

function requireAll(o: InitFlags, context: Context): void {
  const wanted: [unknown, string][] = [
    [o.supplier, '--supplier'], [o.arrangement, '--arrangement'], [o.beneficiary, '--beneficiary'], [o.beneficiaryKey, '--beneficiary-key'], [o.fingerprint, '--fingerprint'],
    [o.sources[0], '--source'], [o.host, '--host'], [o.username, '--username'], [o.directory, '--directory'], [o.every, '--every'],
    [o.signer ?? o.signerEmail, '--signer-email (or --signer)'],
    [o.signer ?? (o.noPassphrase ? '' : undefined) ?? o.passphraseFile ?? context.env.DEPOT_PASSPHRASE, '--passphrase-file (or --no-passphrase)'],
  ];
  const missing = wanted.filter(([value]) => value === undefined).map(([, flag]) => flag);
  if (missing.length > 0) throw usage(`nobody can be asked here, and these are missing: ${missing.join(', ')}`, 'give them as flags, or run depot init on a terminal');
}

async function promptOf(context: Context): Promise<Prompt> {
  const { Prompt } = await import('../../ui/prompt.js');
  return new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal });
}

async function comparedFingerprint(prompt: Prompt, found: string): Promise<string> {
  const equal = await prompt.confirm(`The key's fingerprint is\n  ${groupedFingerprint(found)}\nHas the beneficiary read out the same one, by telephone?`);
  if (!equal) throw new DepotError('recipient-unusable', 'the beneficiary\'s key was not compared', { hint: 'call the beneficiary, then run depot init again' });
  return found;
}

async function signerOf(o: InitFlags, prompt: Prompt, context: Context): Promise<Answers['signer']> {
  const passphraseFile = o.passphraseFile === undefined ? undefined : path.resolve(context.cwd, o.passphraseFile);
  if (o.signer !== undefined) return { file: path.resolve(context.cwd, o.signer), email: '', passphrase: undefined, passphraseFile };
  const email = o.signerEmail ?? (await prompt.text({ message: 'A signing key will be made. Address in it', placeholder: 'ops@acme.example', validate: (a) => (/^[^\s<>@]+@[^\s<>@]+$/.test(a) ? undefined : 'an e-mail address') }));
  if (o.noPassphrase) return { file: null, email, passphrase: undefined, passphraseFile: undefined };
  const given = await givenPassphrase(o.passphraseFile, context);
  const passphrase = given ?? (await prompt.hidden('Passphrase for the signing key (empty: unlocked, protected by file permissions alone)'));
  if (given === undefined && passphrase !== '' && (await prompt.hidden('The same again')) !== passphrase) throw new DepotError('passphrase-wrong', 'the two passphrases differ', { hint: 'run depot init again' });
  return { file: null, email, passphrase: passphrase === '' ? undefined : passphrase, passphraseFile };
}

async function sourcesOf(paths: readonly string[], cwd: string): Promise<Answers['sources']> {
  const found: Answers['sources'] = [];
  for (const given of paths) {
    const absolute = path.resolve(cwd, given);
    const what = await stat(absolute).catch(() => null);
    if (what === null) throw usage(`source ${printable(absolute)} does not exist`, 'name a directory or a file that this account may read');
    if (!what.isDirectory() && !what.isFile()) throw usage(`source ${printable(absolute)} is neither a directory nor a file`);
    found.push({ path: absolute, kind: what.isDirectory() ? 'directory' : 'file' });
  }
  return found;
}

/** Empty when the server cannot be reached now: `depot trust` does it later. */
async function comparedHostKeys(prompt: Prompt, server: { host: string; port: number }, context: Context): Promise<string[]> {
  try {
    const keys = await scanHostKeys(server.host, server.port, { timeoutMs: 10_000, signal: context.signal });
    const chosen = await prompt.chooseSome('The server shows these host keys. Which have you compared with what the agent gave you, letter by letter?', [
      ...keys.map((key) => ({ value: `${key.type} ${key.fingerprint}`, label: `${key.type} ${key.fingerprint}` })),
      { value: '', label: 'none yet; I shall run depot trust later' },
    ]);
    return chosen.filter((key) => key !== '');
  } catch (error) {
    if (!isDepotError(error, 'unreachable')) throw error;
    context.screen.warn(`${error.message}; the host key is left for later: depot trust`);
    return [];
  }
}
