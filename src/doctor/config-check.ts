/** What depot.yaml names, as this account finds it: keys, and where secrets are. Connects to nothing, runs nothing, unlocks nothing, asks nobody. */
import type { Arrangement, Config } from '../config/types.js';
import { readCertificate } from '../pgp/keys.js';
import { judgeSigner } from '../pgp/policy.js';
import { jumpLogin, loginOf, withUsername } from '../push/agent.js';
import { readKeyFile, readSigningKey } from '../push/deposit-keys.js';
import type { Logins } from '../push/logins.js';
import type { SecretFinder } from '../push/secret-finder.js';
import { isDepotError } from '../errors.js';
import { readSecretFile } from '../secrets/file.js';
import { type DatabaseSource, isDatabase } from '../source.js';
import { shortFingerprint } from '../ui/format.js';
import { expiry, recipients } from './examine.js';
import { type Examination, type Finding, Report } from './findings.js';
import { secretFindings, withWayIn } from './secret-checks.js';
import { lookAtSpecification } from './source-checks.js';

export interface ConfigCheck {
  /** What all arrangements share: the key that signs. */
  supplier: Pick<Examination, 'ok' | 'exit' | 'checks'>;
  arrangements: Examination[];
}

const noSecrets: SecretFinder = { find: () => Promise.resolve(null) };

export async function checkConfig(
  config: Config,
  arrangements: readonly Arrangement[],
  o: { logins: Logins; env: NodeJS.ProcessEnv },
): Promise<ConfigCheck> {
  const shared = new Report();
  const checked: Examination[] = [];
  for (const [i, given] of arrangements.entries()) {
    const arrangement = await withUsername(config, given);
    const secrets = await secretFindings({ config, arrangement, ...o });
    if (i === 0) {
      await shared.attempt('signer', () => signer(config, arrangement, shared));
      addSecret(shared, secrets.get('signingKeyPassphrase'));
      for (const file of config.supplier.formerSigningKeys)
        await shared.attempt('former signer', () => formerSigner(file, shared));
    }
    const report = new Report();
    await report.attempt('recipients', () => recipients({ arrangement }, report));
    await report.attempt('SSH key', () => loginKeys(arrangement, report));
    addSecret(report, secrets.get('password'));
    addSecret(report, secrets.get('privateKeyPassphrase'));
    for (const source of arrangement.dataset)
      if (isDatabase(source)) await report.attempt(`source ${source.name}`, () => databasePassword(source, report));
    await report.attempt('specification', () => lookAtSpecification(arrangement, report));
    checked.push(report.end(arrangement.name));
  }
  const { ok, exit, checks } = shared.end('');
  return { supplier: { ok, exit, checks }, arrangements: checked };
}

async function signer(config: Config, arrangement: Arrangement, report: Report): Promise<void> {
  const file = config.supplier.signingKey;
  const { certificate } = await readSigningKey(file).catch(async (error: unknown) => {
    throw isDepotError(error) ? await withWayIn(error, file, config, arrangement) : error;
  });
  const { expiresAt, warnings } = await judgeSigner(certificate, new Date());
  report.passed(
    'signer',
    `${shortFingerprint(certificate.fingerprint)}, ${certificate.algorithm}, ${expiry(expiresAt)}; ${file}`,
  );
  for (const warning of warnings) report.warning('signer', warning);
}

async function formerSigner(file: string, report: Report): Promise<void> {
  const { fingerprint } = await readCertificate(await readKeyFile(file));
  report.passed('former signer', `${shortFingerprint(fingerprint)}; ${file}`);
}

/** The files are read as for a login, and no passphrase is asked for; an ssh-agent is not asked either. */
async function loginKeys(arrangement: Arrangement, report: Report): Promise<void> {
  const { remote } = arrangement;
  await loginOf(arrangement, noSecrets);
  if (remote.privateKey !== undefined) report.passed('SSH key', remote.privateKey);
  await jumpLogin(remote, () => Promise.reject(new Error('not asked for')));
  if (remote.proxyJump?.privateKey !== undefined) report.passed('SSH key', remote.proxyJump.privateKey);
}

/** A command that gives it is not run. */
async function databasePassword({ name, password: { file } }: DatabaseSource, report: Report): Promise<void> {
  if (file === undefined) return;
  await readSecretFile(file, 'the configuration');
  report.passed(`source ${name}`, `password in ${file}`);
}

/** What is to be read at night must be there now. */
function addSecret(report: Report, finding: Finding | undefined): void {
  if (finding === undefined) return;
  const { name, result, detail, hint } = finding;
  if (result === 'warning') report.failed(name, 'secret-missing', detail, hint);
  else report.add(finding);
}
