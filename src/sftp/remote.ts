import type { CoverBytes, ReceiptBytes } from '../outbound.js';
import { Link } from './link.js';
import { PreparedSidecars } from './prepared.js';
import { putSidecar, type Delivery, type Leftover } from './sidecar.js';
import { renameAgain, type Pending, type Settled } from './settle.js';
import type { UploadOptions } from './types.js';
import { Upload } from './upload.js';

/** A link to the agent's server, and all that a deposit does through it. */
export class Remote extends Link {
  /** Creates the partial exclusively and stands ready for blocks. Errors: `remote-exists`, `remote-no-directory`, `remote-permission`, … */
  async createUpload(options: UploadOptions): Promise<Upload> {
    return Upload.create(this, options);
  }

  /** A cover, receipt or signature, under a partial name first; never over an existing file. */
  async putSidecar(name: string, bytes: ReceiptBytes | CoverBytes, leftover: Leftover = 'none'): Promise<Delivery> {
    return putSidecar(this, name, bytes, leftover);
  }

  /** For sidecars of this run that are to be written side by side, before each has its turn. */
  prepareSidecars(): PreparedSidecars {
    return new PreparedSidecars(this);
  }

  /** Renames a complete partial that an earlier run left. */
  async renameAgain(pending: Pending): Promise<Settled> {
    return renameAgain(this, pending);
  }
}
