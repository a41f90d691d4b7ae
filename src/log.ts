/**
 * What support reads: what was done, when, and what the server answered (`--verbose`, DEPOT_LOG). Anybody may log, since a line that
 * nobody listens to costs one comparison, and nobody below the commands knows who listens.
 *
 * A log is made to be sent to others. It never has contents, passwords, passphrases, keys or names of files of the dataset: sources are
 * told by their number, errors of the dataset by their code. `tests/security/log.test.ts` looks for them.
 */

/** `info`: phases and decisions. `debug`: also each SFTP request and answer. */
export type LogLevel = 'info' | 'debug';

export interface LogLine {
  level: LogLevel;
  /** The arrangement that it is about. */
  of: string | undefined;
  text: string;
}

type Hear = (line: LogLine) => void;

let listener: { level: LogLevel; hear: Hear } | null = null;

/** From now on lines up to this level are heard, until the function that this returns is called. One listener at a time. */
export function listenToLog(level: LogLevel, hear: Hear): () => void {
  const own = { level, hear };
  listener = own;
  return () => {
    if (listener === own) listener = null;
  };
}

/** What is heard; null when nobody listens. */
export function logLevel(): LogLevel | null {
  return listener === null ? null : listener.level;
}

export function logInfo(of: string | undefined, text: string): void {
  listener?.hear({ level: 'info', of, text });
}

export function logDebug(of: string | undefined, text: string): void {
  if (listener?.level === 'debug') listener.hear({ level: 'debug', of, text });
}

/** A line that was logged in a thread. */
export function relayLog(line: LogLine): void {
  listener?.hear(line);
}
