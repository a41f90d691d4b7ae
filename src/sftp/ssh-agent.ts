/** Keys that an ssh-agent holds: it signs, and depot never sees them. */
import { stat } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import ssh2, {
  type BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { DepotError, type ErrorDetails } from '../errors.js';
import { fingerprintOf } from '../names/host-key.js';
import { codeOrSaid, printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { duration } from './retry.js';
import type { PrivateKeyName, SshAgent } from './types.js';

/** A server that lets one try six keys counts each that is offered, and locks some out after that. */
const mostOffered = 5;
const answerMs = 10_000;
/** Time for a person to confirm. sshd hangs up after 120 s (LoginGraceTime), and could not say what was waited for. */
const signMs = 110_000;

/** The login that a signature is for. */
export interface Signing {
  /** Told before and after: a person may have to confirm. */
  ongoing: (is: boolean) => void;
  /** Aborted when the login has ended: from then on nobody is asked, and no answer counts. */
  over: AbortSignal;
}

export interface AgentKey {
  publicKey: Buffer;
  comment: string;
  /** For ssh2: an agent that holds this key alone. */
  alone(signing: Signing): BaseAgent;
}

/** The agent has the request, and does not answer. */
export class AgentSilent extends Error {
  constructor(ms: number) {
    super(`did not answer in ${duration(ms)}`);
  }
}

/**
 * The key that was chosen by its public part, or all there are where none was. `named` is for hints.
 * @throws DepotError 'secret-missing': no agent, no such key, or too many to offer
 */
export async function keysInAgent(
  { place, env, patienceMs = signMs }: SshAgent,
  named: PrivateKeyName,
  choice?: { publicKey: Buffer; file: string },
): Promise<AgentKey[]> {
  const socket = place === true ? (process.platform === 'win32' ? windowsPipe : (env['SSH_AUTH_SOCK'] ?? '')) : place;
  const missing = (message: string, details: ErrorDetails): DepotError =>
    new DepotError('secret-missing', message, { published: 'no', ...details });
  if (socket === '')
    throw missing('there is no ssh-agent here: SSH_AUTH_SOCK is not set, as under cron and systemd', {
      hint: `write the path of its socket into depot.yaml (sshAgent: /run/user/…); or name a key file in ${named}, without sshAgent`,
    });
  const where = `the ssh-agent at ${printable(socket)}`;
  // Without the variable ssh-add would ask another agent than depot does. On Windows it asks the service's, as depot does.
  const sshAdd = process.platform === 'win32' ? 'ssh-add' : `SSH_AUTH_SOCK=${typedWord(socket)} ssh-add`;
  const agentKey = (key: ParsedKey): AgentKey => ({
    publicKey: key.getPublicSSH(),
    comment: key.comment,
    alone: (signing) => new OneKey(socket, key, signing, patienceMs),
  });
  const held = await identities(socket).catch(async (cause: unknown) => {
    // ssh2 does not say why it did not connect.
    const gone = process.platform !== 'win32' && (await stat(socket).catch(codeOrSaid)) === 'ENOENT';
    throw missing(gone ? `there is no ssh-agent at ${printable(socket)}: no such socket` : `${where} does not answer`, {
      cause,
      hint: `check that it is running, and that this account may use it: ${sshAdd} -l`,
    });
  });
  if (choice !== undefined) {
    const found = held.find((key) => key.getPublicSSH().equals(choice.publicKey));
    if (found !== undefined) return [agentKey(found)];
    throw missing(`${where} does not hold the key ${printable(choice.file)} (${fingerprintOf(choice.publicKey)})`, {
      hint: `add it: ${sshAdd} ${typedWord(choice.file.replace(/\.pub$/, ''))}`,
    });
  }
  if (held.length === 0)
    throw missing(`${where} holds no key that depot can use`, {
      hint: `see what it holds: ${sshAdd} -l; depot does not use keys on hardware tokens, or certificates`,
    });
  if (held.length > mostOffered)
    throw missing(
      `${where} holds ${held.length} keys, and servers cut off a login after a few wrong keys; depot offers ${mostOffered} at most`,
      { hint: `name the one for this server in depot.yaml, by its public key: ${named}: FILE.pub` },
    );
  return held.map(agentKey);
}

const windowsPipe = '\\\\.\\pipe\\openssh-ssh-agent';

function identities(socket: string): Promise<ParsedKey[]> {
  return asked(socket, answerMs, undefined, (agent, answer) =>
    agent.getIdentities((error, keys) => answer(error, (keys ?? []) as ParsedKey[])),
  );
}

/** One request, over a connection to the agent that is not kept longer: an agent that asks somebody can stop then. */
function asked<T>(
  socket: string,
  ms: number,
  over: AbortSignal | undefined,
  request: (agent: BaseAgent, answer: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const agent = ssh2.createAgent(socket);
    let ended = false;
    let connection: Duplex | undefined;
    const connect = agent.getStream!.bind(agent);
    agent.getStream = (give) =>
      connect((error, stream) => {
        connection = stream;
        if (ended) stream?.destroy();
        give(error, stream);
      });
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      over?.removeEventListener('abort', stop);
      connection?.destroy();
      settle();
    };
    const stop = (): void => end(() => reject(over!.reason as Error));
    const timer = setTimeout(() => end(() => reject(new AgentSilent(ms))), ms);
    over?.addEventListener('abort', stop);
    request(agent, (error, value) => end(() => (error == null ? resolve(value as T) : reject(error))));
  });
}

class OneKey extends ssh2.BaseAgent {
  constructor(
    private readonly socket: string,
    private readonly key: ParsedKey,
    private readonly signing: Signing,
    private readonly patienceMs: number,
  ) {
    super();
  }

  override getIdentities(answer: IdentityCallback<ParsedKey>): void {
    answer(undefined, [this.key]);
  }

  /** ssh2 gives all four. */
  override sign(_: unknown, data: Buffer, options: SigningRequestOptions | SignCallback, given?: SignCallback): void {
    const answer = given as SignCallback;
    const { hash } = options as SigningRequestOptions;
    const { ongoing, over } = this.signing;
    const settled = (error: Error | undefined, signature?: Buffer): void => {
      if (over.aborted) return;
      ongoing(false);
      answer(error, signature);
    };
    ongoing(true);
    asked<Buffer>(this.socket, this.patienceMs, over, (agent, done) =>
      agent.sign(this.key, data, hash === undefined ? {} : { hash }, (error, signature) => done(error, signature)),
    ).then((signature) => settled(undefined, signature), settled);
  }
}
