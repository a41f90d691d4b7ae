/**
 * RSA keys log in with SHA-2 alone (RFC 8332), as RSA host keys are taken with SHA-2 alone. ssh2 signs with SHA-1 where a
 * server takes `ssh-rsa`, and where it does not say what it takes.
 */
import type { Client } from 'ssh2';
import ssh2Constants from 'ssh2/lib/protocol/constants.js';

/** ssh2's own: it takes SHA-2 for granted. It sets that for OpenSSH 7.4, which takes it and does not say so. */
const { IMPLY_RSA_SHA2_SIGALGS: granted } = ssh2Constants.COMPAT;

interface Extension {
  name: string;
  algs: string[];
}

interface Protocol {
  _compatFlags: number;
  _handlers: { EXT_INFO: (protocol: Protocol, extensions: Extension[]) => void };
}

/** For a client that has begun to connect. `says` is told whether the server takes RSA keys with SHA-2, if it says so (RFC 8308). */
export function signWithSha2(client: Client, says: (taken: boolean) => void): void {
  const protocol = (client as unknown as { _protocol: Protocol })._protocol;
  let trying = false;
  client.once('handshake', () => {
    trying = (protocol._compatFlags & granted) === 0;
    protocol._compatFlags |= granted;
  });
  const { EXT_INFO: pass } = protocol._handlers;
  protocol._handlers.EXT_INFO = (_, extensions) => {
    const said = extensions.find(({ name }) => name === 'server-sig-algs');
    if (said !== undefined) {
      said.algs = said.algs.filter((one) => one !== 'ssh-rsa');
      if (trying) {
        protocol._compatFlags &= ~granted;
        says(said.algs.some((one) => one === 'rsa-sha2-256' || one === 'rsa-sha2-512'));
      }
    }
    pass(protocol, extensions);
  };
}
