/** The environment of a child process: depot's own less what holds or names secrets, and then `extra` (a source's `env:`). */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> {
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !isWithheld(name))), ...extra };
}

/** Whether children never get this variable. Windows knows names in any case, so case does not count. */
export function isWithheld(name: string): boolean {
  const upper = name.toUpperCase();
  return upper.startsWith('DEPOT_') || upper === 'CREDENTIALS_DIRECTORY';
}
