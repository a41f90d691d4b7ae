/** What the account of a schedule cannot reach, and the lines that change it. */
import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, accountOfUid, isHomeOfAnother, obstacle } from '../accounts.js';
import { agentSockets, secretFiles } from '../config/login-files.js';
import type { Arrangement, Config } from '../config/types.js';
import { exposure } from '../permissions.js';
import { printable } from '../printable.js';
import { shellWord } from '../shell.js';
import { isDatabase } from '../source.js';

export interface Access {
  /** For root to paste, in this order. */
  lines: string[];
  /** What no line here can change: a file in somebody's home, a program that only root may run. */
  warnings: string[];
}

/** `account` null: it is not there yet, and then owns nothing and is in no group. */
export async function accessFor(
  name: string,
  account: Account | null,
  o: {
    config: Config;
    arrangements: readonly Arrangement[];
    program: readonly string[];
    stateMadeBySystemd: boolean;
    metrics?: string | undefined;
  },
): Promise<Access> {
  const who = account ?? { name, uid: -1, gid: -1, group: name, gids: [] };
  const found = new Findings(who, o.config.directory);
  for (const file of o.program) await found.program(file);
  for (const file of o.config.files) await found.trusted(file);
  const { config, arrangements } = o;
  for (const { beneficiaries, specification, remote } of arrangements) {
    const open = [
      ...config.supplier.formerSigningKeys,
      ...beneficiaries.map((b) => b.key),
      ...(specification === undefined ? [] : [specification]),
      remote.knownHostsFile,
      ...(typeof remote.sshConfig === 'string' ? [remote.sshConfig] : []),
    ];
    for (const file of open) await found.open(file);
  }
  const secrets = path.join(config.directory, 'secrets');
  await found.owned(secrets);
  const named = [
    config.supplier.signingKey,
    config.supplier.passphrase.file,
    ...arrangements.flatMap(({ remote }) => secretFiles(remote)),
    ...arrangements.flatMap(({ dataset }) => dataset.map((one) => (isDatabase(one) ? one.password.file : undefined))),
  ];
  for (const file of new Set(named)) if (file !== undefined && path.dirname(file) !== secrets) await found.secret(file);
  for (const socket of new Set(arrangements.flatMap(({ remote }) => agentSockets(remote)))) await found.agent(socket);
  await found.state(config.state.path, o.stateMadeBySystemd);
  if (o.metrics !== undefined) await found.writable(path.dirname(o.metrics));
  for (const source of arrangements.flatMap(({ dataset }) => dataset)) {
    if ('path' in source && source.prepare === undefined) await found.source(source.path);
    if (source.kind === 'sqlite') await found.source(source.database);
  }
  return found;
}

/** What lets `account` read one file with a secret, and nobody else besides root. */
export async function secretAccess(account: Account, file: string, configDirectory: string): Promise<Access> {
  const found = new Findings(account, configDirectory);
  const secrets = path.join(configDirectory, 'secrets');
  if (path.dirname(file) === secrets) await found.owned(secrets);
  else await found.secret(file);
  return found;
}

/** Nobody is told to change the owner or the mode of such a file. */
export async function isOfTheSystem(file: string): Promise<boolean> {
  const real = await realpath(file).catch(() => file);
  const [top = '', ...below] = real.split('/').slice(1);
  const own = ['usr', 'bin', 'sbin', 'boot', 'dev', 'proc', 'sys'].includes(top) || top.startsWith('lib');
  if (own || below.length === 0 || (top === 'etc' && below.length === 1)) return true;
  return (await stat(real).catch(() => null))?.isFile() === false;
}

/** Lets the account read a source: in a directory, also what is put there later. */
export async function readableLine({ name }: Pick<Account, 'name'>, source: string): Promise<string> {
  const isDirectory = (await stat(source).catch(() => null))?.isDirectory() === true;
  const word = printable(shellWord(source));
  return isDirectory ? `setfacl -R -m u:${name}:rX -m d:u:${name}:rX ${word}` : `setfacl -m u:${name}:r ${word}`;
}

class Findings implements Access {
  readonly lines: string[] = [];
  readonly warnings: string[] = [];
  readonly #who: Account;
  readonly #directory: string;

  constructor(who: Account, directory: string) {
    this.#who = who;
    this.#directory = directory;
  }

  async program(file: string): Promise<void> {
    const met = await obstacle(this.#who, file, path.extname(file) === '.js' ? 'read' : 'run');
    if (met !== null)
      this.#warn(
        `cannot run ${printable(file)} (${printable(met.path)} keeps it out): install Node and depot for all accounts, and print the schedule with that depot`,
      );
  }

