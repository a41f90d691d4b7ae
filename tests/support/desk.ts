import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree, tempDir } from './cleanup.js';
import { bareEnvironment, depotScript } from './cli.js';
import { Gnupg } from './gnupg.js';
import { type Finished, run } from './process.js';
import { type KeyFiles, makeKey } from './supplier.js';

/** The beneficiary's desk: a directory with its key and what it was sent, with GnuPG and an installed depot. */
export class Desk {
  private constructor(
    readonly directory: string,
    readonly key: KeyFiles,
    readonly gpg: Gnupg,
    private readonly path: string,
  ) {}

  /** `program`: the depot that is installed here. */
  static async create(profile: 'compat' | 'modern', program = depotScript, passphrase?: string): Promise<Desk> {
    const directory = tempDir('depot-desk');
    const gpg = Gnupg.create();
    writeFileSync(join(gpg.home, 'gpg.conf'), 'batch\ntrust-model always\n');
    // An installed depot is a name on the path.
    const path = tempDir();
    writeFileSync(join(path, 'depot'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    chmodSync(join(path, 'depot'), 0o755);
    return new Desk(
      directory,
      await makeKey(join(directory, 'private'), 'Gemeente Voorbeeld', profile, passphrase),
      gpg,
      path,
    );
  }

  /** Puts files of a folder here, those whose names begin with `start`. */
  receive(from: string, start = ''): void {
    for (const name of readdirSync(from))
      if (name.startsWith(start)) copyFileSync(join(from, name), join(this.directory, name));
  }

  /** Runs shell lines as they stand. GnuPG is told to trust the keys, which a user would confirm at a prompt. */
  type(lines: string): Promise<Finished> {
    const home = join(this.path, 'home');
    mkdirSync(home, { recursive: true });
    return run('bash', ['-c', lines], {
      cwd: this.directory,
      env: bareEnvironment({ GNUPGHOME: this.gpg.home, HOME: home, PATH: `${this.path}:${process.env['PATH'] ?? ''}` }),
    });
  }

  /** Removes what earlier lines made. */
  async clean(): Promise<void> {
    for (const name of ['new', 'opened', 'dataset', 'whole', 'proof.json', 'proof.json.asc'])
      await removeTree(join(this.directory, name));
  }
}
