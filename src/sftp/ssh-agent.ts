/** Keys that an ssh-agent holds: it signs, and depot never sees them. */
import ssh2, {
  type BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { DepotError, type ErrorDetails } from '../errors.js';
import { fingerprintOf } from '../names/host-key.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import type { SshAgent } from './types.js';

/** A server that lets one try six keys counts each that is offered, and locks some out after that. */
const mostOffered = 5;
const answerMs = 10_000;

export interface AgentKey {
  publicKey: Buffer;
  comment: string;
  /** For ssh2: an agent that holds this key alone. `signing` is told before and after: a person may have to confirm. */
  alone(signing: (ongoing: boolean) => void): BaseAgent;
}

/**
 * The key that was chosen by its public part, or all there are where none was.
 * @throws DepotError 'secret-missing': no agent, no such key, or too many to offer
 */
export async function keysInAgent(
  { place, env }: SshAgent,
  choice?: { publicKey: Buffer; file: string },
): Promise<AgentKey[]> {
  const socket = place === true ? (process.platform === 'win32' ? windowsPipe : (env['SSH_AUTH_SOCK'] ?? '')) : place;
  const missing = (message: string, details: ErrorDetails): DepotError =>
    new DepotError('secret-missing', message, { published: 'no', ...details });
  if (socket === '')
    throw missing('there is no ssh-agent here: SSH_AUTH_SOCK is not set, as under cron and systemd', {
      hint: 'write the path of its socket into depot.yaml (sshAgent: /run/user/…); or name a key file in remote.privateKey, without sshAgent',
    });
  const agent = ssh2.createAgent(socket);
  const where = `the ssh-agent at ${printable(socket)}`;
  const held = await identities(agent).catch((cause: unknown) => {
    throw missing(`${where} does not answer`, {
      cause,
      hint: `look whether it runs, and whether this account may use it: ssh-add -l`,
    });
  });
  if (choice !== undefined) {
    const found = held.find((key) => key.getPublicSSH().equals(choice.publicKey));
    if (found !== undefined) return [agentKey(agent, found)];
    throw missing(`${where} does not hold the key ${printable(choice.file)} (${fingerprintOf(choice.publicKey)})`, {
      hint: `add it: ssh-add ${typedWord(choice.file.replace(/\.pub$/, ''))}`,
    });
  }
  if (held.length === 0)
    throw missing(`${where} holds no key that depot can use`, {
      hint: 'look what it holds: ssh-add -l; of those, keys on hardware tokens and certificates are not taken',
    });
  if (held.length > mostOffered)
    throw missing(
      `${where} holds ${held.length} keys, and a server ends the login after some that are not right; depot offers ${mostOffered} at most`,
      { hint: 'name the one for this server in depot.yaml, by its public key: privateKey: FILE.pub' },
    );
  return held.map((key) => agentKey(agent, key));
}

const windowsPipe = '\\\\.\\pipe\\openssh-ssh-agent';

function identities(agent: BaseAgent): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), answerMs);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error != null) reject(error);
      else resolve((keys ?? []) as ParsedKey[]);
    });
  });
}

function agentKey(agent: BaseAgent, key: ParsedKey): AgentKey {
  return {
    publicKey: key.getPublicSSH(),
    comment: key.comment,
    alone: (signing) => new OneKey(agent, key, signing),
  };
}

class OneKey extends ssh2.BaseAgent {
  constructor(
    private readonly agent: BaseAgent,
    private readonly key: ParsedKey,
    private readonly signing: (ongoing: boolean) => void,
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
    // To a server that does not say what it takes, ssh2 would sign with SHA-1.
    if (hash === 'sha1') {
      answer(new Error('the server does not say that it takes RSA keys with anything better than SHA-1'));
      return;
    }
    this.signing(true);
    this.agent.sign(this.key, data, hash === undefined ? {} : { hash }, (error, signature) => {
      this.signing(false);
      answer(error, signature);
    });
  }
}