  /** Configuration: readable, and root's or the account's own, since it can run commands. */
  async trusted(file: string): Promise<void> {
    await this.open(file);
    for (const one of [path.dirname(file), file]) {
      const there = await stat(one).catch(() => null);
      if (there !== null && there.uid !== 0 && there.uid !== this.#who.uid) this.#line(`chown root: ${shellWord(one)}`);
    }
  }

  async open(file: string): Promise<void> {
    if (await this.#reaches(file)) return;
    this.#line(`chmod a+r ${shellWord(file)}`);
  }

  /** Root's, readable for the account's group: the account uses it and cannot change it. */
  async secret(file: string): Promise<void> {
    const there = await stat(file).catch(() => null);
    if (there === null) return;
    if ((await this.#reaches(file)) && exposure(there, this.#who.uid) === undefined) return;
    if (await isOfTheSystem(file))
      this.#warn(`needs a file of its own for the secret: ${printable(file)} is the system's, or is no plain file`);
    else if (there.uid === this.#who.uid) this.#line(`chmod 600 ${shellWord(file)}`);
    else this.#line(`chown root:${this.#who.group} ${shellWord(file)} && chmod 640 ${shellWord(file)}`);
  }

  /** A directory that is the account's alone, with all that is in it. */
  async owned(directory: string): Promise<void> {
    const there = await stat(directory).catch(() => null);
    if (there === null || this.#who.uid === 0) return;
    const files: { file: string; own: Stats }[] = [];
    for (const name of await readdir(directory).catch(() => [])) {
      const file = path.join(directory, name);
      const own = await stat(file).catch(() => null);
      if (
        own !== null &&
        ((await obstacle(this.#who, file, 'read'))?.onTheWay === false || exposure(own, this.#who.uid) !== undefined)
      )
        files.push({ file, own });
    }
    if ([there, ...files.map(({ own }) => own)].some(({ uid }) => uid !== this.#who.uid))
      this.#line(`chown -R ${this.#who.name}: ${shellWord(directory)}`);
    for (const { file, own } of files) if ((own.mode & 0o077) !== 0) this.#line(`chmod 600 ${shellWord(file)}`);
    await this.#reaches(directory);
  }

  async state(directory: string, madeBySystemd: boolean): Promise<void> {
    await this.#reaches(directory);
    const there = await stat(directory).catch(() => null);
    if (there === null && madeBySystemd) return;
    if (there === null)
      this.#line(`install -d -o ${this.#who.name} -g ${this.#who.group} -m 700 ${shellWord(directory)}`);
    else if (there.uid !== this.#who.uid) this.#line(`chown -R ${this.#who.name}: ${shellWord(directory)}`);
  }

  /** One of others, who go on to read what is in it: node_exporter's. */
  async writable(directory: string): Promise<void> {
    const { name, group } = this.#who;
    const there = await stat(directory).catch(() => null);
    if (there === null) this.#line(`install -d -o ${name} -g ${group} -m 755 ${shellWord(directory)}`);
    else if ((await obstacle(this.#who, directory, 'write')) === null) return;
    else if ((there.mode & 0o027) === 0o005)
      this.#line(`chgrp ${group} ${shellWord(directory)} && chmod g+w ${shellWord(directory)}`);
    // Its group reads it, or writes in it too, and must not lose that.
    else this.#line(`setfacl -m u:${name}:rwx ${shellWord(directory)}`);
  }

  /** OpenSSH's answers the account that it runs as, and root, whatever the mode of the socket. */
  async agent(socket: string): Promise<void> {
    const there = await stat(socket).catch(() => null);
    if (there === null || this.#who.uid === 0 || there.uid === this.#who.uid) return;
    this.#warn(
      `gets no answer from the ssh-agent at ${printable(socket)}, which runs as ${(await accountOfUid(there.uid)).name}: run one as ${this.#who.name}, and write its socket into depot.yaml`,
    );
  }

  async source(file: string): Promise<void> {
    const met = await obstacle(this.#who, file, 'read');
    if (met === null) return;
    this.#warn(
      `cannot read the source ${printable(file)}${met.onTheWay ? ` (${printable(met.path)} keeps it out)` : ''}: ${await readableLine(this.#who, file)} (package acl), or give it access in another way`,
    );
  }

  /** Whether the file may be read; a directory on the way to it is dealt with here. */
  async #reaches(file: string): Promise<boolean> {
    const met = await obstacle(this.#who, file, 'read');
    if (met?.onTheWay !== true) return met === null;
    if (
      !isHomeOfAnother(met.path, this.#who.uid) &&
      (met.path === this.#directory || met.path.startsWith(`${this.#directory}${path.sep}`))
    ) {
      this.#line(`chgrp ${this.#who.group} ${shellWord(met.path)} && chmod g+rx ${shellWord(met.path)}`);
    } else {
      this.#warn(
        `cannot enter ${printable(met.path)}, where ${printable(file)} is: move it (/etc/depot is for the configuration, /var/lib/depot for the state)`,
      );
    }
    return false;
  }

  #line(line: string): void {
    if (!this.lines.includes(line)) this.lines.push(line);
  }

  #warn(what: string): void {
    const warning = `account ${this.#who.name} ${what}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}

/** The account that pushes: whoever owns the state directory, which nobody else may write in; undefined while there is none, and on Windows. */
export async function stateOwner(config: Pick<Config, 'state'>): Promise<Account | undefined> {
  if (process.geteuid === undefined) return undefined;
  const found = await stat(config.state.path).catch(() => null);
  return found === null ? undefined : accountOfUid(found.uid);
}
