/** Whether the agent's server takes a password, before it is kept. */
import type { Arrangement, Config } from '../../config/types.js';
import { type DepotError, isDepotError } from '../../errors.js';
import { connectToAgent } from '../../push/agent.js';
import { Logins } from '../../push/logins.js';
import { Run } from '../../push/run.js';
import { secretsFor } from '../../push/secret-finder.js';
import type { Secret } from '../../secret.js';
import { printable } from '../../printable.js';
import type { Context } from '../context.js';

/** `not asked for`: the server let in an SSH key, and did not want it. `untried`: there was no login to try it in. */
export type Tried =
  | { outcome: 'accepted' }
  | { outcome: 'not asked for' }
  | { outcome: 'refused' | 'untried'; error: DepotError };

/** Sends the password only to a server whose host key is pinned: to no other does depot connect. */
export async function tryPassword(
  arrangement: Arrangement,
  config: Config,
  password: Secret,
  context: Context,
): Promise<Tried> {
  const logins = await Logins.of(config, [arrangement]);
  const stored = secretsFor({ config, arrangement, env: context.env, logins, signal: context.signal });
  const seen = { asked: false };
  try {
    const agent = await connectToAgent(
      { arrangement, retryForMs: 0 },
      {
        find: (kind, note) => {
          if (kind !== 'password') return stored.find(kind, note);
          seen.asked = true;
          return Promise.resolve(password);
        },
      },
      {
        signal: context.signal,
        warn: (message) => context.screen.warn(message),
        run: new Run(arrangement.name),
      },
    );
    await agent.close();
    return { outcome: seen.asked ? 'accepted' : 'not asked for' };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isDepotError(error)) throw error;
    return { outcome: seen.asked && error.code === 'login-refused' ? 'refused' : 'untried', error };
  }
}

/** Whose password it is: `acme at 10.20.0.5`, with the port where it is not 22. */
export function whose({ remote: { username = '', host, port } }: Arrangement): string {
  return printable(`${username} at ${host}${port === 22 ? '' : `:${port}`}`);
}

/** Said before a password is sent for the third time. */
export const lockWarning = 'The server refused more than one login. Many servers lock the account after the third.';
