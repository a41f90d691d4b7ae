import { run } from '../child.js';
import { powershell } from '../windows/programs.js';

type Ask = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<string>;

/**
 * When the process of this number began, in ms since 1970 and to the second; null where that cannot be had. It starts a program,
 * and on Windows that takes a third of a second: for the one case in which a lock looks held. Linux has /proc.
 */
export async function startOf(
  pid: number,
  platform: NodeJS.Platform = process.platform,
  ask: Ask = said,
): Promise<number | null> {
  try {
    if (platform === 'win32') {
      // Ticks of 100 ns since 1601: a date would be written as the machine's language has it.
      const script = `(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CreationDate.ToFileTimeUtc()`;
      const asked = powershell(script);
      const text = await ask(asked.argv, asked.env);
      return /^\d{17,18}$/.test(text) ? Number(BigInt(text) / 10_000n - 11_644_473_600_000n) : null;
    }
    // `Sun Nov 29 01:30:00 2026`
    const text = await ask(['/bin/ps', '-o', 'lstart=', '-p', String(pid)], { TZ: 'UTC', LC_ALL: 'C' });
    const at = /^[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]{8} \d{4}$/.test(text) ? Date.parse(`${text} UTC`) : NaN;
    return Number.isNaN(at) ? null : at;
  } catch {
    return null;
  }
}

async function said(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { output } = await run(argv, { code: 'internal', env, stdout: 'keep', timeoutMs: 30_000 });
  return output.toString('latin1').trim();
}
