/** SFTP's answers as errors, and what they mean to the person who reads them. */
import { DepotError, type ErrorCode, type ErrorDetails } from '../errors.js';
import { printable } from '../printable.js';

/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02 section 7), and three that newer servers send anyway. */
export const Status = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
  FILE_ALREADY_EXISTS: 11,
  NO_SPACE_ON_FILESYSTEM: 14,
  QUOTA_EXCEEDED: 15,
} as const;

/** The server answered, with something else than OK. */
export class SftpStatus extends Error {
  constructor(
    readonly operation: string,
    readonly status: number,
    text: string,
  ) {
    super(`${operation}: status ${status}${text === '' ? '' : ` (${printable(text.slice(0, 200))})`}`);
    this.name = 'SftpStatus';
  }
}

/** The answer did not come, or the connection is gone: a passing failure. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** The partial is gone, or holds less than what was acknowledged: only another deposit id goes on. */
export class PartialLost extends DepotError {
  /** The upload ended before it took a block. */
  beforeFirstBlock = false;

  /** `message` says what happened to the partial. */
  constructor(message: string, cause?: unknown) {
    super('connection-lost', message, { published: 'no', hint: 'push again', cause });
  }
}

/** Whether the server answered with one of these codes; without any, with whatever but OK. */
export function isStatus(error: unknown, ...codes: number[]): error is SftpStatus {
  return error instanceof SftpStatus && (codes.length === 0 || codes.includes(error.status));
}

/** The server's answer, or its refusal. @throws ConnectionLost when there is none */
export function orRefusal<T>(request: Promise<T>): Promise<T | SftpStatus> {
  return request.catch((error: unknown) => {
    if (error instanceof SftpStatus) return error;
    throw error;
  });
}

/** The server does not do this at all, as opposed to having tried and failed. */
export function isDenied(error: unknown): boolean {
  return isStatus(error, Status.PERMISSION_DENIED, Status.OP_UNSUPPORTED, Status.BAD_MESSAGE);
}

/** What the server answered, in words; `what` says what was tried, such as `create /in/x`. */
export function refusal(error: SftpStatus, what: string, details: ErrorDetails = {}): DepotError {
  const [code, why, hint] = meaning(error.status);
  return new DepotError(code, `the server refused to ${what}: ${why}`, {
    published: 'no',
    hint,
    cause: error,
    ...details,
  });
}

function meaning(status: number): [ErrorCode, string, string] {
  switch (status) {
    case Status.NO_SUCH_FILE:
      return ['remote-no-directory', 'no such file or directory', 'check remote.directory with the agent'];
    case Status.PERMISSION_DENIED:
      return ['remote-permission', 'permission denied', 'ask the agent which directory this account may write to'];
    case Status.FILE_ALREADY_EXISTS:
      return ['remote-exists', 'it exists', 'see what is there before the next push'];
    case Status.NO_SPACE_ON_FILESYSTEM:
      return ['remote-no-space', 'its disk is full', 'ask the agent for space, then push again'];
    case Status.QUOTA_EXCEEDED:
      return ['remote-no-space', 'the quota is used up', 'ask the agent for space, then push again'];
    case Status.OP_UNSUPPORTED:
      return ['remote-refused', 'it does not support this request', 'run: «depot doctor --write-test»'];
    case Status.FAILURE:
      return [
        'remote-refused',
        'it did not say why',
        'ask the agent about quota, free space and what this account may do',
      ];
    default:
      return ['remote-refused', `status ${status}`, 'ask the agent what this account may do'];
  }
}
