/**
 * `npm run soak`: pushes of at least 64 MiB, each with a fault at a random moment, one after another in the same state
 * directory and at the same server, so that each has to settle what the one before left. Seeded: a round that fails is
 * run again with --seed and --from.
 *
 *     npm run soak -- --rounds 500 --seed 1
 *
 * After each round and at the end: every suitcase at the agent is whole, opens, equals its dataset and has its receipt
 * or its pending record; nothing else is there; the ledger verifies.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listReceipts } from '../../src/state/list.js';
import { readPending } from '../../src/state/pending.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { cleanup, cleanUp, tempDir } from '../support/cleanup.js';
import { checkout, depotScript, type JsonDocument } from '../support/cli.js';
import { peer } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';
import { arm } from './faults.js';
import { described, type Kind, type Phase, phases, type Plan, planOf } from './plan.js';

export interface SoakOptions {
  rounds: number;
  seed: number;
  /** The first round. */
  from: number;
  /** Of the dataset, and with that of each suitcase. */
  mebibytes: number;
  say: (line: string) => void;
}

export interface SoakResult {
  /** Faults that struck, by phase and kind. */
  faults: Map<Phase, Map<Kind, number>>;
  exits: Map<string, number>;
  deposits: number;
  unconfirmed: number;
}

/** Runs the rounds; throws at the first violation. */
export async function soak(o: SoakOptions): Promise<SoakResult> {
  const bench = await Bench.create(o.mebibytes);
  const faults = new Map<Phase, Map<Kind, number>>(phases.map((phase) => [phase, new Map()]));
  const exits = new Map<string, number>();
  for (let round = o.from; round < o.from + o.rounds; round++) {
    const plan = planOf(o.seed, round);
    const { exit, struck, seconds } = await bench.round(plan).catch((error: unknown) => {
      throw new Error(`round ${round} of seed ${o.seed} (${described(plan)}): ${(error as Error).message}`, {
        cause: error,
      });
    });
    exits.set(exit, (exits.get(exit) ?? 0) + 1);
    if (struck !== null) {
      const counts = faults.get(struck)!;
      counts.set(plan.kind, (counts.get(plan.kind) ?? 0) + 1);
    }
    o.say(
      `round ${round}: ${described(plan)} → ${exit}${struck === null ? ', did not strike' : struck === plan.phase ? '' : `, struck in ${struck}`} (${seconds.toFixed(1)} s)`,
    );
  }
  const { deposits, unconfirmed } = await bench.end();
  return { faults, exits, deposits, unconfirmed };
}

/** The supplier's machine and the agent's, for all rounds. */
class Bench {
  /** Verified suitcases by name: the digest of each. Their bytes are no longer kept. */
  readonly #vault = new Map<string, string>();
  readonly #base: string;
  #pid = 0;

  private constructor(
    readonly server: ScriptedServer,
    readonly supplier: Supplier,
    readonly bytes: number,
    readonly smallDisk: boolean,
  ) {
    this.#base = digestOf(readFileSync(join(supplier.data, 'data')));
  }

  static async create(mebibytes: number): Promise<Bench> {
    const server = await startScriptedServer({ fsync: true });
    const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
    const bytes = mebibytes * 1024 * 1024;
    writeFileSync(join(supplier.data, 'data'), randomBytes(bytes));
    mkdirSync(supplier.state, { mode: 0o700 });
    const mount = peer('mount');
    const smallDisk =
      mount !== undefined &&
      process.getuid?.() === 0 &&
      (await run(mount, ['-t', 'tmpfs', '-o', `size=${2 * mebibytes + 40}m,mode=0700`, 'depot-soak', supplier.state]))
        .code === 0;
    if (smallDisk) cleanup(() => run('umount', ['-l', supplier.state]));
    return new Bench(server, supplier, bytes, smallDisk);
  }

