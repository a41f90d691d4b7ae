/** The state directory of another account, which root makes: nothing else must become that account's. */
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, becoming, isHomeOfAnother, nameOf } from '../../accounts.js';
import { run } from '../../child.js';
import { localError, makeOwnDirectory } from '../../durable-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { handOver, requireOwnPlace, requireOwnSite } from '../../permissions.js';
import { printable } from '../../printable.js';
import { typedWord } from '../../shell.js';
import { wayTo } from '../../way.js';
import { openDirectory } from '../open-directory.js';

/** @throws DepotError 'state-insecure' unless the directory is the account's, can be made for it, or is root's, empty, and of no other use */
export async function requireGivable(state: string, account: Account): Promise<void> {
  const there = await lstat(state).catch(() => null);
  const refuse = (why: string, hint = elsewhere): DepotError =>
    new DepotError('state-insecure', `${printable(state)} ${why}, and pushes are to run as ${account.name}`, { hint });
  if (there?.isSymbolicLink() === true) throw refuse('is a symbolic link', 'name the directory itself with --state');
  if (there?.isDirectory() === false) throw refuse('is not a directory');
  const existing = await nearest(path.dirname(path.resolve(state)));
  await requireOwnPlace(path.join(existing, 'x'), account.uid).catch((error: unknown) => {
    if (isDepotError(error, 'local-not-writable'))
      throw new DepotError('state-insecure', error.message, { hint: elsewhere });
    throw error;
  });
  if (there === null || there.uid === account.uid) return;
  const whose = `belongs to ${nameOf(there.uid) ?? `uid ${there.uid}`}`;
  if (isOfTheSystem(state) || isHomeOfAnother(state, account.uid)) throw refuse(`${whose} and has another purpose`);
  const records = await readdir(state).catch((error: unknown) => {
    throw localError(error, 'read', state);
  });
  if (there.uid === 0 && records.length === 0 && (await isRootsWay(state))) return;
  throw refuse(
    `${whose}${records.length === 0 ? '' : ' and is in use'}`,
    `choose another --state; or, if nothing else uses it, give it to that account first: «chown -R ${account.name}: ${typedWord(state)}»`,
  );
}

const elsewhere = 'choose a directory of its own, such as /var/lib/depot: --state DIRECTORY';

/**
 * After `requireGivable`. In a directory of the account, the account itself makes it: whatever it put in the way could
 * lead root elsewhere.
 */
export async function makeStateFor(account: Account, state: string): Promise<void> {
  const there = await stat(state).catch(() => null);
  if (there?.uid === account.uid) return;
  if (!(await isRootsWay(state))) {
    await run([...becoming(account), 'mkdir', '-p', '-m', '700', '--', state], {
      code: 'local-not-writable',
      directory: '/',
      env: process.env,
    });
    return;
  }
  // The account must get through what is made on the way.
  await openDirectory(path.dirname(path.resolve(state)));
  if (there === null) await makeOwnDirectory(state);
  await handOver('directory', state, 0o700, account).catch((error: unknown) => {
    throw localError(error, 'create', state);
  });
}

/** For pushes that run as root itself. @throws DepotError 'state-insecure' where it would lie in another account's directory */
export async function makeRootsState(state: string): Promise<void> {
  await requireOwnSite(state);
  await makeOwnDirectory(state);
}

/** @throws DepotError 'config-insecure' where another account could lead what root writes for depot.yaml to another place */
export async function requireRootsSite(directory: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  await requireOwnPlace(path.join(await nearest(path.resolve(directory)), 'x'), 0).catch((error: unknown) => {
    if (!isDepotError(error, 'local-not-writable')) throw error;
    throw new DepotError('config-insecure', error.message, {
      hint: 'choose a directory that only root can write to: «depot init --config /etc/depot/depot.yaml»',
    });
  });
}

/** Whether nobody but root can change where the way to it leads. */
async function isRootsWay(directory: string): Promise<boolean> {
  const { passed, links } = await wayTo(await nearest(path.dirname(path.resolve(directory))), 'local-not-writable');
  return [...passed.map(({ found }) => found.uid), ...links.map(({ uid }) => uid)].every((uid) => uid === 0);
}

async function nearest(directory: string): Promise<string> {
  let at = directory;
  while (at !== path.dirname(at) && (await stat(at).catch(() => null)) === null) at = path.dirname(at);
  return at;
}

/** A directory that systems have for something else: `/`, `/home`, `/var/lib`, and all below `/usr` and the like. */
function isOfTheSystem(directory: string): boolean {
  const [top = '', ...below] = path.resolve(directory).split('/').slice(1);
  if (['usr', 'bin', 'sbin', 'boot', 'dev', 'proc', 'sys', 'run'].includes(top) || top.startsWith('lib')) return true;
  return below.length === 0 || (below.length === 1 && ['var', 'etc'].includes(top));
}
