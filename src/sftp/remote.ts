import type { CoverBytes, ReceiptBytes } from '../outbound.js';
import { ownConnection, type SharedServer } from './connections.js';
import { trusted } from './hostkeys.js';
import { prepareHop } from './jump.js';
import { Link } from './link.js';
import { prepareLogin } from './credentials.js';
import { PublishedFile, type FileNames, type Settled } from './published-file.js';
import { openSession, type Session } from './session.js';
import { Sidecar, type Leftover } from './sidecar.js';
import type { Login, RemoteSpec, TransportHooks, UploadOptions } from './types.js';
import { Upload } from './upload.js';

/** A link to the agent's server, and all that a deposit does through it. */
export class Remote extends Link {
  /** Creates the partial exclusively and stands ready for blocks. Errors: `remote-exists`, `remote-no-directory`, `remote-permission`, … */
  async createUpload(options: UploadOptions): Promise<Upload> {
    return Upload.create(this, options);
  }

  /** A cover, receipt or signature, of which nothing is written yet. */
  sidecar(name: string, bytes: ReceiptBytes | CoverBytes, leftover: Leftover = 'none'): Sidecar {
    return new Sidecar(this, name, bytes, leftover);
  }

  /** Renames a complete partial that an earlier run left. */
  async renameAgain(names: FileNames): Promise<Settled> {
    return new PublishedFile(this, names).renameAgain();
  }
}

/** Connects and logs in, so that nothing else is started when that fails; with `shared`, over a connection of several. */
export async function connect(
  spec: RemoteSpec,
  login: Login,
  hooks: TransportHooks,
  shared?: SharedServer,
): Promise<Remote> {
  const trust = await trusted(spec);
  const credentials = await prepareLogin(login, spec.arrangement, shared);
  const hop =
    spec.proxyJump === undefined ? null : await prepareHop(spec.proxyJump, login.proxyJump ?? {}, shared?.hop);
  const dial = (signal: AbortSignal): Promise<Session> => openSession(spec, trust, credentials, hop, signal);
  const remote = new Remote(
    spec,
    hooks,
    shared === undefined ? ownConnection(dial) : shared.source(dial, spec.arrangement),
  );
  await remote.session();
  return remote;
}
