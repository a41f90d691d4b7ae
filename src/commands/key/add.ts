import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import { judgeRecipient, requirePublic } from '../../pgp/policy.js';
import { printable } from '../../printable.js';
import { localError, writeNew } from '../../durable-file.js';
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
  const added = await copyKey(o.file, o.fingerprint, arrangement.name, config.directory);
  for (const warning of added.warnings) context.screen.warn(warning);
  const old = arrangement.beneficiaries.map((b) => JSON.stringify(b.fingerprint)).join(', ');
  const known = arrangement.beneficiaries.some((b) => b.fingerprint === added.fingerprint);
  context.screen.result(
    { ok: true, fingerprint: added.fingerprint, key: added.key, lines: added.lines, configured: known },
    known
      ? [`wrote ${printable(added.key)}; ${arrangement.name} already has this key`]
      : [
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
  const certificate = await readCertificate(await readKeyFile(file));
  requirePublic(certificate, file);
  const { warnings } = await judgeRecipient(certificate, fingerprint, new Date());
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
