/** The end of every `--help`: examples, and the exit codes that this command can end with. */

/** DESIGN's table in a few words each; docs/exit-codes.md says for each what to do. */
export const exitMeanings: Readonly<Record<number, string>> = {
  0: 'done, or nothing to do',
  1: 'a defect in depot',
  2: 'wrong use of the command line',
  3: 'a source failed, changed, timed out, was empty or shrank',
  4: 'some arrangements failed, see each',
  5: 'local: disk full, not readable or writable, output exists',
  10: 'configuration',
  11: 'another push of this arrangement is running',
  12: 'login refused',
  13: 'host key unknown or changed',
  14: 'server not reachable (is the VPN up?)',
  15: 'server refused: permission, space, quota, exists',
  16: 'connection lost for longer than retryFor',
  17: 'a secret is missing, or a passphrase is wrong',
  18: 'the last answer of the server was lost: possibly deposited',
  20: 'recipient or signer key unusable',
  21: 'verification failed: tampered, truncated, wrong signature',
  22: 'this key does not open this suitcase',
  23: 'hostile or malformed archive refused',
  24: 'nothing failed, but something asked for could not be checked',
  30: 'deposited, but receipt or sidecars not written or delivered',
  31: 'stale: the last deposit is older than allowed, or the last push was killed',
  32: 'ledger broken',
  129: 'hung up',
  130: 'interrupted',
  137: 'killed, or the machine went down (in run records)',
  143: 'terminated',
};

const columns = 80;

/**
 * `examples` are pairs of a command line and what it is for; `exits` beside 0, 1 and 2, which every command has. Nothing is wider
 * than 80 columns: what does not fit beside a command line stands above it, and a long one is broken. Whatever is pasted works.
 */
export function helpEnd(
  examples: readonly (readonly [command: string, what: string])[],
  exits: readonly number[] = [],
): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const beside = examples.every(([, what]) => 2 + width + 5 + what.length <= columns);
  const shown = examples.map(([command, what]) =>
    beside ? `  ${command.padEnd(width)}   # ${what}` : `  # ${what}\n  ${inLines(command)}`,
  );
  const codes = [0, 1, 2, ...exits].map((code) => `  ${String(code).padStart(3)}  ${exitMeanings[code]!}`);
  return `\nExamples:\n${shown.join('\n')}\n\nExit codes (docs/exit-codes.md says what to do):\n${codes.join('\n')}\n`;
}

/** Broken before a flag, with the backslash that makes a shell read on. */
function inLines(command: string): string {
  const lines: string[] = [];
  for (const part of command.split(/ (?=--|\| )/)) {
    const last = lines.at(-1);
    if (last !== undefined && 2 + (lines.length === 1 ? 0 : 4) + last.length + 1 + part.length + 2 <= columns)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.join(' \\\n      ');
}
