/** What a server and depot say to each other before SFTP, as lines of the log. */
import type { Client, NegotiatedAlgorithms } from 'ssh2';
import { fingerprintOf } from '../names/host-key.js';
import { logDebug, logInfo, logLevel } from '../log.js';
import { printable } from '../printable.js';
import { address, keyTypeOf } from './hostkeys.js';
import type { Endpoint } from './types.js';

type Place = Pick<Endpoint, 'host' | 'port' | 'arrangement'>;

/** Names of methods, algorithms and packets; ssh2 puts no secret into these. */
const told =
  /^(?:Handshake: |Remote ident: |Local ident: |Client: |Agent: |Inbound: Received (?:DISCONNECT|USERAUTH|SERVICE|EXT_INFO|UNIMPLEMENTED)|Outbound: Sending (?:USERAUTH|SERVICE|KEX))/;

/** One connection. */
export class Conversation {
  readonly #of: string | undefined;
  readonly #address: string;
  #isOver = false;

  constructor(spec: Place) {
    this.#of = spec.arrangement;
    this.#address = address(spec);
  }

  /** For `debug` of ssh2's `connect`; left out where nobody reads it. */
  get options(): { debug?: (text: string) => void } {
    if (logLevel() !== 'debug') return {};
    return {
      debug: (text) => {
        if (!this.#isOver && told.test(text)) logDebug(this.#of, `ssh: ${printable(text)}`);
      },
    };
  }

  /** For ssh2's `handshake`: who the server says it is, and what both agreed on. */
  agreed(client: Client, { kex, serverHostKey, cs, sc }: NegotiatedAlgorithms): void {
    const raw = (client as unknown as { _protocol?: { _remoteIdentRaw?: Buffer | string } })._protocol?._remoteIdentRaw;
    const both = (there: string | undefined, back: string | undefined): string =>
      there === back ? there || 'none' : `${there} out, ${back} in`;
    this.#info(`identifies itself as ${printable(String(raw ?? '').trim())}`);
    const mac = both(cs.mac, sc.mac);
    this.#info(
      `agreed on key exchange ${kex}, host key ${serverHostKey}, cipher ${both(cs.cipher, sc.cipher)}, MAC ${mac === 'none' ? 'of the cipher' : mac}, compression ${both(cs.compress, sc.compress)}`,
    );
  }

  /** A host key that nobody judges yet. */
  shown(key: Uint8Array, judgement = ''): void {
    this.#info(`shows the host key ${printable(keyTypeOf(key))} ${fingerprintOf(key)}${judgement}`);
  }

  hostKey(key: Uint8Array, isTrusted: boolean): void {
    this.shown(key, isTrusted ? ', which is pinned' : ', which is not pinned');
  }

  loggedIn(): void {
    this.#info('accepted the login');
  }

  /** SFTP begins, whose requests have a trace of their own. */
  over(): void {
    this.#isOver = true;
  }

  failed(error: Error): void {
    this.#info(`the connection failed: ${printable(error.message)}`);
  }

  #info(text: string): void {
    logInfo(this.#of, `${this.#address} ${text}`);
  }
}
