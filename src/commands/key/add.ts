import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import { judgeRecipient, requirePublic } from '../../pgp/policy.js';
import { printable } from '../../printable.js';
import { errorCode, localError, writeFileAtomic, writeNew } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { comparedWith } from '../../pgp/later.js';
import { moveLine } from '../../shell.js';
import type { Context, GlobalOptions } from '../context.js';
import { chooseArrangement, configFor } from '../deposits.js';
import { readKeyFile } from '../key-file.js';
import { openDirectory } from '../open-directory.js';
import { exists } from './write.js';

export interface KeyAddFlags extends GlobalOptions {
  arrangement: string;
  file: string;
  fingerprint: string;
}

/** Where a copy went, and the lines that make it count. */
export interface AddedKey {
  key: string;
  /** Relative to the configuration, as it stands in the lines. */
  relative: string;
  fingerprint: string;
  lines: string[];
}

export async function add(o: KeyAddFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  const arrangement = chooseArrangement(config, o.arrangement);
  const named = arrangement.beneficiaries.find((b) => b.fingerprint === o.fingerprint);
  if (named !== undefined) return renew(o, named.key, arrangement.name, context);
  const added = await copyKey(o.file, o.fingerprint, arrangement.name, config.directory);
  for (const warning of added.warnings) context.screen.warn(warning);
  const old = arrangement.beneficiaries.map((b) => JSON.stringify(b.fingerprint)).join(', ');
  context.screen.result(
    { ok: true, fingerprint: added.fingerprint, key: added.key, lines: added.lines, configured: false },
    [
      `Wrote ${printable(added.key)}. Add this entry to beneficiaries: of ${arrangement.name} in ${printable(arrangement.file)},`,
      'or put it in place of the key that it replaces:',
      '',
      ...added.lines,
      '',
      ...(old === ''
        ? []
        : [
            `If it replaces a key, add the old one to retiredKeys: of ${arrangement.name}, so that no push uses it again: [${old}]`,
          ]),
      `Then check: «depot doctor ${arrangement.name}»`,
    ],
  );
  return 0;
}

/** A key that depot.yaml names already: its copy there is replaced by one that the owner extended, never by an older one. */
async function renew(o: KeyAddFlags, key: string, arrangement: string, { screen }: Context): Promise<number> {
  const { certificate, warnings } = await usableKey(o.file, o.fingerprint);
  for (const warning of warnings) screen.warn(warning);
  const present = await readFile(key).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw localError(error, 'read', key);
  });
  const found = present === null ? 'later' : comparedWith(certificate, await presentKey(present, key));
  if (found === 'unrevoked')
    throw new DepotError(
      'recipient-unusable',
      `${printable(o.file)} lacks a revocation that the copy of this key in ${printable(key)} has`,
      { hint: "ask the key's owner for the key as it is now" },
    );
  if (found === 'later') await writeFileAtomic(key, certificate.armored(), 0o644);
  screen.result(
    { ok: true, fingerprint: certificate.fingerprint, key, lines: [], configured: true, replaced: found === 'later' },
    found === 'later'
      ? [
          `${printable(key)} is ${present === null ? 'written' : 'replaced: its owner signed it anew since'}; ${arrangement} names it already`,
          `Then look: «depot doctor ${arrangement}»`,
        ]
      : [`${arrangement} names this key already, as ${printable(key)}, which is as new; nothing was changed`],
  );
  return 0;
}

async function presentKey(bytes: Uint8Array, key: string): Promise<Certificate> {
  return readCertificate(bytes).catch((error: unknown) => {
    if (!isDepotError(error)) throw error;
    throw new DepotError(error.code, `${printable(key)}, which depot.yaml names: ${error.message}`, {
      hint: `move it aside, and run it again: «${moveLine(key, `${key}.old`)}»`,
      cause: error,
    });
  });
}

/** @throws DepotError when it is another key than the fingerprint's, a secret one, or one that no push would take */
async function usableKey(file: string, fingerprint: string): Promise<{ certificate: Certificate; warnings: string[] }> {
  const certificate = await readCertificate(await readKeyFile(file));
  requirePublic(certificate, file);
  const { warnings } = await judgeRecipient(certificate, fingerprint, new Date());
  return { certificate, warnings };
}

/**
 * Checks the key (fingerprint, fit for a push), and writes it to `keys/` below `directory`. A secret key
 * given by mistake is refused. `recipient-unusable`, `output-exists`, `key-unreadable`.
 */
export async function copyKey(
  file: string,
  fingerprint: string,
  arrangement: string,
  directory: string,
): Promise<AddedKey & { warnings: string[] }> {
  const { certificate, warnings } = await usableKey(file, fingerprint);
  const relative = `keys/${fileName(file, arrangement)}`;
  const target = path.join(directory, relative);
  await put(target, certificate.armored());
  return {
    key: target,
    relative,
    fingerprint: certificate.fingerprint,
    warnings,
    lines: beneficiaryLines(certificate, relative),
  };
}

/** The same file twice is no conflict; another one under this name is. */
async function put(target: string, armored: string): Promise<void> {
  await openDirectory(path.dirname(target));
  try {
    // Public, and the account that pushes may be another.
    await writeNew(target, armored, 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw localError(error, 'write', target);
    if ((await readFile(target, 'utf8')) !== armored) throw exists(target);
  }
}

/** The name that the beneficiary gave its file, when it is a plain one. */
function fileName(file: string, arrangement: string): string {
  const base = path.basename(file).replace(/(?:\.(?:public|secret))?\.(?:asc|pgp|gpg|key|pub)$/i, '');
  return `${/^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$/.test(base) ? base : arrangement}.asc`;
}

function beneficiaryLines(certificate: Certificate, relative: string): string[] {
  const name = certificate.userIds[0]?.replace(/\s*<[^>]*>\s*$/, '') ?? '';
  return [
    `      - name: ${yamlString(name === '' ? 'the beneficiary' : name)}`,
    `        key: ${relative}`,
    `        fingerprint: "${certificate.fingerprint}"`,
  ];
}

/** Any text as a YAML scalar: JSON's strings are YAML's. */
export function yamlString(text: string): string {
  return /^[A-Za-z][A-Za-z0-9 .,&/()-]*[A-Za-z0-9.)]$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(printable(text));
}
