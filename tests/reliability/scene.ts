/** What the rows of docs/reliability.md are made of: a supplier, an agent's server, and a push that meets a fault. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { verifyLedger } from '../../src/state/audit.js';
import { listReceipts } from '../../src/state/list.js';
import { readPending, type PendingRecord } from '../../src/state/pending.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { pattern } from '../support/awkward.js';
import { type Canary, canary, leaks } from '../support/canaries.js';
import {
  bareEnvironment,
  checkout,
  depotScript,
  type DepotOptions,
  type JsonDocument,
  type Receipt,
} from '../support/cli.js';
import { run } from '../support/process.js';
import {
  type Action,
  type Request,
  type ScriptedOptions,
  type ScriptedServer,
  startScriptedServer,
} from '../support/scripted-server.js';
import { type Sshd, type SshdOptions, startSshd } from '../support/sshd.js';
import { isPartial, ofSidecar, ofSuitcase } from './names.js';
import { makeKey, Supplier, type SupplierOptions } from '../support/supplier.js';

export interface SceneOptions {
  /** The scripted server's options; with `sshd` a real one takes its place. */
  server?: ScriptedOptions;
  sshd?: SshdOptions;
  supplier?: SupplierOptions;
  /** Bytes of the dataset, which is not compressed. */
  bytes?: number;
}

export interface PushOptions {
  args?: string[];
  /** At this step of the push (`name`, `name:n`), or when it gets this signal … */
  at?: string;
  /** … this shell command runs, in which $PPID is the push. Default: it is killed with -9. */
  do?: string;
  /** Moves the clock of the process, in seconds, to its end or up to a step. */
  clock?: number;
  clockUntil?: string;
  /** Called once, when the push says that it keeps trying to connect. */
  whenTrying?: (scene: Scene) => unknown;
  /** Runs in the test's own process, which is quicker: for a push that meets no fault. */
  inside?: boolean;
  /** Runs the push under another program. */
  wrap?: [string, ...string[]];
  options?: DepotOptions;
}

export interface Pushed {
  exit: number | 'killed';
  code: string | undefined;
  published: string | undefined;
  message: string;
  hint: string | null;
  stderr: string;
  skipped: boolean;
  depositId: string | undefined;
  receipt: Receipt | undefined;
  run: Record<string, unknown> | undefined;
}

const preload = (name: string): string[] => ['--import', join(checkout, 'tests/support', name)];

export class Scene {
  /** Pid of the push under way. */
  pid = 0;
  readonly pushes: Pushed[] = [];
  /** Another build of depot. */
  program: string | undefined;
  /** The server changed a file itself, which no client can prevent, so contents are not checked. */
  tampered = false;
  /** The row broke the ledger, so it is not checked. */
  ledgerBroken = false;

  private constructor(
    readonly options: SceneOptions,
    readonly scripted: ScriptedServer | null,
    readonly sshd: Sshd | null,
    readonly supplier: Supplier,
    readonly canary: Canary,
  ) {}

  static async create(options: SceneOptions): Promise<Scene> {
    const sshd = options.sshd === undefined ? null : await startSshd(options.sshd);
    const scripted = sshd === null ? await startScriptedServer({ fsync: true, ...options.server }) : null;
    const supplier = await Supplier.create(sshd ?? { ...scripted!, remoteDirectory: '/in' }, {
      ...options.supplier,
      arrangement: { compression: 'none', ...options.supplier?.arrangement },
    });
    const secret = canary('the dataset');
    const bytes = options.bytes ?? 1_500_000;
    writeFileSync(
      join(supplier.data, 'data'),
      Buffer.concat([pattern(bytes >>> 1), secret.bytes, pattern(bytes >>> 1)]),
    );
    return new Scene(options, scripted, sshd, supplier, secret);
  }

  get server(): ScriptedServer {
    if (this.scripted === null) throw new Error('this scene has a real server');
    return this.scripted;
  }

  get state(): string {
    return join(this.supplier.state, 'acme-crm');
  }

