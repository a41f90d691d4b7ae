import type { Arrangement, Config } from '../config/types.js';
import { findUsername } from '../secrets/login.js';
import type { Needed, SecretKind } from '../secrets/request.js';

/** An arrangement's login, as far as it tells one from another. */
interface Login {
  server: string;
  account: string;
  key: string | undefined;
}

/** Counts accounts and SSH keys: a secret that does not say whose it is goes to no server that it may not be for. */
export class Logins {
  readonly #run: Record<SecretKind, number>;
  readonly #at = new Map<string, Record<SecretKind, number>>();

  private constructor(run: readonly Login[], all: readonly Login[]) {
    this.#run = counted(run);
    for (const server of new Set(all.map((login) => login.server)))
      this.#at.set(server, counted(all.filter((login) => login.server === server)));
  }

  /** Those of `run`, and of the whole configuration. User names that depot.yaml leaves out are the stored ones. */
  static async of(config: Config, run: readonly Arrangement[]): Promise<Logins> {
    const stored = new Map<string, Promise<string | null>>();
    const loginOf = async ({ remote }: Arrangement): Promise<Login> => {
      const server = serverOf(remote);
      if (remote.username === undefined && !stored.has(server))
        stored.set(server, findUsername(config.directory, remote));
      return {
        server,
        account: `${remote.username ?? (await stored.get(server)) ?? ''}@${server}`,
        key: remote.privateKey,
      };
    };
    return new Logins(
      await Promise.all(run.map(loginOf)),
      await Promise.all([...config.arrangements.values()].map(loginOf)),
    );
  }

  needed(kind: SecretKind, { remote }: Arrangement): Needed {
    return { run: this.#run[kind], server: this.#at.get(serverOf(remote))?.[kind] ?? 1 };
  }
}

/** The same for all that go to one server, however its name is written. */
export function serverOf({ host, port }: { host: string; port: number }): string {
  return `${host.toLowerCase()}:${port}`;
}

function counted(logins: readonly Login[]): Record<SecretKind, number> {
  return {
    password: new Set(logins.map(({ account }) => account)).size,
    // It opens a file, and goes to no server.
    privateKeyPassphrase: new Set(logins.flatMap(({ key }) => key ?? [])).size,
    signingKeyPassphrase: 1,
  };
}
