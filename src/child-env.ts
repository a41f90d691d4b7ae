/**
 * The environment of a child process: depot's own less what holds or names secrets (`DEPOT_*`,
 * `CREDENTIALS_DIRECTORY`), and then `extra` (a source's `env:`).
 */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !isWithheld(name)) child[name] = value;
  }
  return Object.assign(child, extra);
}

/** Whether children never get this variable. Windows knows names in any case, so case does not count. */
export function isWithheld(name: string): boolean {
  const upper = name.toUpperCase();
  return upper.startsWith('DEPOT_') || upper === 'CREDENTIALS_DIRECTORY';
}