  /** Runs one push to its end, whatever that is. */
  async push(o: PushOptions = {}): Promise<Pushed> {
    const node = [
      ...(o.at === undefined ? [] : preload('preload-do.mjs')),
      ...(o.clock === undefined ? [] : preload('preload-clock.mjs')),
      ...(o.options?.node ?? []),
    ];
    const env = {
      ...(o.at !== undefined && { DEPOT_AT: o.at }),
      ...(o.do !== undefined && { DEPOT_DO: o.do }),
      ...(o.clock !== undefined && { DEPOT_CLOCK_S: String(o.clock) }),
      ...(o.clockUntil !== undefined && { DEPOT_CLOCK_UNTIL: o.clockUntil }),
      ...o.options?.env,
    };
    const args = ['push', 'acme-crm', '--json', ...(o.args ?? [])];
    let tried = false;
    const heard = (stderr: string): void => {
      if (tried || !stderr.includes('trying until')) return;
      tried = true;
      o.whenTrying?.(this);
    };
    const inside =
      o.inside === true && this.program === undefined && node.length === 0 && Object.keys(env).length === 0;
    const finished = inside
      ? await this.supplier.depot(args, o.options)
      : o.wrap === undefined
        ? await this.supplier.depot(args, {
            ...(this.program === undefined ? {} : { script: this.program }),
            ...o.options,
            node,
            env,
            heard,
            started: (child) => (this.pid = child.pid),
          })
        : await run(
            o.wrap[0],
            [...o.wrap.slice(1), process.execPath, ...node, depotScript, ...args, '--config', this.supplier.config],
            { cwd: this.supplier.directory, env: bareEnvironment(env) },
          );
    const result = this.#read(finished.stdout, finished.stderr);
    const pushed: Pushed = {
      exit: finished.signal === 'SIGKILL' ? 'killed' : (finished.code ?? -1),
      code: result.error?.code,
      published: result.error?.published ?? (result.deposit === undefined ? undefined : 'yes'),
      message: result.error?.message ?? '',
      hint: result.error?.hint ?? null,
      stderr: finished.stderr,
      skipped: result.skipped !== undefined,
      depositId: result.deposit?.depositId ?? result.error?.depositId ?? undefined,
      receipt: result.deposit?.receipt,
      run: result.deposit?.run,
    };
    this.pushes.push(pushed);
    return pushed;
  }

