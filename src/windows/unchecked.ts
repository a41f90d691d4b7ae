import type { Warn } from '../warning.js';

/** Where it is said that access lists could not be asked for, or are not kept; the command line puts in its own way. */
export const unchecked: { tell: Warn } = { tell: (message) => process.emitWarning(message) };
