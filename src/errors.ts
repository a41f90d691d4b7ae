/**
 * Errors are data: a code from a closed list, what happened, whether anything was published, and what to type next. The code
 * decides the exit status; `docs/exit-codes.md` lists them all.
 */
import { type ErrorCode, exitStatus } from './texts/exits.js';

export type { ErrorCode };

/** Whether a deposit became visible at the agent: `unknown` when the server's last answer was lost. */
export type Published = 'no' | 'yes' | 'unknown';

export interface ErrorDetails {
  /** What to type or do next; starts with a verb. */
  hint?: string | undefined;
  /** Left out where no deposit was under way. */
  published?: Published | undefined;
  depositId?: string | undefined;
  /** The arrangement that the failure belongs to. */
  arrangement?: string | undefined;
  cause?: unknown;
}

/**
 * Every failure that depot foresees. `message` is lower case, without a full stop, names the value that was wrong, and never
 * holds a secret or raw bytes of other people's files.
 */
export class DepotError extends Error {
  readonly code: ErrorCode;
  hint: string | undefined;
  published: Published | undefined;
  depositId: string | undefined;
  arrangement: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'DepotError';
    this.code = code;
    this.hint = details.hint;
    this.published = details.published;
    this.depositId = details.depositId;
    this.arrangement = details.arrangement;
  }

  /** The process exit status for this error. */
  get exit(): number {
    return exitStatus[this.code];
  }
}

function isOurs(error: unknown): error is DepotError {
  try {
    return error instanceof DepotError;
  } catch {
    // A proxy that answers no question.
    return false;
  }
}

/** True when `error` is a DepotError, with this code when one is given. */
export function isDepotError(error: unknown, code?: ErrorCode): error is DepotError {
  return isOurs(error) && (code === undefined || error.code === code);
}

/** The server said no, to the directory, a write or a name: definite, unlike everything that keeps us from hearing it. */
export function isRefusal(error: unknown): error is DepotError {
  return isOurs(error) && error.code.startsWith('remote-');
}

/** A signal ended the run. */
export function isStop(error: unknown): error is DepotError {
  return isOurs(error) && ['hung-up', 'interrupted', 'terminated'].includes(error.code);
}

/**
 * What was thrown, as a DepotError of the caller's own: the reason of an abort rather than what the abort broke, and a defect
 * when nobody foresaw it. One signal may stop several, and each fills in whose the error is.
 */
export function foreseen(thrown: unknown, signal: AbortSignal): DepotError {
  const reason: unknown = signal.reason;
  if (
    isDepotError(reason) &&
    (thrown === reason || !isDepotError(thrown) || (thrown.code === 'internal' && thrown.published === undefined))
  )
    return copyOf(reason) as DepotError;
  return asDepotError(thrown);
}

/** A defect when nobody foresaw it, but for a limit of the system, which may be reached anywhere. */
export function asDepotError(thrown: unknown): DepotError {
  if (isDepotError(thrown)) return thrown;
  const limit = limitOf(thrown);
  if (limit !== null)
    return new DepotError('local-limit', `${limit[0]}: ${textOf(thrown)}`, { cause: thrown, hint: limit[1] });
  return new DepotError('internal', `a defect in depot: ${textOf(thrown)}`, {
    cause: thrown,
    hint: 'run it again with DEPOT_DEBUG=1 and report what it prints',
  });
}

/** Why a thread of depot ended before its time. */
export function threadFailed(which: string, error: Error): DepotError {
  return limitOf(error) === null
    ? new DepotError('internal', `the ${which} thread failed: ${error.message}`, { cause: error })
    : asDepotError(error);
}

/** Which limit was reached, and what to do; null when it was none. */
function limitOf(thrown: unknown): readonly [string, string] | null {
  const more = (how: string): string => `raise the limit for this account (${how}), then run it again`;
  switch (limitCode(thrown)) {
    case 'EMFILE':
      return ['too many open files', more('ulimit -n 1024; LimitNOFILE= of systemd')];
    case 'ENFILE':
      return ['too many open files on this machine', 'find out which program holds them, then run it again'];
    case 'EAGAIN':
      return ['no more processes or threads can be started', more('ulimit -u; TasksMax= of systemd')];
    case undefined:
    default:
      return null;
  }
}

function limitCode(thrown: unknown): string | undefined {
  try {
    if (!(thrown instanceof Error)) return undefined;
    const { code, message, syscall } = thrown as NodeJS.ErrnoException;
    // A thread that could not be started has the system's code as its text.
    if (code === 'ERR_WORKER_INIT_FAILED') return message;
    return code === 'EAGAIN' && syscall?.startsWith('spawn') !== true ? undefined : code;
  } catch {
    return undefined;
  }
}

/** What was thrown, in words. Anything can be thrown, also what cannot be made a text, and this must not fail over it. */
function textOf(thrown: unknown): string {
  try {
    const message: unknown = thrown instanceof Error ? thrown.message : thrown;
    if (message !== undefined && message !== '') return (message as { toString(): string }).toString();
    return thrown instanceof Error
      ? `${thrown.name}, without a message`
      : `${message === '' ? 'an empty text' : 'undefined'} was thrown`;
  } catch {
    return `something was thrown that has no text (${typeof thrown})`;
  }
}

function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error ? thrown.stack : undefined;
  } catch {
    return undefined;
  }
}

/** The same error for somebody else: whose it is and what was published is filled in for each. Anything but a DepotError stays what it is. */
export function copyOf(error: unknown): unknown {
  if (!isDepotError(error)) return error;
  const { code, message, hint, published, cause, stack } = error;
  const copy = new DepotError(code, message, { cause, hint, published });
  if (stack !== undefined) copy.stack = stack;
  return copy;
}

/** The parts of a DepotError that survive a thread boundary. */
export interface ErrorRecord extends Omit<ErrorDetails, 'cause'> {
  code: ErrorCode;
  message: string;
  stack: string | undefined;
}

/** For the way out of a worker thread; anything but a DepotError becomes `internal`. */
export function errorToRecord(error: unknown): ErrorRecord {
  const e =
    isOurs(error) || limitOf(error) !== null
      ? asDepotError(error)
      : new DepotError('internal', textOf(error), { cause: error });
  const { code, message, hint, published, depositId, arrangement } = e;
  return { code, message, hint, published, depositId, arrangement, stack: stackOf(error) };
}

/** The reverse of `errorToRecord`; keeps the stack of the thread in which it happened. */
export function errorFromRecord(record: ErrorRecord): DepotError {
  const { code, message, stack, ...details } = record;
  const error = new DepotError(code, message, details);
  if (stack !== undefined) error.stack = stack;
  return error;
}
