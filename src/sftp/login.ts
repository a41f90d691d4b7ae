import type { AnyAuthMethod, AuthenticationType, AuthHandlerMiddleware, ParsedKey, Prompt } from 'ssh2';
import ssh2 from 'ssh2';
import { DepotError, isDepotError } from '../errors.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { address } from './hostkeys.js';
import { convertPkcs8 } from './pkcs8.js';
import type { Login, RemoteSpec } from './types.js';

/** A login whose secrets were asked for at most once, so that reconnects ask nobody. */
export interface Credentials {
  key: ParsedKey | null;
  password: (() => Promise<string>) | null;
}

/** What the user types: with several arrangements, a name belongs to it. */
export function loginCommand(arrangement: string | undefined, more = ''): string {
  return `«depot login${arrangement === undefined ? '' : ` ${arrangement}`}${more}»`;
}

/** Reads the private key now, before anything connects: `secret-missing`, `passphrase-wrong`, `key-unreadable`. */
export async function prepareLogin(login: Login, arrangement?: string): Promise<Credentials> {
  let password: Promise<string> | undefined;
  const ask = login.password;
  return {
    key: login.privateKey === undefined ? null : await readKey(Buffer.from(login.privateKey), login, arrangement),
    password: ask === undefined ? null : () => (password ??= ask()),
  };
}

async function readKey(bytes: Buffer, { passphrase, privateKeyFile }: Login, arrangement?: string): Promise<ParsedKey> {
  const file = privateKeyFile === undefined ? 'FILE' : printable(privateKeyFile);
  const name = privateKeyFile === undefined ? 'the SSH private key' : `the SSH private key ${file}`;
  const typed = privateKeyFile === undefined ? 'FILE' : typedWord(privateKeyFile);
  const store = loginCommand(arrangement, ' --for private-key');
  const plain = parse(bytes);
  if (!(plain instanceof Error)) return plain;
  if (!isEncrypted(bytes, plain)) throw new DepotError('key-unreadable', `${name} is not in a format that is understood`, { hint: `convert it: ssh-keygen -p -f ${typed}` });
  const secret = await passphrase?.();
  if (secret === undefined) {
    throw new DepotError('secret-missing', `${name} is encrypted, and there is no passphrase for it`, { hint: `store the passphrase: ${store}` });
  }
  const second = parse(bytes, secret);
  if (!(second instanceof Error)) return second;
  throw new DepotError('passphrase-wrong', `the passphrase does not open ${name}`, { hint: `try the passphrase with: ssh-keygen -y -f ${typed}; then store the right one: ${store}` });
}

/** Whether an SSH key is encrypted; false too for one that is not understood. */
export function needsPassphrase(bytes: Buffer): boolean {
  const plain = parse(bytes);
  return plain instanceof Error && isEncrypted(bytes, plain);
}

function isEncrypted(bytes: Buffer, failure: Error): boolean {
  return /encrypted/i.test(failure.message) || bytes.includes('BEGIN ENCRYPTED PRIVATE KEY');
}

function parse(bytes: Buffer, passphrase?: string): ParsedKey | Error {
  const key = first(ssh2.utils.parseKey(bytes, passphrase));
  if (!(key instanceof Error)) return key.isPrivateKey() ? key : new Error('not a private key');
  const converted = convertPkcs8(bytes, passphrase);
  return converted === null ? key : first(ssh2.utils.parseKey(converted));
}

/** ssh2's types say one key; its OpenSSH parser gives a list of one. */
function first(parsed: ParsedKey | ParsedKey[] | Error): ParsedKey | Error {
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('no key')) : parsed;
}

const passwordPrompt = /pass(?:word|wort)|wachtwoord|kennwort|mot de passe|contrase|lösenord|parola|senha/i;
const otherFactor = /one.?time|otp|token|code|verif|second|factor|new |again|retype|repeat/i;

/** What one login attempt learned, for the message when it fails. */
export class LoginAttempt {
  /** Methods that the server named. */
  offered: string[] = [];
  /** A prompt that was not answered, because it asked for something else than the password. */
  askedFor: string | null = null;
  /** A secret could not be had: more to the point than the server's refusal. */
  failure: Error | null = null;
  /** Whether any credential was sent. */
  tried = false;
  readonly #spec: RemoteSpec;
  readonly #credentials: Credentials;
  readonly #done = new Set<string>();
  #passwordAnswered = false;
  /** The server took one method and wants another too. */
  #halfway = false;

