/** Both sides of an arrangement with `incremental:`, night after night: a supplier whose data changes, and a beneficiary who must get each night exactly. */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { pattern } from './awkward.js';
import { tempDir } from './cleanup.js';
import { checkout, type DepotOptions, json } from './cli.js';
import { depotHere } from './in-process.js';
import type { Finished } from './process.js';
import { RandomTree } from './random-tree.js';
import { type ScriptedServer, startScriptedServer } from './scripted-server.js';
import { freshPath, type KeyFiles, makeKey, Supplier, type SupplierOptions } from './supplier.js';
import { restorable, type TreeEntry } from './tree.js';

const DAY_S = 86_400;
/** The first night is some days ahead of the keys, so that the clock can be set back. */
const FIRST_DAY = 5;
/** Files are so old then that their times are trusted. */
const AHEAD_S = 60;

export interface Pushed {
  code: number | 'killed';
  /** Of the deposit that the run reports. */
  receipt: Receipt | undefined;
  error: { code: string; message: string; hint: string } | undefined;
  warnings: string;
}

export interface NightOptions {
  /** Flags of `push`. */
  args?: string[];
  /** Days to add to the clock of the push. */
  days?: number;
  /** At this step of the push a shell command is run; default: it is killed. */
  at?: string;
  do?: string;
  /** What the source's `prepare:` does, in the middle of the reading; $PPID is the push. */
  meanwhile?: string;
  options?: DepotOptions;
}

/** What a deposit must give. */
interface Night {
  /** The data as they were. */
  copy: string;
  /** Which of them were deposited. */
  sources: readonly string[];
  /** A private key that opens it. */
  key: string;
}

export class Nightly {
  readonly tree: RandomTree;
  readonly #nights = new Map<string, Night>();
  readonly #large: string;
  #night = 0;
  /** The sources of tonight, in their order. */
  sources: readonly string[] = ['crm', 'files', 'dump.sql', 'large'];
  /** For whom tonight is sealed. */
  recipients: readonly KeyFiles[];

