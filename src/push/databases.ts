/** The databases of an arrangement, on the way to becoming what can be packed. */
import { type Surroundings, readable } from '../databases/databases.js';
import { ownName } from '../accounts.js';
import { DepotError } from '../errors.js';
import { secretMode } from '../permissions.js';
import { printable } from '../printable.js';
import type { Secret } from '../secret.js';
import { outputOf } from '../secrets/command.js';
import { readSecretFile, secretFrom } from '../secrets/file.js';
import { type DatabaseSource, isDatabase, type SourceSpec } from '../source.js';
import type { PushHooks, PushOptions } from './push-types.js';

/** For a question to a database, before anything else: a server that does not answer in this time is not there. */
const timeLimitMs = 60_000;

type Finding = Pick<PushOptions, 'env' | 'signal'> & { config: Pick<PushOptions['config'], 'directory'> };

/** Looks at every database first, before there is anything at the agent. Throws as `readable` and `surroundingsOf`. */
export async function packable(
  o: Finding & Pick<PushOptions, 'arrangement'>,
  hooks: Pick<PushHooks, 'warn'>,
): Promise<SourceSpec[]> {
  const sources: SourceSpec[] = [];
  for (const source of o.arrangement.dataset)
    sources.push(isDatabase(source) ? await readable(source, await surroundingsOf(source, o), hooks.warn) : source);
  return sources;
}

/** Throws 'secret-missing' and 'secret-insecure' where the password is not to be had. */
export async function surroundingsOf(
  source: Pick<DatabaseSource, 'name' | 'database' | 'password'>,
  { config, env, signal }: Finding,
  timeoutMs = timeLimitMs,
): Promise<Surroundings> {
  const { directory } = config;
  const password = await passwordOf(source, { env, configDirectory: directory, signal });
  return { label: `source ${printable(source.name)}`, directory, env, password, timeoutMs, signal };
}

/** Null when depot.yaml has none. */
async function passwordOf(
  { name, database, password: { file, command } }: Pick<DatabaseSource, 'name' | 'database' | 'password'>,
  o: { env: NodeJS.ProcessEnv; configDirectory: string; signal?: AbortSignal | undefined },
): Promise<Secret | null> {
  let found: Secret | null = null;
  if (file !== undefined) found = await readSecretFile(file, 'the configuration', storing(database));
  else if (command !== undefined)
    found = secretFrom(
      await outputOf(command, { kind: 'password', ...o }),
      `the output of command ${printable(command[0] ?? '')}`,
    );
  if (found !== null && /[\r\n]/.test(found.reveal()))
    throw new DepotError('secret-missing', `source ${printable(name)}: the password has more than one line`, {
      hint: 'put the password alone there, on one line',
    });
  return found;
}

/** «depot login» is no help: it keeps what logs in to the agent. */
function storing(database: string): string {
  const own = ownName();
  const owner = own === undefined || process.platform === 'win32' ? '' : `, owner ${own}`;
  return `write the password of database ${printable(database)} to it (${secretMode}${owner})`;
}
