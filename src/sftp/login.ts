import type { AuthenticationType, AnyAuthMethod, AuthHandlerMiddleware, Prompt } from 'ssh2';
import { DepotError, isDepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { printable, said } from '../printable.js';
import { shown } from './answers.js';
import { type Credentials, loginCommand } from './credentials.js';
import { Unreachable } from './dial.js';
import { askForLog, type Failure } from './explain.js';
import { fingerprintOf } from '../names/host-key.js';
import { address, keeperOf, keyTypeOf } from './hostkeys.js';
import { duration, type StageTimer } from './retry.js';
import { AgentSilent } from './ssh-agent.js';
import type { Endpoint } from './types.js';

/** How often an unproven password is sent without an answer: each may be a failed login, and three lock accounts. */
const mostUnanswered = 2;
/** Nothing tells here whether it was the agent's side that was wrong, and is mended by the next hour: so a schedule tries again. */
const mayBeLocked =
  'a schedule tries again every hour; if the agent locks accounts after a few wrong passwords, set --until to the same time as --at';

const passwordPrompt = /pass(?:word|wort)|wachtwoord|kennwort|mot de passe|contrase|lösenord|parola|senha/i;
/** What PAM and others say when the login would be right and the account is not usable. */
const expiry =
  /expired|(?:required|need|must|have) to change|change (?:your|the) password|must (?:be )?change|current password.*new password|verlopen|abgelaufen|expir[ée]/i;
const otherFactor = /one.?time|otp|token|code|verif|second|factor|new |again|retype|repeat/i;

/** What one login attempt learned, for the message when it fails. */
export class LoginAttempt {
  /** Methods that the server named. */
  offered: string[] = [];
  /** A prompt that was not answered, because it asked for something else than the password. */
  askedFor: string | null = null;
  /** What the server said when it wanted another password. */
  expired: string | null = null;
  /** A secret could not be had: more to the point than the server's refusal. */
  failure: Error | null = null;
  readonly #done = new Set<string>();
  /** What was sent, for messages. */
  readonly #sent: string[] = [];
  /** How many keys were offered, or passed over. */
  #offered = 0;
  /** Whether the server takes RSA keys with SHA-2; null where it does not say. */
  #sha2: boolean | null = null;
  /** RSA keys that were not offered, because it does not. */
  readonly #unfit: string[] = [];
  /** One was, in the hope that it does. */
  #hoped = false;
  #passwordAnswered = false;
  #passwordSent = false;
  /** The server took one method and wants another too. */
  #halfway = false;
  #told = '';
  /** The ssh-agent was asked for a signature, and has not given it. */
  #signing = false;
  readonly #over = new AbortController();

  constructor(
    private readonly spec: Endpoint,
    private readonly credentials: Credentials,
    private readonly stage: StageTimer,
  ) {}

  /** Whether any credential was sent. */
  get tried(): boolean {
    return this.#sent.length > 0;
  }

  takesSha2(taken: boolean): void {
    this.#sha2 = taken;
  }

  /** What is said before anything was sent is a legal notice; afterwards it is about this login. */
  banner(text: string): void {
    this.#log(`${address(this.spec)} says: ${shown(Buffer.from(text.trim()), 200)}`);
    if (this.tried) this.#told = `${this.#told}${text}`.slice(0, 500);
    if (this.tried && expiry.test(text)) this.expired ??= text;
  }

  accepted(): void {
    if (this.#passwordSent) Object.assign(this.credentials.sent, { unanswered: 0, proven: true });
  }

  /** The connection is gone, or is being ended: of this login nothing goes on, and nobody is asked for anything. */
  end(): void {
    this.#over.abort();
  }

  /** For ssh2's `authHandler`: asks the server what it takes, then tries that, one method after another. */
  readonly handler: AuthHandlerMiddleware = (left, partialSuccess, next) => {
    const giveUp = next as unknown as (no: false) => void;
    const { signal: over } = this.#over;
    // After a signature that the ssh-agent did not give, ssh2 would go on with the next method.
    if (over.aborted) return;
    if ((left as AuthenticationType[] | null) === null) {
      this.#log(`asking ${address(this.spec)} how ${printable(this.spec.username)} can log in`);
      next({ type: 'none', username: this.spec.username });
      return;
    }
    if (partialSuccess) this.#halfway = true;
    this.offered = left.map((method) => printable(method));
    this.#log(
      `${address(this.spec)} ${partialSuccess ? 'accepted that, and wants more: ' : 'offers '}${this.offered.join(', ') || 'no method'}`,
    );
    this.#answered();
    // The time is the server's; nobody is hurried who types a password.
    this.stage.pause();
    this.#nextMethod(left)
      .finally(() => this.stage.start())
      .then(
        (method) => {
          if (over.aborted) return;
          if (method === null) giveUp(false);
          else next(method);
        },
        (error: unknown) => {
          if (over.aborted) return;
          this.failure = error instanceof Error ? error : new Error('could not get the password');
          giveUp(false);
        },
      );
  };

  async #nextMethod(left: AuthenticationType[]): Promise<AnyAuthMethod | null> {
    const { keys, password } = this.credentials;
    const username = this.spec.username;
    const open = (method: AuthenticationType): boolean => left.includes(method) && !this.#done.has(method);
    const key = keys[this.#offered];
    if (key && left.includes('publickey')) {
      this.#offered++;
      const words = `${key.words} (${fingerprintOf(key.publicKey)})`;
      const isRsa = keyTypeOf(key.publicKey) === 'ssh-rsa';
      if (isRsa && this.#sha2 === false) {
        this.#unfit.push(words);
        return this.#nextMethod(left);
      }
      if (isRsa && this.#sha2 === null) this.#hoped = true;
      this.#log(`offering ${words}`);
      this.#done.add('publickey');
      this.#sent.push(words);
      const ongoing = (is: boolean): void => {
        this.#signing = is;
        // The server's time does not hurry whoever has to confirm it.
        if (is) this.stage.pause();
        else this.stage.start();
      };
      return key.method(username, { ongoing, over: this.#over.signal });
    }
    if (password && open('password')) {
      this.#done.add('password');
      const secret = await password();
      this.#over.signal.throwIfAborted();
      this.#sendsPassword();
      return { type: 'password', username, password: secret };
    }
    if (password && open('keyboard-interactive')) {
      this.#done.add('keyboard-interactive');
      const secret = await password();
      return {
        type: 'keyboard-interactive',
        username,
        prompt: (name, instructions, _lang, prompts, finish) =>
          finish(this.#answers(name, instructions, prompts, secret)),
      };
    }
    return null;
  }

  #log(what: string): void {
    logInfo(this.spec.arrangement, what);
  }

  #sendsPassword(): void {
    const place = this.credentials.passwordFrom?.()?.place;
    const words = `the password${place === undefined ? '' : ` from ${place}`}`;
    if (!this.#sent.includes(words)) this.#sent.push(words);
    this.#log(`sending ${words}`);
    this.#passwordSent = true;
    this.credentials.sent.unanswered++;
  }

  /** An answer, whatever it says: the password was not merely lost. */
  #answered(): void {
    if (this.#passwordSent) this.credentials.sent.unanswered = 0;
  }

  /** The password for a hidden prompt that asks for it, once; anything else is left empty and remembered. */
  #answers(name: string, instructions: string, prompts: Prompt[], secret: string): string[] {
    const about = [name, instructions, ...prompts.map(({ prompt }) => prompt)].join(' ').trim();
    if (expiry.test(about)) this.expired ??= about;
    this.#log(`${address(this.spec)} asks: ${shown(Buffer.from(about), 200)}`);
    return prompts.map(({ prompt, echo }) => {
      const text = prompt.trim() === '' ? `${name} ${instructions}` : prompt;
      if (echo !== true && passwordPrompt.test(text) && !otherFactor.test(text) && !this.#passwordAnswered) {
        this.#passwordAnswered = true;
        this.#sendsPassword();
        return secret;
      }
      if (!passwordPrompt.test(text) || otherFactor.test(text)) this.askedFor ??= printable(text.trim().slice(0, 100));
      return '';
    });
  }

  /** The connection ended during the login: refused, or no answer. */
  failed(error: Failure, timedOut: boolean): Error {
    if (error instanceof AgentSilent) return this.#unsigned(error.message, error);
    if (error.level === 'agent') return this.#unsigned(`did not sign: ${said(error)}`, error);
    if (this.#signing) {
      const final = this.#unsigned('did not answer before the server closed the connection', error);
      const why = "closed the connection while depot was waiting for the ssh-agent's signature";
      return new Unreachable(why, { reached: true, cause: error, hint: final.hint!, final });
    }
    const { sent } = this.credentials;
    // Numbers are SSH's disconnect reasons (RFC 4253 section 11.1); sshd uses 2 for "too many authentication failures".
    const told = error.level === 'client-authentication' || (typeof error.code === 'number' && this.tried);
    if (!timedOut && (told || this.failure !== null || this.expired !== null)) return this.refusal(error);
    const why = timedOut
      ? `did not answer the login in ${duration(this.spec.connectTimeoutMs)}`
      : 'closed the connection during the login';
    const hint = timedOut
      ? 'push again; if the server is always this slow, raise remote.connectTimeout'
      : askForLog(this.spec);
    const passing = new Unreachable(why, { reached: true, cause: error, hint });
    if (this.#passwordSent && !sent.proven && sent.unanswered >= mostUnanswered) {
      return new DepotError(
        'unreachable',
        `${address(this.spec)} ${why}; depot sent the password ${sent.unanswered} times and does not send it again, so as not to lock the account`,
        {
          published: 'no',
          cause: passing,
          hint: timedOut
            ? `raise remote.connectTimeout, which is ${duration(this.spec.connectTimeoutMs)}; if the password is wrong: ${this.#passwordRemedy()}`
            : `ask ${keeperOf(this.spec)} what its server's log says about ${printable(this.spec.username)}; if the password is wrong: ${this.#passwordRemedy()}`,
        },
      );
    }
    return timedOut
      ? passing
      : new Unreachable(why, {
          reached: true,
          cause: error,
          hint,
          final: this.refusal(passing, 'closes the connection during the login'),
        });
  }

  #unsigned(why: string, cause: Error): DepotError {
    const login = `${printable(this.spec.username)}@${address(this.spec)}`;
    return new DepotError(
      'login-refused',
      `the ssh-agent was asked to sign the login of ${login} with ${this.#sent.at(-1) ?? 'its key'}, and ${why}`,
      {
        published: 'no',
        cause,
        hint: 'check whether it is locked, or asks for confirmation (ssh-add -c), which nobody sees under cron; and whether the key works: ssh-add -T FILE.pub',
      },
    );
  }

  /** The refusal in words. */
  refusal(cause?: unknown, instead?: string): DepotError {
    const who = `${printable(this.spec.username)}@${address(this.spec)}`;
    const details = { published: 'no' as const, cause };
    // A key that the server refused is the refusal, even when there was no password to try after it.
    const missing =
      this.failure !== null &&
      (!(this.tried || this.#unfit.length > 0) || this.#halfway || !isDepotError(this.failure, 'secret-missing'));
    if (missing && this.failure instanceof DepotError) return this.failure;
    if (missing && this.failure)
      return new DepotError('secret-missing', `no password for ${who}: ${printable(this.failure.message)}`, {
        ...details,
        hint: `store it: ${loginCommand(this.spec.arrangement)}`,
      });
    if (this.expired !== null) {
      return new DepotError(
        'login-refused',
        `the password or the account of ${who} has expired: the server says ${shown(Buffer.from(this.expired.trim()), 200)}`,
        {
          ...details,
          hint: `ask ${keeperOf(this.spec)} how to renew it; then ${this.#passwordRemedy('put the new one where depot finds it')}`,
        },
      );
    }
    if (this.askedFor !== null) {
      return new DepotError(
        'login-refused',
        `login refused for ${who}: the server also asks '${this.askedFor}', which an unattended run cannot answer`,
        { ...details, hint: `ask ${keeperOf(this.spec)} for a login without a second factor, or with an SSH key` },
      );
    }
    const offered =
      this.offered.length === 1
        ? `; the only login method that the server offers is ${this.offered[0]!}`
        : this.offered.length > 0
          ? `; the server offers these login methods: ${this.offered.join(', ')}`
          : '';
    const told = this.#told.trim() === '' ? '' : `; it says ${shown(Buffer.from(this.#told.trim()), 200)}`;
    const what = this.tried
      ? `${instead === undefined ? 'the server refused' : `the server ${instead}, after`} ${this.#sent.join(' and ')}`
      : instead !== undefined
        ? `the server ${instead}, before depot sent a password or a key`
        : this.#lacks();
    const unfit =
      this.#unfit.length > 0
        ? `; the server accepts no RSA key with SHA-2, and depot does not sign with SHA-1, so depot did not offer ${this.#unfit.join(' and ')}`
        : '';
    return new DepotError('login-refused', `login refused for ${who}: ${what}${offered}${unfit}${told}`, {
      ...details,
      hint: !this.tried && instead !== undefined ? askForLog(this.spec) : this.#remedy(),
    });
  }

  /** Why nothing was sent. Whether there is a password is not known: nobody looked for one that is of no use. */
  #lacks(): string {
    const { jumpHost } = this.spec;
    const noKey = this.credentials.keys.length === 0;
    if (noKey && jumpHost === true) return 'depot has no SSH key for it';
    if (this.#unfit.length > 0) return 'depot has no SSH key that it accepts';
    if (!this.#takesPassword)
      return this.#takes('publickey') ? 'depot has no SSH key' : 'depot logs in with an SSH key or a password';
    return noKey ? 'depot has neither password nor SSH key' : 'depot has an SSH key, and no password';
  }

  /** A server that does not say takes anything. */
  #takes(method: string): boolean {
    return this.offered.length === 0 || this.offered.includes(method);
  }

  get #takesPassword(): boolean {
    return this.#takes('password') || this.#takes('keyboard-interactive');
  }

  /** What the supplier can do about it: a password is of no use to a server that wants a key, nor where the key was what it refused. */
  #remedy(): string {
    if (this.#unfit.length > 0)
      return `make a key that is not RSA, and give ${keeperOf(this.spec, 'the escrow agent')} its public part: ssh-keygen -t ed25519 -f NEW`;
    const key = this.#done.has('publickey');
    const old = this.#hoped
      ? '; an old server accepts RSA keys only with SHA-1, which depot does not use: ssh-keygen -t ed25519'
      : '';
    const check = `check with ${keeperOf(this.spec, 'the escrow agent')} that ${this.spec.jumpHost === true ? 'the account there' : 'it'} has the public part of this SSH key`;
    if (this.spec.jumpHost === true)
      return key
        ? `${check}, and the user name${old}`
        : 'name a key in remote.proxyJump.privateKey of depot.yaml, or use sshAgent; passwords are not sent to a jump host';
    if (this.#passwordSent)
      return `${key ? `${check}; or ` : ''}${this.#passwordRemedy()}; check the user name too; ${mayBeLocked}`;
    if (key)
      return `${check}, and the user name${old}${this.#takesPassword && this.offered.length > 0 ? `; or store a password: ${loginCommand(this.spec.arrangement)}` : ''}`;
    if (this.#takesPassword) return `check user name and password: ${loginCommand(this.spec.arrangement)}`;
    if (!this.offered.includes('publickey')) return `ask ${keeperOf(this.spec)} for a login by password or SSH key`;
    return 'name an SSH key in remote.privateKey of depot.yaml, and give the escrow agent its public part';
  }

  #passwordRemedy(other = 'store the right password'): string {
    return this.credentials.passwordFrom?.()?.remedy ?? `${other}: ${loginCommand(this.spec.arrangement)}`;
  }
}
