/** The answers that are flags, checked: a flag that is wrong is refused, since nobody could be asked again. */
import type { Account } from '../../accounts.js';
import { readCertificate } from '../../pgp/keys.js';
import { requirePublic } from '../../pgp/policy.js';
import { printable } from '../../printable.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import { readKeyFile } from '../key-file.js';
import type { Answers, Draft } from './draft.js';
import type { Missing } from './missing.js';
import type { InitFlags } from './options.js';
import { absolutePath } from './paths.js';
import { lookAtSource } from './path-source.js';
import { type DatabaseAnswer, freeName, nameOf, type SourceAnswer } from './source-answer.js';

export async function answered(o: InitFlags, context: Context): Promise<Draft> {
  const file = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : absolutePath(name, context);
  const sources: SourceAnswer[] = [];
  for (const given of o.sources) {
    const found = await lookAtSource(given, context);
    if ('wrong' in found) throw usage(`source ${found.wrong}`, 'name a directory or a file that this account can read');
    sources.push(found.value);
  }
  for (const given of o.databases) sources.push(await databaseGiven(given, context));
  const keyFile = file(o.beneficiaryKey);
  if (keyFile !== undefined) requirePublic(await readCertificate(await readKeyFile(keyFile)), keyFile);
  const given: { [K in keyof Answers]?: Answers[K] | undefined } = {
    user: o.user,
    state: file(o.state),
    supplier: o.supplier,
    arrangement: o.arrangement,
    keyFile,
    beneficiary: o.beneficiary,
    fingerprint: o.fingerprint,
    signer: o.signer === undefined ? (o.signerEmail === undefined ? undefined : null) : file(o.signer),
    signerEmail: o.signer === undefined ? o.signerEmail : '',
    sources: sources.length === 0 ? undefined : withNames(sources),
    host: o.host,
    port: o.port,
    username: o.username,
    directory: o.directory,
    privateKey:
      o.privateKey === undefined
        ? o.passwordFile === undefined && o.sshAgent === undefined
          ? undefined
          : null
        : file(o.privateKey),
    sshAgent: o.sshAgent === true || o.sshAgent === 'pageant' ? o.sshAgent : file(o.sshAgent),
    sshConfig: o.sshConfig === true ? true : file(o.sshConfig),
    proxyJump: o.proxyJump,
    proxyJumpHostKeys: o.proxyJumpHostKeys.length === 0 ? undefined : o.proxyJumpHostKeys,
    hostKeys: o.hostKeys.length === 0 ? undefined : o.hostKeys,
    every: o.every,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** It is tried by doctor: where depot is set up, its server may not be there yet. */
async function databaseGiven(given: DatabaseAnswer, context: Context): Promise<DatabaseAnswer> {
  const { kind, password } = given;
  if (kind === 'sqlite') {
    const found = await lookAtSource(given.database, context);
    if ('wrong' in found) throw usage(`database ${found.wrong}`, 'name a file that this account can read');
    if (found.value.kind !== 'file') throw usage(`database ${found.value.path} is a directory`, 'name its file');
    return { ...given, database: found.value.path };
  }
  if (password === undefined || !('file' in password)) return given;
  return { ...given, password: { file: absolutePath(password.file, context) } };
}

/** Two of the same name get different ones in the dataset. */
function withNames(sources: readonly SourceAnswer[]): SourceAnswer[] {
  const named: SourceAnswer[] = [];
  for (const source of sources) {
    const as = freeName(source, named);
    named.push(as === nameOf(source) ? source : { ...source, as });
  }
  return named;
}

/** Where nobody is asked: everything that is missing is said at once; `forPush` is too, unless `--later` leaves it. */
export function complete(
  draft: Draft,
  o: InitFlags,
  context: Context,
  account: Account | null,
  forPush: readonly Missing[],
): Omit<Answers, 'state'> {
  const wanted: [unknown, string][] = [
    [draft.supplier, '--supplier'],
    [draft.arrangement, '--arrangement'],
    [draft.beneficiary, '--beneficiary'],
    [draft.keyFile, '--beneficiary-key'],
    [draft.fingerprint, '--fingerprint'],
    [draft.sources, '--source (or --database)'],
    [draft.host, '--host'],
    // ssh's configuration may say it.
    [draft.username ?? (draft.sshConfig === undefined ? undefined : ''), '--username'],
    [draft.directory, '--directory'],
    [draft.signerEmail, '--signer-email (or --signer)'],
    [
      o.signer ?? (o.noPassphrase ? '' : undefined) ?? o.passphraseFile ?? context.env.DEPOT_PASSPHRASE,
      '--passphrase-file (or --no-passphrase)',
    ],
  ];
  const missing = wanted.filter(([value]) => value === undefined).map(([, flag]) => flag);
  const needed = o.later ? [] : forPush.map(({ flag }) => printable(flag));
  if (missing.length > 0) {
    const also = needed.length === 0 ? '' : `; and for a push: ${needed.join(', ')} (unless --later)`;
    throw usage(
      `there is no terminal to ask on, and these answers are missing: ${missing.join(', ')}${also}`,
      'give them as flags, or run «depot init» on a terminal',
    );
  }
  if (needed.length > 0)
    throw usage(
      `there is no terminal to ask on, and a push is not possible without: ${needed.join(', ')}`,
      'give them as flags, or add --later and follow with: «depot trust» and «depot login»',
    );
  return {
    port: 22,
    every: '24h',
    privateKey: null,
    hostKeys: [],
    signer: null,
    username: '',
    ...draft,
    user: account?.name ?? '',
  } as Omit<Answers, 'state'>;
}