  async round(plan: Plan): Promise<{ exit: string; struck: Phase | null; seconds: number }> {
    const { server, supplier } = this;
    const started = performance.now();
    writeFileSync(join(supplier.data, 'round.txt'), String(plan.round));
    supplier.writeConfig({
      remote: { publish: plan.publish, retryFor: '2s' },
      arrangement: { compression: 'none', spool: plan.spool },
    });
    server.options.fsync = plan.loses === 0;
    if (plan.collects) server.options.collect = 'rename';
    else delete server.options.collect;
    const filler = this.smallDisk ? 'cat /dev/zero > state/filler 2> /dev/null; true' : 'kill -9 $PPID';
    const armed = arm(server, plan, { bytes: this.bytes, filler, kill: () => process.kill(this.#pid, 'SIGKILL') });
    const exit = await this.#push(armed.env);
    await armed.disarm();
    const mark = join(supplier.directory, 'struck');
    const struck = existsSync(mark) ? plan.phase : armed.struck;
    rmSync(mark, { force: true });
    rmSync(join(supplier.state, 'filler'), { force: true });
    await this.#check();
    return { exit, struck, seconds: (performance.now() - started) / 1000 };
  }

  async #push(env: NodeJS.ProcessEnv): Promise<string> {
    const preload = env['DEPOT_AT'] === undefined ? [] : ['--import', join(checkout, 'tests/support/preload-do.mjs')];
    const { code, signal, stdout, stderr } = await this.supplier.depot(['push', 'acme-crm', '--json'], {
      env,
      node: preload,
      timeoutMs: 300_000,
      started: (child) => (this.#pid = child.pid),
    });
    if (signal === 'SIGKILL') return 'killed';
    const document = JSON.parse(stdout) as JsonDocument;
    const error = document.error ?? document.results?.[0].error;
    if (code === null || code === 1) throw new Error(`a defect: exit ${code ?? signal ?? '?'}: ${stdout}\n${stderr}`);
    if ((code === 0) !== (error === undefined) || (error !== undefined && error.exit !== code))
      throw new Error(`exit ${code} does not fit ${stdout}`);
    return error === undefined ? '0' : `${code} ${error.code}, ${error.published}`;
  }

  /** What must hold after every push, however it ended. */
  async #check(): Promise<void> {
    const { server, supplier } = this;
    server.requests.length = server.payloads.length = 0;
    const state = new ArrangementState(supplier.state, 'acme-crm');
    const { records } = await readPending(state);
    const { receipts } = await listReceipts(state);
    const byName = new Map(receipts.map(({ receipt }) => [receipt.suitcase.name, receipt]));
    for (const files of [server.files, server.collected]) {
      for (const [path, bytes] of files) {
        const name = path.replace(/^.*\//, '');
        if (!name.endsWith('.pgp')) continue;
        const record = records.find((one) => one.finalName === name);
        const receipt = byName.get(name);
        if (record?.stage === 'intent' && record.publish === 'direct') continue;
        const known =
          receipt?.suitcase ??
          (record !== undefined && record.stage !== 'sidecars' ? record.draft?.suitcase : undefined);
        if (known === undefined) throw new Error(`nothing here knows of ${name}`);
        const digest = digestOf(bytes);
        if (digest !== known.sha256) throw new Error(`${name} is not whole: ${bytes.length} of ${known.bytes} bytes`);
        // What is still pending is looked at by the next push.
        if (receipt === undefined || (record !== undefined && record.stage !== 'sidecars')) continue;
        await this.#open(name, bytes, receipt);
        this.#vault.set(name, digest);
        files.delete(path);
      }
    }
    for (const { receipt } of receipts) {
      if (
        receipt.transfer.status === 'acknowledged' &&
        !this.#vault.has(receipt.suitcase.name) &&
        !records.some((one) => one.depositId === receipt.depositId)
      )
        throw new Error(`${receipt.depositId} has a receipt and is not at the agent`);
    }
  }

  /** Opens as a beneficiary would, and compares with what was deposited. */
  async #open(name: string, bytes: Buffer, receipt: Receipt): Promise<void> {
    const { supplier } = this;
    const place = tempDir('depot-soak');
    try {
      const file = join(place, name);
      writeFileSync(file, bytes);
      const receiptFile = join(supplier.state, 'acme-crm', `${receipt.depositId}.receipt.json`);
      const opened = await supplier.depot([
        'decrypt',
        file,
        '--key',
        supplier.recipientKey,
        '--receipt',
        receiptFile,
        '--signer',
        supplier.signerPublic,
        '--out',
        join(place, 'out'),
      ]);
      if (opened.code !== 0) throw new Error(`${name} does not open: ${opened.stderr}`);
      const data = join(place, 'out/data/data');
      if (
        digestOf(readFileSync(join(data, 'data'))) !== this.#base ||
        !/^\d+$/.test(readFileSync(join(data, 'round.txt'), 'utf8'))
      )
        throw new Error(`${name} is not what was deposited`);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }

  /** One push without a fault settles everything; then nothing may be left over. */
  async end(): Promise<{ deposits: number; unconfirmed: number }> {
    const { server, supplier } = this;
    supplier.writeConfig({ remote: { retryFor: '10s' }, arrangement: { compression: 'none' } });
    const exit = await this.#push({});
    if (exit !== '0') throw new Error(`the last push, without a fault: ${exit}`);
    await this.#check();
    const state = new ArrangementState(supplier.state, 'acme-crm');
    const { records, unreadable } = await readPending(state);
    if (records.length + unreadable.length > 0)
      throw new Error(`still pending: ${records.map((record) => record.depositId).join()}`);
    if (supplier.stateFiles('spool').length > 0) throw new Error('a spool is left');
    const { receipts } = await listReceipts(state);
    const unconfirmed = receipts
      .filter(({ receipt }) => receipt.transfer.status === 'unconfirmed')
      .map(({ receipt }) => receipt);
    const published = new Set(receipts.map(({ receipt }) => receipt.suitcase.name));
    for (const name of this.#vault.keys())
      if (!published.has(name)) throw new Error(`${name} is at the agent and has no receipt`);
    const left = [...server.files.keys()].filter((path) => !/\.(cover\.md|receipt\.json(\.asc)?)$/.test(path));
    if (left.length > 0) throw new Error(`left at the agent: ${left.join(', ')}`);
    await mustRun(process.execPath, [depotScript, 'receipts', 'verify', '--config', supplier.config], {
      cwd: supplier.directory,
    });
    if (readdirSync(state.directory).some((name) => name.endsWith('.tmp'))) throw new Error('temporary files are left');
    return { deposits: this.#vault.size, unconfirmed: unconfirmed.length };
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function summary({ faults, exits, deposits, unconfirmed }: SoakResult): string[] {
  return [
    ...[...faults].map(
      ([phase, kinds]) =>
        `${phase}: ${[...kinds.values()].reduce((sum, n) => sum + n, 0)} faults (${[...kinds].map(([kind, n]) => `${kind} ${n}`).join(', ')})`,
    ),
    ...[...exits].sort().map(([exit, n]) => `exit ${exit}: ${n}`),
    `${deposits} deposits at the agent, each opened and compared; ${unconfirmed} receipts say unconfirmed`,
  ];
}

if (process.argv[1]?.endsWith('soak.ts')) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      from: { type: 'string', default: '0' },
      mebibytes: { type: 'string', default: '64' },
    },
  });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`seed ${values.seed}`);
  try {
    const started = Date.now();
    const result = await soak({
      rounds: Number(values.rounds),
      seed: Number(values.seed),
      from: Number(values.from),
      mebibytes: Number(values.mebibytes),
      say,
    });
    summary(result).forEach(say);
    say(`passed: ${values.rounds} rounds in ${Math.round((Date.now() - started) / 60_000)} min`);
  } catch (error) {
    say(`failed: ${(error as Error).message}`);
    process.exitCode = 1;
  } finally {
    await cleanUp();
  }
}
