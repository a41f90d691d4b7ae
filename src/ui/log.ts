import type { LogLevel, LogLine } from '../log.js';
import { printable } from '../printable.js';

/** What is logged: `--verbose` is `info`, and DEPOT_LOG says which. Null for nothing; `wrong` is what DEPOT_LOG cannot be. */
export function logLevelOf(isVerbose: boolean, env: NodeJS.ProcessEnv): { level: LogLevel | null; wrong?: string } {
  const asked = env.DEPOT_LOG ?? '';
  const level = isVerbose ? 'info' : null;
  if (asked === '') return { level };
  if (asked === 'debug') return { level: 'debug' };
  return asked === 'info' ? { level: 'info' } : { level, wrong: printable(asked) };
}

/** `2026-11-22T00:30:00.123Z info  acme-crm: …`: on one line, whatever it says. */
export function logText({ level, of, text }: LogLine, at: Date): string {
  const whose = of === undefined ? '' : `${of}: `;
  return printable(`${at.toISOString()} ${level.padEnd(5)} ${whose}${text}`);
}
