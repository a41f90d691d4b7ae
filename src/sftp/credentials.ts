/** What logs in: the password, the SSH key, or the ssh-agent's keys. */
import type { AnyAuthMethod } from 'ssh2';
import { printable } from '../printable.js';
import { publicPart, readKey } from './private-key.js';
import { type AgentKey, keysInAgent, type Signing } from './ssh-agent.js';
import type { Login } from './types.js';

/** A login whose secrets were asked for at most once, so that reconnects ask nobody. */
export interface Credentials {
  /** Offered in this order. */
  keys: OfferedKey[];
  password: (() => Promise<string>) | null;
  passwordFrom?: Login['passwordFrom'];
  /** What became of the password, over all connections of this run. */
  sent: { unanswered: number; proven: boolean };
}

/** Credentials that several use, and that are prepared once. */
export interface SharedCredentials {
  credentials(make: () => Promise<Credentials>): Promise<Credentials>;
}

export interface OfferedKey {
  /** For messages: `the SSH key /keys/id`. */
  words: string;
  publicKey: Buffer;
  method: (username: string, signing: Signing) => AnyAuthMethod;
}

/** What the user types: with several arrangements, a name belongs to it. */
export function loginCommand(arrangement: string | undefined, more = ''): string {
  return `«depot login${arrangement === undefined ? '' : ` ${arrangement}`}${more}»`;
}

/**
 * Reads the private key, or finds it in the ssh-agent, before anything connects; with `shared`, once for several.
 * @throws DepotError 'secret-missing', 'passphrase-wrong', 'key-unreadable'
 */
export async function prepareLogin(
  login: Login,
  arrangement: string | undefined,
  shared?: SharedCredentials | null,
): Promise<Credentials> {
  const prepare = (): Promise<Credentials> => prepared(login, arrangement);
  return shared == null ? prepare() : shared.credentials(prepare);
}

async function prepared(login: Login, arrangement: string | undefined): Promise<Credentials> {
  let password: Promise<string> | undefined;
  const ask = login.password;
  return {
    keys: await keysOf(login, arrangement),
    password: ask === undefined ? null : () => (password ??= ask()),
    passwordFrom: login.passwordFrom,
    sent: { unanswered: 0, proven: false },
  };
}

async function keysOf(login: Login, arrangement: string | undefined): Promise<OfferedKey[]> {
  const { privateKey: bytes, privateKeyFile: file, privateKeyName: named = 'remote.privateKey', sshAgent } = login;
  if (bytes === undefined) return sshAgent === undefined ? [] : (await keysInAgent(sshAgent, named)).map(fromAgent);
  const words = `the SSH key${file === undefined ? '' : ` ${printable(file)}`}`;
  if (sshAgent !== undefined) {
    const chosen = publicPart(bytes, login);
    if (chosen !== null) {
      const choice = { publicKey: chosen.publicKey, file: file ?? 'FILE' };
      const found = await keysInAgent(sshAgent, named, choice).catch((error: unknown) => {
        // The file itself will do, as it does for ssh.
        if (chosen.alone) throw error;
        return [];
      });
      if (found.length > 0)
        return found.map((key) => ({ ...fromAgent(key), words: `${words}, held by the ssh-agent,` }));
    }
  }
  const key = await readKey(bytes, login, loginCommand(arrangement, ' --for private-key'));
  return [{ words, publicKey: key.getPublicSSH(), method: (username) => ({ type: 'publickey', username, key }) }];
}

function fromAgent(key: AgentKey): OfferedKey {
  return {
    words: `the ssh-agent's key ${printable(key.comment)}`,
    publicKey: key.publicKey,
    method: (username, signing) => ({ type: 'agent', username, agent: key.alone(signing) }),
  };
}
