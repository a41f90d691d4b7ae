import { DepotError } from '../errors.js';

/** This deposit id cannot be finished: the partial is gone, or shorter than what was acknowledged. */
export type DeadUploadError = DepotError & { readonly dead: true };

/** Whether another attempt needs a new deposit id (where every source can be read again). */
export function deadPartial(error: unknown): error is DeadUploadError {
  return error instanceof DepotError && 'dead' in error && error.dead === true;
}

/** That error; `message` says what happened to the partial. */
export function deadUpload(message: string, cause?: unknown): DeadUploadError {
  return Object.assign(new DepotError('connection-lost', message, { published: 'no', hint: 'push again', cause }), { dead: true as const });
}
