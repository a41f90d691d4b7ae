import { chmod, copyFile, lstat, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { surroundings } from '../../config/locate.js';
import { parseConfig } from '../../config/load.js';
import { isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { localError, writeNew } from '../../receipt/files.js';
import type { Context } from '../context.js';
import type { InitFlags } from '../init.js';
import { copyKey } from '../key/add.js';
import { exists, writeKeyPair } from '../key/write.js';
import { gather } from './answers.js';
import { configText } from './text.js';

/** Gathers every answer first and writes afterwards: a set-up that is left half way leaves nothing. */
export async function init(o: InitFlags, context: Context): Promise<number> {
  const file = path.resolve(context.cwd, o.config ?? (context.env.DEPOT_CONFIG === '' ? undefined : context.env.DEPOT_CONFIG) ?? 'depot.yaml');
  const directory = path.dirname(file);
  if (await lstat(file).then(() => true, () => false)) throw exists(file);
  const answers = await gather(o, context);

  await mkdir(path.join(directory, 'keys'), { recursive: true, mode: 0o755 }).catch((error: unknown) => { throw localError(error, 'create', directory); });
  const beneficiary = await copyKey(answers.beneficiary.keyFile, answers.beneficiary.fingerprint, answers.arrangement, directory);
  for (const warning of beneficiary.warnings) context.screen.warn(warning);
  const signer = await placeSigner(answers.signer, answers.supplier, directory);
  const text = configText({
    ...answers,
    beneficiary: { name: answers.beneficiary.name, key: beneficiary.relative, fingerprint: beneficiary.fingerprint },
    signingKey: signer.relative,
    passphraseFile: answers.signer.passphraseFile,
  });
  await parseConfig(text, file, surroundings(context.env, context.cwd)).catch((error: unknown) => {
    // What was asked for was checked; what is left are combinations that only the whole shows.
    if (isDepotError(error, 'config-invalid')) error.hint = 'give other answers; nothing but keys was written';
    throw error;
  });
  await writeNew(file, text).catch((error: unknown) => { throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(file) : localError(error, 'write', file); });
  await chmod(file, 0o644);
  const lockedByHand = answers.signer.passphrase !== undefined && answers.signer.passphraseFile === undefined;
  const next = nextSteps(answers.arrangement, { pinned: answers.remote.hostKeys.length > 0, lockedByHand }, o.config);
  context.screen.result({ ok: true, config: file, arrangement: answers.arrangement, signer: { fingerprint: signer.fingerprint, secretKey: signer.secretKey, publicKey: signer.publicKey }, beneficiary: { fingerprint: beneficiary.fingerprint, key: beneficiary.key }, hostKeys: answers.remote.hostKeys, next }, [
    `${printable(file)} is written. Next:`, '', ...next.map((line) => `  ${line}`),
    ...(signer.publicKey === null ? [] : ['', `Give ${printable(signer.publicKey)} to the beneficiary: receipts are checked with it.`]),
  ]);
  return 0;
}

interface PlacedSigner {
  relative: string;
  fingerprint: string | null;
  secretKey: string;
  publicKey: string | null;
}

async function placeSigner(s: Awaited<ReturnType<typeof gather>>['signer'], supplier: string, directory: string): Promise<PlacedSigner> {
  if (s.file === null) {
    const made = await writeKeyPair({ kind: 'signer', profile: 'compat', name: supplier, email: s.email, prefix: path.join(directory, 'keys/supplier'), ...(s.passphrase === undefined ? {} : { passphrase: s.passphrase }) });
    return { relative: 'keys/supplier.secret.asc', ...made };
  }
  const relative = path.relative(directory, s.file);
  if (!relative.startsWith('..') && !path.isAbsolute(relative)) return { relative: relative.replaceAll(path.sep, '/'), fingerprint: null, secretKey: s.file, publicKey: null };
  const target = path.join(directory, 'keys/supplier.secret.asc');
  await copyFile(s.file, target, 1).catch((error: unknown) => { throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(target) : localError(error, 'write', target); });
  await chmod(target, 0o600);
  return { relative: 'keys/supplier.secret.asc', fingerprint: null, secretKey: target, publicKey: null };
}

function nextSteps(arrangement: string, { pinned, lockedByHand }: { pinned: boolean; lockedByHand: boolean }, config: string | undefined): string[] {
  const where = config === undefined ? '' : ` --config ${config}`;
  return [
    ...(pinned ? [] : [`depot trust ${arrangement}${where}`]),
    `depot login ${arrangement}${where}`,
    ...(lockedByHand ? [`depot login ${arrangement} --for signing-key --to file${where}`] : []),
    `depot doctor ${arrangement}${where}`,
    `depot push ${arrangement} --dry-run${where}`,
    `depot push ${arrangement}${where}`,
    `depot schedule print systemd --at 01:30${where}`,
  ];
}
