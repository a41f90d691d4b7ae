import { run } from '../child.js';
import { printable } from '../printable.js';
import { longestSecret, secretFrom } from './file.js';
import { accountName } from './readers.js';
import { secretName, type SecretRequest, type SecretSource } from './request.js';

/** Long enough for a vault that asks for a touch of a key. */
const timeLimitMs = 60_000;

/** `passwordCommand:` and its kin: what the command prints is the secret. */
export const configuredCommand: SecretSource = {
  async find(request) {
    const command = request.refs.command ?? [];
    if (command[0] === undefined) return null;
    const from = `command ${printable(command[0])}`;
    return { value: secretFrom(await outputOf(command, request), `the output of ${from}`), from };
  },
  describe({ refs }) {
    const program = refs.command?.[0];
    if (program === undefined) return Promise.resolve([]);
    return Promise.resolve([
      {
        source: 'config' as const,
        where: `command ${printable(program)}`,
        present: 'unknown' as const,
        readableBy: `any account that the command answers; now ${accountName()}`,
      },
    ]);
  },
};

/** What the command prints goes nowhere but into the result; what it says on stderr is shown when it fails. */
export async function outputOf(
  command: readonly string[],
  request: Pick<SecretRequest, 'kind' | 'env' | 'configDirectory' | 'signal'>,
  timeoutMs = timeLimitMs,
): Promise<Buffer> {
  const { output } = await run(command, {
    label: `${secretName[request.kind]}: command`,
    code: 'secret-missing',
    directory: request.configDirectory,
    env: request.env,
    timeoutMs,
    signal: request.signal,
    graceMs: 0,
    stdout: 'keep',
    maxBytes: longestSecret,
  });
  return output;
}
