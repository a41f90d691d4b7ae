import { packageFile } from '../installation.js';

/** `DEPOT/restore.sh` of every increment: opens a chain with gpg, tar and the small programs that every Unix has (docs/format.md, section 12). */
export function restoreScript(): Uint8Array {
  return packageFile('dist/dataset/restore.sh');
}
