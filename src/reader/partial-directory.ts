import { randomBytes } from 'node:crypto';
import { lstat, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../abort.js';
import { removeExtracted } from '../dataset/extract/remove.js';
import { DepotError } from '../errors.js';
import { printable, said } from '../printable.js';
import { localError } from '../durable-file.js';
import { removeLine } from '../shell.js';
import { makeClosedDirectory } from '../windows/closed.js';
import { unchecked } from '../windows/unchecked.js';

/**
 * `<out>.partial`, which becomes `<out>` when all is well and is removed when it is not. Somebody may remove it while a
 * run writes there, and a second run make its own under the same name. So a file with a random name lies in it until
 * the end: a run neither puts in place nor removes a directory without its own mark.
 */
export class PartialDirectory {
  readonly path: string;
  readonly #out: string;
  readonly #mark: string;
  #isWhole = false;

  private constructor(out: string) {
    this.#out = out;
    this.path = `${out}.partial`;
    this.#mark = path.join(this.path, `.depot-${randomBytes(8).toString('hex')}`);
  }

  /** @throws DepotError 'output-exists', 'local-…' */
  static async make(out: string): Promise<PartialDirectory> {
    const made = new PartialDirectory(out);
    // Others are kept from what is decrypted, as its mode does it elsewhere; where nothing can, that is said.
    const unkept = (error: unknown): void => unchecked.tell(said(error));
    await makeClosedDirectory(made.path, { unkept }).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw localError(cause, 'create', made.path);
      throw new DepotError(
        'output-exists',
        `${printable(made.path)} is left over from another run, or another run is using it`,
        {
          hint: `make sure that no other run is writing there, then remove it and try again: «${removeLine(made.path)}»`,
          cause,
        },
      );
    });
    await writeFile(made.#mark, '', { flag: 'wx', mode: 0o600 }).catch(async (cause: unknown) => {
      await rmdir(made.path).catch(() => undefined);
      throw localError(cause, 'create', made.path);
    });
    return made;
  }

  /** @throws DepotError 'output-exists', 'local-…' */
  async putInPlace(): Promise<void> {
    const out = this.#out;
    if (!(await this.#isOurs())) {
      throw new DepotError('local-not-writable', `${printable(this.path)} was removed or replaced in the meantime`, {
        hint: 'make sure that nothing else writes there, and try again',
      });
    }
    await rm(this.#mark).catch((cause: unknown) => {
      throw localError(cause, 'write', this.path);
    });
    this.#isWhole = true;
    // Only over an empty directory, with which nothing is lost: over a file, a link or a full directory it fails.
    await rename(this.path, out).catch((cause: unknown) => {
      if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? ''))
        throw localError(cause, 'create', out);
      throw new DepotError('output-exists', `${printable(out)} appeared in the meantime`, {
        hint: 'name another directory with --out',
        cause,
      });
    });
  }

  /** With all that is in it. False where something is left: what lies there without the mark may be another run's. */
  async remove(): Promise<boolean> {
    if (this.#isWhole || (await this.#isOurs())) removeExtracted(this.path);
    return !(await succeeds(lstat(this.path)));
  }

  #isOurs(): Promise<boolean> {
    return succeeds(lstat(this.#mark));
  }
}