  private constructor(
    readonly supplier: Supplier,
    readonly server: ScriptedServer,
    readonly random: (below: number) => number,
    seed: number,
    large: number,
    readonly today: boolean,
  ) {
    this.recipients = [supplier.recipient];
    this.tree = new RandomTree(supplier.data, seed);
    this.#large = join(supplier.data, 'large');
    writeFileSync(this.#large, pattern(large, seed));
  }

  /** `large`: bytes of the file that is divided into blocks. `today`: all nights are now, and pushes run in this process. */
  static async create(
    seed: number,
    random: (below: number) => number,
    { large = 1_100_000, today = false, ...options }: SupplierOptions & { large?: number; today?: boolean } = {},
  ): Promise<Nightly> {
    const server = await startScriptedServer();
    const supplier = await Supplier.create(
      { ...server, remoteDirectory: '/in' },
      {
        ownProcess: !today,
        ...options,
        arrangement: { incremental: { agentKeeps: '90d' }, ...options.arrangement },
      },
    );
    const nightly = new Nightly(supplier, server, random, seed, large, today);
    nightly.configure();
    return nightly;
  }

  /** Writes depot.yaml anew: `sources` and `recipients` as they are, and what is given on top for this night. */
  configure({ arrangement, ...changes }: SupplierOptions = {}): void {
    const prepare = ['sh', 'meanwhile.sh'];
    const known: Record<string, Record<string, unknown>> = {
      crm: { directory: 'data/crm', allowEmpty: true, prepare },
      files: { directory: 'data/files', allowEmpty: true, prepare },
      'dump.sql': { command: ['cat', 'data/dump.sql'], as: 'dump.sql', allowEmpty: true, prepare },
      large: { file: 'data/large' },
    };
    this.supplier.writeConfig({
      dataset: this.sources.map((name) => known[name]),
      beneficiaries: this.recipients.map(({ publicKey, fingerprint }) => ({
        key: readFileSync(publicKey, 'utf8'),
        fingerprint,
      })),
      arrangement: { ...this.supplier.options.arrangement, ...arrangement },
      ...changes,
    });
  }

  async newRecipient(): Promise<KeyFiles> {
    return makeKey(join(tempDir('recipient'), 'key'), 'Another', 'compat');
  }

  /** A day passes: the data change. */
  change(): void {
    this.tree.change();
    const content = readFileSync(this.#large);
    for (let i = 0; i < 5; i++) content[this.random(content.length)] ^= 1;
    const at = this.random(content.length);
    const parts = [content.subarray(at, at + this.random(5000)), content, pattern(this.random(3000), this.#night)];
    writeFileSync(this.#large, this.random(3) === 0 ? Buffer.concat(parts.reverse()).subarray(0, 1_400_000) : content);
    this.#night++;
  }

  /** The clock of a push, in seconds ahead. */
  clock(days = 0): number {
    return (FIRST_DAY + this.#night + days) * DAY_S + AHEAD_S;
  }

  async push({ args = [], days = 0, at, do: act, meanwhile = ':', options }: NightOptions = {}): Promise<Pushed> {
    writeFileSync(join(this.supplier.directory, 'meanwhile.sh'), `${meanwhile}\n`);
    const copy = tempDir('copy');
    execFileSync('cp', ['-a', `${this.supplier.data}/.`, copy]);
    const preload = (name: string): string[] => ['--import', join(checkout, 'tests/support', name)];
    const finished = await this.supplier.depot(
      ['push', '--json', ...args],
      this.today
        ? {}
        : {
            ...options,
            node: [...preload('preload-clock.mjs'), ...(at === undefined ? [] : preload('preload-do.mjs'))],
            env: {
              DEPOT_CLOCK_S: String(this.clock(days)),
              ...(at !== undefined && { DEPOT_AT: at }),
              ...(act !== undefined && { DEPOT_DO: act }),
              ...options?.env,
            },
          },
    );
    for (const id of this.begun())
      if (!this.#nights.has(id))
        this.#nights.set(id, { copy, sources: this.sources, key: this.recipients[0].secretKey });
    if (finished.signal === 'SIGKILL')
      return { code: 'killed', receipt: undefined, error: undefined, warnings: finished.stderr };
    const document = json(finished);
    const result = document.results?.[0];
    return {
      code: finished.code!,
      receipt: result?.deposit?.receipt as Receipt | undefined,
      error: result?.error ?? document.error,
      warnings: finished.stderr,
    };
  }

  /** Ids of all deposits that the state directory knows, done or under way. */
  begun(): string[] {
    return [...this.supplier.stateFiles('pending'), ...this.supplier.stateFiles()].flatMap((name) => {
      const found = /^(acme-crm_\d{8}T\d{6}Z_[0-9a-f]{16})\.(receipt\.)?json$/.exec(name);
      return found === null ? [] : [found[1]];
    });
  }

  /** Receipts that say `acknowledged`. */
  acknowledged(): Receipt[] {
    return this.supplier
      .stateFiles()
      .filter((name) => /^[^.]*\.receipt\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(this.supplier.state, 'acme-crm', name), 'utf8')) as Receipt)
      .filter(({ transfer }) => transfer.status === 'acknowledged');
  }

  /** What the agent holds under this name. */
  held(name: string): Buffer {
    const bytes = this.server.files.get(`/in/${name}`) ?? this.server.collected.get(`/in/${name}`);
    if (bytes === undefined) throw new Error(`the agent does not hold ${name}`);
    return bytes;
  }

  /** The files that `receipts list --chain` says a deposit needs. */
  async needed(depositId: string): Promise<string[]> {
    const listed = await depotHere([
      'receipts',
      'list',
      '--chain',
      depositId,
      '--config',
      this.supplier.config,
      '--json',
    ]);
    expect(listed.code, listed.stdout + listed.stderr).toBe(0);
    return (json(listed) as unknown as { files: { name: string }[] }).files.map(({ name }) => name);
  }

  /** What the agent hands over: these files and no others, in a directory of their own. */
  release(names: readonly string[], directory = tempDir('released')): string {
    for (const name of names) writeFileSync(join(directory, name), this.held(name));
    return directory;
  }

  decrypt(
    directory: string,
    out: string,
    args: readonly string[] = [],
    key = this.recipients[0].secretKey,
  ): Promise<Finished> {
    return depotHere(['decrypt', directory, '--key', key, '--out', out, '--json', ...args]);
  }

  /** Only what is listed is released, and it gives the dataset of that night, no more and no less. */
  async expectRestores({ depositId }: Pick<Receipt, 'depositId'>): Promise<void> {
    const out = freshPath();
    const { key } = this.#nightOf(depositId);
    const opened = await this.decrypt(this.release(await this.needed(depositId)), out, [], key);
    expect(opened.code, `${depositId}: ${opened.stdout}${opened.stderr}`).toBe(0);
    expect(json(opened)).toMatchObject({ depositId, leftAside: [] });
    await this.expectNight(depositId, out);
  }

  async expectNight(depositId: string, out: string): Promise<void> {
    const restored = join(out, 'data');
    const { copy, sources: names } = this.#nightOf(depositId);
    expect(readdirSync(restored).sort(), depositId).toEqual([...names].sort());
    for (const name of names.filter((one) => one === 'crm' || one === 'files'))
      expect(await treeAt(join(restored, name)), `${depositId}: ${name}`).toEqual(await treeAt(join(copy, name)));
    for (const name of names.filter((one) => one === 'dump.sql' || one === 'large'))
      expect(digest(join(restored, name)), `${depositId}: ${name}`).toBe(digest(join(copy, name)));
  }

  /** The data as they were when a deposit was made. */
  copyOf(depositId: string): string {
    return this.#nightOf(depositId).copy;
  }

  #nightOf(depositId: string): Night {
    const night = this.#nights.get(depositId);
    if (night === undefined) throw new Error(`no copy of the night of ${depositId}`);
    return night;
  }

  get indexFolder(): string {
    return join(this.supplier.state, 'acme-crm/index');
  }

  /** Paths of all indexes that there are, the oldest first. */
  indexes(): string[] {
    return this.supplier
      .stateFiles('index')
      .filter((name) => name.endsWith('.index'))
      .map((name) => join(this.indexFolder, name));
  }
}

/** Hard links as far as both names are in this tree: the other may be in a source that was not deposited. */
async function treeAt(directory: string): Promise<Map<string, TreeEntry>> {
  const tree = await restorable(directory);
  const first = [...tree].flatMap(([path, { linkedWith }]) =>
    linkedWith === undefined || linkedWith === path ? [] : [linkedWith],
  );
  for (const [path, entry] of tree) if (entry.linkedWith === path && !first.includes(path)) delete entry.linkedWith;
  return tree;
}

function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
