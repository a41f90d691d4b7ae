/** What a schedule will not find where it runs, though whoever prints it does. */
import type { Arrangement } from '../../config/types.js';

type Kind = 'systemd' | 'cron' | 'launchd' | 'windows';

const kindsOf: Partial<Record<NodeJS.Platform, readonly Kind[]>> = { win32: ['windows'], darwin: ['launchd', 'cron'] };

/** `account` is another than the one that prints it; undefined where it is the same, or not known. */
export function surroundings(
  kind: Kind,
  account: string | undefined,
  arrangements: readonly Arrangement[],
  platform = process.platform,
): string[] {
  const remotes = arrangements.map(({ remote }) => remote);
  const warnings: string[] = [];
  if (!(kindsOf[platform] ?? ['systemd', 'cron']).includes(kind))
    warnings.push(
      'paths, account and commands are those of this machine, which runs another system: print the schedule on the machine that will run it',
    );
  // On Windows the agent is at a fixed place.
  if (kind !== 'windows' && remotes.some((one) => one.sshAgent === true || one.proxyJump?.sshAgent === true))
    warnings.push(
      `sshAgent: true finds no ssh-agent when ${kind} runs the push, since SSH_AUTH_SOCK is not set there: set the path of its socket in depot.yaml (sshAgent: /run/user/…)`,
    );
  if (account !== undefined && remotes.some(({ sshConfig }) => sshConfig === true))
    warnings.push(
      `sshConfig: true means the ~/.ssh/config of ${account}, not yours: name a file in depot.yaml that ${account} can read (sshConfig: ssh_config)`,
    );
  return warnings;
}