  #read(
    stdout: string,
    stderr: string,
  ): NonNullable<JsonDocument['results']>[number] | { error?: never; deposit?: never; skipped?: never } {
    if (stdout === '') return {};
    const document = JSON.parse(stdout) as JsonDocument;
    const result = document.results?.[0] ?? (document.error && { arrangement: '', ok: false, error: document.error });
    if (result === undefined) throw new Error(`neither a result nor an error:\n${stdout}\n${stderr}`);
    return result;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    process.kill(this.pid, signal);
  }

  /** Sets how the server treats requests: the first rule that returns an action wins. */
  script(...rules: ((request: Request) => Action | undefined)[]): void {
    this.server.script = (request) => {
      for (const rule of rules) {
        const action = rule(request);
        if (action !== undefined) return action;
      }
      return undefined;
    };
  }

  /** Lets the server behave again. */
  async calm(): Promise<void> {
    if (this.scripted === null) return;
    this.scripted.script = undefined;
    delete this.scripted.options.quota;
    delete this.scripted.options.freeBytes;
    if (this.stopped) {
      this.stopped = false;
      await this.scripted.start();
    }
  }

  stopped = false;
  /** Stops the server, whatever it is doing. */
  vanish(): void {
    this.stopped = true;
    void this.server.stop();
  }

  /** Everything that the agent has, including what it collected and no longer shows. */
  files(): Map<string, Buffer> {
    const all = new Map<string, Buffer>();
    if (this.scripted !== null) {
      for (const map of [this.scripted.files, this.scripted.collected])
        for (const [path, bytes] of map) all.set(path.replace(/^.*\//, ''), bytes);
    } else {
      for (const folder of [this.sshd!.incoming, this.sshd!.collected])
        for (const name of readdirSync(folder)) all.set(name, readFileSync(join(folder, name)));
    }
    return all;
  }

  /** In a few words: `nothing`, `partial`, `deposit` (a suitcase with its three sidecars), `suitcase + 1 sidecar`, … */
  atAgent(): string {
    const names = [...this.files().keys()];
    const words = names.flatMap((name) => {
      if (isPartial(name)) return ['partial'];
      if (/^\..*\.partial$/.test(name)) return ['sidecar partial'];
      const suitcase = /^(.*)\.tar\.pgp$/.exec(name);
      if (suitcase === null) return /\.(cover\.md|receipt\.json(\.asc)?)$/.test(name) ? [] : ['a foreign file'];
      const beside = names.filter((other) => other.startsWith(`${suitcase[1]}.`) && other !== name).length;
      return [
        beside === 3 ? 'deposit' : beside === 0 ? 'suitcase' : `suitcase + ${beside} sidecar${beside === 1 ? '' : 's'}`,
      ];
    });
    const counted = [...new Set(words)].sort().map((word) => {
      const n = words.filter((w) => w === word).length;
      return n === 1 ? word : `${n} × ${word}`;
    });
    return counted.length === 0 ? 'nothing' : counted.join(', ');
  }

  /** Replaces the supplier's signing key. */
  async newSigner(): Promise<void> {
    const { publicKey, secretKey } = await makeKey(
      join(this.supplier.directory, 'keys/second'),
      'Acme SaaS B.V.',
      'compat',
    );
    renameSync(publicKey, this.supplier.signer.publicKey);
    renameSync(secretKey, this.supplier.signer.secretKey);
  }

  receipts(): Receipt[] {
    return this.supplier
      .stateFiles()
      .filter((name) => /\.receipt\.json$/.test(name))
      .map((name) => JSON.parse(readFileSync(join(this.state, name), 'utf8')) as Receipt);
  }

  async pending(): Promise<PendingRecord[]> {
    return (await readPending(new ArrangementState(this.supplier.state, 'acme-crm'))).records;
  }

  /** A path in the state directory of the arrangement. */
  stateFile(name: string): string {
    return join(this.state, name);
  }

  /**
   * Laws 3 and 8 of docs/architecture.md, and 1 as far as one canary shows it: every suitcase under its name is whole and known here, every receipt
   * that says acknowledged has its suitcase, the ledger holds together, and no plaintext reached the server.
   */
  async checkLaws(): Promise<void> {
    const state = new ArrangementState(this.supplier.state, 'acme-crm');
    const { receipts, unreadable } = existsSync(this.state)
      ? await listReceipts(state)
      : { receipts: [], unreadable: [] };
    expect(unreadable).toEqual([]);
    const pending = existsSync(this.state) ? await this.pending() : [];
    const known = new Map<string, { bytes: number; sha256: string }>();
    for (const record of pending) {
      if (record.stage !== 'sidecars' && record.draft !== undefined) known.set(record.finalName, record.draft.suitcase);
    }
    for (const { receipt } of receipts) known.set(receipt.suitcase.name, receipt.suitcase);
    const files = this.files();
    if (!this.tampered) {
      for (const [name, bytes] of files) {
        if (!name.endsWith('.pgp')) continue;
        const direct = pending.some(
          (record) => record.finalName === name && record.publish === 'direct' && record.stage === 'intent',
        );
        if (direct) continue;
        expect([...known.keys()], 'law 8: a suitcase that the supplier knows nothing of').toContain(name);
        expect(createHash('sha256').update(bytes).digest('hex'), `law 3: ${name} is not whole`).toBe(
          known.get(name)!.sha256,
        );
      }
      for (const { receipt } of receipts)
        if (receipt.transfer.status === 'acknowledged')
          expect([...files.keys()], 'a receipt without a suitcase').toContain(receipt.suitcase.name);
    }
    const audit = await verifyLedger(state);
    if (!this.ledgerBroken)
      expect(
        audit.problems.filter((p) => p.kind !== 'unlisted' || !pending.some((r) => r.depositId === p.depositId)),
      ).toEqual([]);
    const payloads: [string, Buffer][] =
      this.scripted === null ? [...files] : this.scripted.payloads.map(({ path, data }) => [path, data]);
    expect(leaks(payloads, [this.canary]), 'law 1').toEqual([]);
  }
}

export { isPartial, ofSidecar, ofSuitcase };

/** A rule: the n-th request (from 1) for which `wanted` is true gets `action`. */
export function nth(
  n: number,
  wanted: (r: Request) => boolean,
  action: Action | ((r: Request) => Action | undefined),
): (r: Request) => Action | undefined {
  let seen = 0;
  return (r) => (wanted(r) && ++seen === n ? (typeof action === 'function' ? action(r) : action) : undefined);
}

/** A rule: every request for which `wanted` is true gets `action`. */
export function each(
  wanted: (r: Request) => boolean,
  action: Action | ((r: Request) => Action | undefined),
): (r: Request) => Action | undefined {
  return (r) => (wanted(r) ? (typeof action === 'function' ? action(r) : action) : undefined);
}

export const writes = (r: Request): boolean => r.type === 'write' && ofSuitcase(r);
export const denied: Action = { status: 3 };
export const looks = (r: Request): boolean => r.type === 'stat' || r.type === 'lstat' || r.type === 'fstat';

/** Does something at the n-th write of the suitcase. */
export const whenWriting =
  (n: number, act: (scene: Scene) => void) =>
  (scene: Scene): void => {
    scene.script(
      nth(n, writes, () => {
        act(scene);
        return undefined;
      }),
    );
  };
