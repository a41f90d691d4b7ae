/** A beneficiary with gpg, and the shells in which `DEPOT/restore.sh` has to work. */
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './cleanup.js';
import { Gnupg } from './gnupg.js';
import { Receiver } from './hostile-suitcase.js';
import { peers } from './peers.js';
import { type Finished, mustRun, run, type RunOptions } from './process.js';

export const restoreScriptFile = join(import.meta.dirname, '../../src/dataset/restore.sh');
export const shells = peers('bash', 'bsdtar', 'busybox', 'dash', 'gpg', 'gpgconf', 'tar', 'zstd');
export const SHELLS = ['dash', 'busybox', 'bash'] as const;
export type Shell = (typeof SHELLS)[number];

export class Beneficiary {
  private constructor(
    readonly receiver: Receiver,
    readonly gnupg: Gnupg,
    readonly applets: string,
  ) {}

  static async create(): Promise<Beneficiary> {
    const receiver = await Receiver.create();
    const gnupg = Gnupg.create();
    await gnupg.import(readFileSync(receiver.key.secretKey));
    await gnupg.import(readFileSync(receiver.signer.publicKey));
    // All that busybox has, in front of everything else; but for tar, which does not read long names there.
    const applets = tempDir('applets');
    for (const name of (await mustRun(shells!.busybox, ['--list'])).stdout.trim().split('\n'))
      if (name !== 'tar') symlinkSync(shells!.busybox, join(applets, name));
    return new Beneficiary(receiver, gnupg, applets);
  }

  /** `signer`: the fingerprint that is expected; `path`: a directory in front of all others. */
  restore(
    shell: Shell,
    suitcase: string,
    out: string,
    { signer = this.receiver.signer.fingerprint, script = restoreScriptFile, path = '', ...options }: Restoring = {},
  ): Promise<Finished> {
    const before = [path, shell === 'busybox' ? this.applets : ''].filter((part) => part !== '');
    const env = { ...this.gnupg.env, PATH: [...before, process.env['PATH']].join(':') };
    const args = [...(shell === 'busybox' ? ['ash'] : []), script, signer, suitcase, out];
    return run(shells![shell], args, { env, ...options });
  }
}

export interface Restoring extends RunOptions {
  signer?: string;
  script?: string;
  path?: string;
}
