/** What is asked about the agent's server. */
import { parseHost } from '../../config/values.js';
import { wrongRemoteDirectory } from '../../config/remote.js';
import { isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { isPublic, needsPassphrase, readKey } from '../../sftp/private-key.js';
import { scanHostKeys } from '../../sftp/scan.js';
import type { Context } from '../context.js';
import { readKeyFile } from '../key-file.js';
import type { Answers, Draft } from './draft.js';
import { absolutePath } from './paths.js';
import type { Talk } from './talk.js';

export function askHost(old: string | undefined, talk: Talk): Promise<string> {
  return talk.text("The agent's SFTP server: host name or address", { fallback: old, check: wrongHost });
}

/** What is wrong with the answer; parts of an address that are asked for by themselves are said to come later. */
export function wrongHost(host: string): string | undefined {
  if (/^\d+$/.test(host)) return 'that is a number, not a host; the port is the next question';
  if (/^[^:/]+:\d+$/.test(host)) return 'enter the host only; the port is the next question';
  if (!host.includes('://') && host.includes('@'))
    return 'enter the host only; the question about the user name comes later';
  const parsed = parseHost(host);
  return 'wrong' in parsed ? parsed.wrong : undefined;
}

export async function askPort(old: number | undefined, talk: Talk): Promise<number> {
  return Number(
    await talk.text('Its port', {
      fallback: String(old ?? 22),
      check: (port) =>
        /^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
          ? undefined
          : 'enter a number from 1 to 65535',
    }),
  );
}

export function askDirectory(old: string | undefined, talk: Talk): Promise<string> {
  return talk.text('Directory there', { fallback: old ?? '/incoming', check: wrongRemoteDirectory });
}

export function askUsername(old: string | undefined, host: string, talk: Talk): Promise<string> {
  return talk.text('User name there (the agent sent it by e-mail)', {
    fallback: old,
    check: (name) => {
      const alone = name.endsWith(`@${host}`) ? name.slice(0, -host.length - 1) : name;
      if (alone !== name) return `enter the user name only: ${printable(alone)}`;
      return printable(name) === name ? undefined : 'a user name cannot contain such characters';
    },
  });
}

/** Empty when the server cannot be reached now, or nobody has compared anything: that is asked for again at the end. `ways` are further ways out. */
export async function comparedHostKeys<T extends string = never>(
  host: string,
  port: number,
  talk: Talk,
  context: Context,
  ways: { value: T; label: string }[] = [],
): Promise<string[] | T> {
  for (;;) {
    try {
      const keys = await scanHostKeys(host, port, { timeoutMs: 10_000, signal: context.signal });
      const chosen = await talk.chooseSome(
        "The server shows these host keys. Mark (space bar) those that match the agent's letter, character by character",
        [
          ...keys.map((key) => ({ value: `${key.type} ${key.fingerprint}`, label: `${key.type} ${key.fingerprint}` })),
          { value: '', label: 'none yet' },
        ],
      );
      return chosen.filter((key) => key !== '');
    } catch (error) {
      if (!isDepotError(error, 'unreachable')) throw error;
      talk.say(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`);
      const then = await talk.choose<'again' | 'later' | T>('Try again?', [
        { value: 'again', label: 'yes, try again' },
        { value: 'later', label: 'later; continue with the other questions' },
        ...ways,
      ]);
      if (then === 'later') return [];
      if (then !== 'again') return then;
    }
  }
}

/** How depot logs in: one of these, and the other is null or left out. */
export async function askLogin(
  old: Draft,
  talk: Talk,
  context: Context,
): Promise<Pick<Answers, 'privateKey' | 'sshAgent'>> {
  const how = await talk.choose(
    'How does depot log in there?',
    [
      { value: 'password', label: 'with the password that the agent sent (text message)' },
      { value: 'key', label: 'with an SSH key in a file' },
      { value: 'agent', label: 'with a key that an ssh-agent holds' },
    ],
    old.sshAgent !== undefined ? 'agent' : old.privateKey == null ? 'password' : 'key',
  );
  if (how === 'password') return { privateKey: null };
  if (how === 'agent') return { privateKey: null, sshAgent: await askAgent(old.sshAgent, talk, context) };
  const file = await talk.text('File with the private SSH key', {
    path: true,
    fallback: old.privateKey ?? undefined,
    check: (given) => wrongPrivateKey(absolutePath(given, context)),
  });
  return { privateKey: absolutePath(file, context) };
}

async function wrongPrivateKey(file: string): Promise<string | undefined> {
  try {
    const bytes = await readKeyFile(file);
    if (isPublic(bytes)) return `${printable(file)} is the public key; name the private one, without .pub`;
    // A locked one is tried when its passphrase is typed.
    if (!needsPassphrase(bytes)) await readKey(bytes, { privateKeyFile: file }, '«depot login»');
    return undefined;
  } catch (error) {
    return isDepotError(error) ? error.message : `${printable(file)} is not an SSH key`;
  }
}

/** Windows has one place for it; elsewhere a scheduled run has no SSH_AUTH_SOCK, so depot.yaml names the socket. */
async function askAgent(old: string | true | undefined, talk: Talk, context: Context): Promise<string | true> {
  if (process.platform === 'win32') return old ?? true;
  const offered = typeof old === 'string' ? old : context.env.SSH_AUTH_SOCK;
  const socket = await talk.text('Socket of that ssh-agent, as the account that pushes reaches it', {
    path: true,
    fallback: offered === '' ? undefined : offered,
  });
  return absolutePath(socket, context);
}