  constructor(spec: RemoteSpec, credentials: Credentials) {
    this.#spec = spec;
    this.#credentials = credentials;
  }

  /** For ssh2's `authHandler`: asks the server what it takes, then tries that, one method after another. */
  readonly handler: AuthHandlerMiddleware = (left, partialSuccess, next) => {
    const giveUp = next as unknown as (no: false) => void;
    if ((left as AuthenticationType[] | null) === null) {
      next({ type: 'none', username: this.#spec.username });
      return;
    }
    if (partialSuccess) this.#halfway = true;
    this.offered = left.map((method) => printable(method));
    this.#nextMethod(left).then((method) => method === null ? giveUp(false) : next(method), (error: unknown) => {
      this.failure = error instanceof Error ? error : new Error('the password could not be had');
      giveUp(false);
    });
  };

  async #nextMethod(left: AuthenticationType[]): Promise<AnyAuthMethod | null> {
    const { key, password } = this.#credentials;
    const username = this.#spec.username;
    const open = (method: AuthenticationType): boolean => left.includes(method) && !this.#done.has(method);
    if (key && open('publickey')) {
      this.#done.add('publickey');
      this.tried = true;
      return { type: 'publickey', username, key };
    }
    if (password && open('password')) {
      this.#done.add('password');
      const secret = await password();
      this.tried = true;
      return { type: 'password', username, password: secret };
    }
    if (password && open('keyboard-interactive')) {
      this.#done.add('keyboard-interactive');
      const secret = await password();
      this.tried = true;
      return { type: 'keyboard-interactive', username, prompt: (name, instructions, _lang, prompts, finish) => finish(this.#answers(name, instructions, prompts, secret)) };
    }
    return null;
  }

  /** The password for a hidden prompt that asks for it, once; anything else is left empty and remembered. */
  #answers(name: string, instructions: string, prompts: Prompt[], secret: string): string[] {
    return prompts.map(({ prompt, echo }) => {
      const text = prompt.trim() === '' ? `${name} ${instructions}` : prompt;
      if (echo !== true && passwordPrompt.test(text) && !otherFactor.test(text) && !this.#passwordAnswered) {
        this.#passwordAnswered = true;
        return secret;
      }
      if (!passwordPrompt.test(text) || otherFactor.test(text)) this.askedFor ??= printable(text.trim().slice(0, 100));
      return '';
    });
  }

  /** The refusal in words. */
  refusal(cause?: unknown): DepotError {
    const who = `${printable(this.#spec.username)}@${address(this.#spec)}`;
    const details = { published: 'no' as const, cause };
    // A key that the server refused is the refusal, even when there was no password to try after it.
    const missing = this.failure !== null && (!this.tried || this.#halfway || !isDepotError(this.failure, 'secret-missing'));
    if (missing && this.failure instanceof DepotError) return this.failure;
    if (missing && this.failure) return new DepotError('secret-missing', `no password for ${who}: ${this.failure.message}`, { ...details, hint: `store it: ${loginCommand(this.#spec.arrangement)}` });
    if (this.askedFor !== null) {
      return new DepotError('login-refused', `login refused for ${who}: the server also asks '${this.askedFor}', which an unattended run cannot answer`, { ...details, hint: 'ask the agent for a login without a second factor, or with an SSH key' });
    }
    const offered = this.offered.length > 0 ? `; the server takes ${this.offered.join(', ')}` : '';
    const has = [this.#credentials.key && 'an SSH key', this.#credentials.password && 'a password'].filter((s) => s !== null);
    return new DepotError('login-refused', `login refused for ${who}${this.tried ? '' : `: depot has ${has.length > 0 ? has.join(' and ') : 'neither password nor SSH key'}`}${offered}`, { ...details, hint: this.#remedy() });
  }

  /** What the supplier can do about it: a password is of no use to a server that wants a key. */
  #remedy(): string {
    const takesPassword = this.offered.length === 0 || this.offered.some((method) => method === 'password' || method === 'keyboard-interactive');
    if (takesPassword) return `check user name and password: ${loginCommand(this.#spec.arrangement)}`;
    if (!this.offered.includes('publickey')) return 'ask the agent for a login by password or SSH key';
    return this.#credentials.key ? 'check with the agent that it has the public part of this SSH key, and the user name' : 'name an SSH key in remote.privateKey of depot.yaml, and give the agent its public part';
  }
}
