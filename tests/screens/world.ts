/** The supplier, the agent's server and the beneficiary of the screens. The clock of every run is set to the nights of the story. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type SecureStorage, startSecureStorage } from '../../src/demo/storage.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { schedulers } from '../support/schedulers.js';
import { makeKey, Supplier } from '../support/supplier.js';
import { terminal } from '../support/terminal.js';
import type { Screen } from './screens.js';
import { steady } from './steady.js';
import { terminalShows } from './terminal-shows.js';

const hourMs = 3_600_000;
const password = 'correct horse';
const preload = (name: string): string => `--import ${pathToFileURL(join(checkout, 'tests/support', name)).href}`;

export class World {
  #hours = 0;

  private constructor(
    private readonly supplier: Supplier,
    private readonly storage: SecureStorage,
    private readonly desk: string,
    /** The first midnight; later than now, since the keys are made now. */
    private readonly start: number,
    private readonly made: string,
    private readonly program: { node: string; script: string },
  ) {}

  static async create(): Promise<World> {
    const storage = await startSecureStorage(tempDir('storage'), { username: 'acme', password });
    cleanup(() => storage.stop());
    const supplier = await Supplier.create(
      { ...storage, remoteDirectory: storage.directory, fingerprints: [storage.fingerprint] },
      // As wide as what is shown for it, so that lines break where they would.
      {
        directory: tempDir('c', '/srv'),
        arrangement: { every: '24h', compression: 'gzip' },
        remote: { retryFor: '2s' },
      },
    );
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n'.repeat(2000));
    writeFileSync(join(supplier.data, 'invoices.csv'), 'id;amount\n'.repeat(3000));
    const desk = tempDir('beneficiary', '/srv');
    await makeKey(join(desk, 'other'), 'Somebody Else', 'compat');
    cpSync(supplier.signerPublic, join(desk, 'signer.public.asc'));
    cpSync(supplier.recipientKey, join(desk, 'private.secret.asc'));
    const start = Math.ceil(Date.now() / (24 * hourMs)) * 24 * hourMs;
    return new World(
      supplier,
      storage,
      desk,
      start,
      readFileSync(supplier.config, 'utf8'),
      installed(tempDir('p', '/srv')),
    );
  }

  /** Changes depot.yaml, from how it was at first. */
  config(change: (text: string) => string): void {
    writeFileSync(this.supplier.config, change(this.made));
  }

  data(name: string, content: string): void {
    writeFileSync(join(this.supplier.data, name), content);
  }

  /** What the file with the password holds; null: there is none. */
  password(value: string | null): void {
    const file = join(this.supplier.directory, 'secrets/password');
    if (value === null) rmSync(file);
    else writeFileSync(file, `${value}\n`, { mode: 0o600 });
  }

  stop(): Promise<void> {
    return this.storage.stop();
  }

  /** Changes a byte of the suitcase that the beneficiary has. */
  damage(): void {
    const file = join(this.desk, readdirSync(this.desk).findLast((name) => name.endsWith('.pgp'))!);
    const bytes = readFileSync(file);
    bytes[bytes.length - 100] ^= 1;
    rmSync(file);
    writeFileSync(file, bytes);
  }

  /** The command line and what the terminal shows then. */
  async take(screen: Screen): Promise<string> {
    const { supplier, desk } = this;
    await screen.before?.(this);
    if (screen.at !== undefined) this.#hours = screen.at;
    const id = this.#lastDeposit();
    const line = screen.line
      .replaceAll('$ID', id)
      .replace('$SIGNER', 'signer.public.asc')
      .replace('$KEY', 'private.secret.asc');
    const { raw, code } = await terminal(line.split(' ').slice(1), {
      cwd: screen.desk ? desk : supplier.directory,
      columns: 80,
      program: this.program,
      ...(screen.dialogue && { dialogue: screen.dialogue }),
      env: {
        TZ: 'UTC',
        NODE_OPTIONS: [preload('preload-clock.mjs'), ...(screen.killedAt ? [preload('preload-stop.mjs')] : [])].join(
          ' ',
        ),
        // Rounded up: half a second earlier would be another minute.
        DEPOT_CLOCK_S: String(Math.ceil((this.start + this.#hours * hourMs - Date.now()) / 1000)),
        ...(screen.cron && schedulers().env),
        ...(screen.killedAt && { DEPOT_STOP_AT: screen.killedAt }),
        ...(!screen.desk && !line.includes('--config') && { DEPOT_CONFIG: supplier.config }),
      },
    });
    const ended = code === 0 ? '' : code < 0 ? `\nKilled` : `\n$ echo $?\n${code}`;
    return `${steady(`$ ${line}\n${terminalShows(raw)}${ended}`, {
      firstDay: new Date(this.start).toISOString().slice(0, 10),
      places: [
        [supplier.directory, '/srv/acme'],
        [desk, '/srv/voorbeeld'],
        [`${this.storage.host}:${this.storage.port}`, '10.20.0.5:22'],
        [String(this.storage.port), '22'],
        [this.program.script.replace('/bin/depot.js', ''), '/opt/depot'],
      ],
    })}\n`;
  }

  /** With its files brought to the beneficiary. */
  #lastDeposit(): string {
    const { vault } = this.storage;
    const had = readdirSync(this.desk);
    for (const name of readdirSync(vault)) if (!had.includes(name)) cpSync(join(vault, name), join(this.desk, name));
    return (
      readdirSync(this.desk)
        .findLast((name) => name.endsWith('.receipt.json'))
        ?.replace('.receipt.json', '') ?? ''
    );
  }
}
