import { DepotError } from '../errors.js';

/** What became of a file that is given up. */
export interface Abandoned {
  /** The server answered that nothing lies under its name. */
  removed: boolean;
  /** It may yet get its name, truncated: the server has not noticed, or has not said, that the connection was lost. */
  mayAppear: boolean;
}

/** This deposit id cannot be finished: the partial is gone, or shorter than what was acknowledged. */
export type DeadUploadError = DepotError & {
  readonly dead: true;
  /** The upload ended before it took a block. */
  beforeFirstBlock?: true;
};

/** Whether another attempt needs a new deposit id (where every source can be read again). */
export function deadPartial(error: unknown): error is DeadUploadError {
  return error instanceof DepotError && 'dead' in error && error.dead === true;
}

/** That error; `message` says what happened to the partial. */
export function deadUpload(message: string, cause?: unknown): DeadUploadError {
  return Object.assign(new DepotError('connection-lost', message, { published: 'no', hint: 'push again', cause }), {
    dead: true as const,
  });
}
