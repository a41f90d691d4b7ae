/** Nights of a chain in which something goes wrong between or during the pushes: what is drawn, and what must hold. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { numbers } from '../fuzz/mutate.js';
import { Nightly, type NightOptions, type Pushed } from '../support/nightly.js';
import { tempDir } from '../support/cleanup.js';

type Random = (below: number) => number;

/** Indexes of earlier nights, as a backup would have them. */
const kept = new WeakMap<Nightly, string[]>();

interface Fault {
  /** Before the push; what it changes about the push. */
  begin: (n: Nightly, random: Random) => unknown;
  /** After it. */
  end?: (n: Nightly) => unknown;
  /** How the push may end; default: with a deposit. */
  exits?: Pushed['code'][];
}

/** The index on which tonight may be built. */
function baseIndex(n: Nightly): string | undefined {
  const newest = n
    .acknowledged()
    .reduce<Receipt | undefined>(
      (last, receipt) => (last !== undefined && last.ledger.sequence > receipt.ledger.sequence ? last : receipt),
      undefined,
    );
  return n.indexes().find((file) => file.endsWith(`${newest?.depositId}.index`));
}

function damage(change: (index: string, random: Random) => unknown): Fault {
  return {
    begin: (n, random) => {
      const index = baseIndex(n);
      if (index !== undefined) change(index, random);
    },
  };
}

const flip = (file: string, random: Random): void => {
  const bytes = readFileSync(file);
  if (bytes.length === 0) return;
  for (let i = 0; i <= random(3); i++) bytes[random(bytes.length)] ^= 1 << random(8);
  writeFileSync(file, bytes);
};

/** While the push reads: in a shell, with all indexes that there are by then. */
function meanwhile(...commands: string[]): Fault {
  return {
    begin: (n, random) => ({
      meanwhile: `cd '${n.indexFolder}' || exit 0; for f in *.index; do ${commands[random(commands.length)].replaceAll('RANDOM', String(random(200_000)))}; done`,
    }),
  };
}

const steps = [
  'intent-written',
  'partial-created',
  'first-block-sent',
  'sealed',
  'draft-written',
  'published',
  'outcome-written',
  'receipt-filed',
  'sidecar-delivered',
  'settled',
];
const spoolSteps = [
  'first-block-spooled',
  'intent-written',
  'spool-verified',
  'partial-created',
  'draft-written',
  'published',
];

export const faults: Record<string, Fault> = {
  'nothing happens': { begin: () => undefined },
  'bits of the index flip': damage(flip),
  'the index is cut': damage((index, random) => truncateSync(index, random(readFileSync(index).length))),
  'the index is cut at the end of a frame': damage((index) => truncateSync(index, 32 + 65_552)),
  'the index is of another version': damage((index) => {
    const bytes = readFileSync(index);
    bytes.write('depot index 9', 'latin1');
    writeFileSync(index, bytes);
  }),
  'the index is gone': damage((index) => rmSync(index)),
  'a directory is where the index was': damage((index) => {
    rmSync(index);
    mkdirSync(index);
  }),
  'all indexes are gone': { begin: (n) => rmSync(n.indexFolder, { recursive: true, force: true }) },
  'the index is an older one': {
    begin: (n, random) => {
      const index = baseIndex(n);
      const older = kept.get(n) ?? [];
      if (index !== undefined && older.length > 0) cpSync(older[random(older.length)], index);
    },
  },
  'the index is damaged while the push reads': meanwhile(
    'printf "\\377\\1" | dd of="$f" bs=1 seek=RANDOM conv=notrunc 2>/dev/null',
    'head -c 70000 /dev/urandom | dd of="$f" bs=1000 seek=30 conv=notrunc 2>/dev/null',
  ),
  'the index is cut while the push reads': meanwhile(
    'truncate -s RANDOM "$f"',
    'truncate -s 0 "$f"',
    'truncate -s 65584 "$f"',
  ),
  'the index is removed while the push reads': meanwhile('rm -f "$f"', 'rm -rf ../index'),
  'the indexes cannot be written': {
    begin: (n) => {
      if (existsSync(n.indexFolder)) renameSync(n.indexFolder, `${n.indexFolder}.aside`);
      writeFileSync(n.indexFolder, '');
    },
    end: (n) => {
      rmSync(n.indexFolder, { recursive: true });
      if (existsSync(`${n.indexFolder}.aside`)) renameSync(`${n.indexFolder}.aside`, n.indexFolder);
    },
    exits: [5],
  },
  'the push is killed at a step': { begin: (_, random) => ({ at: steps[random(steps.length)] }), exits: ['killed', 0] },
  'the push is killed while it reads': { begin: () => ({ meanwhile: 'kill -9 $PPID' }), exits: ['killed'] },
  'a push with a spool is killed at a step': {
    begin: (n, random) => {
      n.configure({ arrangement: { spool: true } });
      return { at: spoolSteps[random(spoolSteps.length)] };
    },
    exits: ['killed', 0],
  },
  'a push with a spool loses the server': {
    begin: (n) => {
      n.configure({ arrangement: { spool: true }, remote: { retryFor: '1s' } });
      n.server.script = (request) => (request.type === 'write' ? { do: false, then: 'drop' } : undefined);
    },
    exits: [16],
  },
  'the last answer of the server is lost': {
    begin: (n) => {
      n.server.options.collect = 'rename';
      n.server.script = (request) => (request.type === 'rename' ? { do: true, then: 'drop' } : undefined);
    },
    end: (n) => {
      delete n.server.options.collect;
    },
    exits: [18],
  },
  'the recipient is another': {
    begin: async (n) => {
      n.recipients = [await n.newRecipient()];
      n.configure();
    },
  },
  'a recipient is added': {
    begin: async (n) => {
      n.recipients = [...n.recipients, await n.newRecipient()];
      n.configure();
    },
  },
  'the sources are others': {
    begin: (n, random) => {
      n.sources = shuffled(['crm', 'files', 'dump.sql', 'large'], random).slice(random(2));
      n.configure();
    },
  },
  'the clock is set back': { begin: (_, random) => ({ days: -1 - random(3) }) },
  'the clock is ahead': { begin: (_, random) => ({ days: 1 + random(25) }) },
  'a full deposit is asked for': { begin: () => ({ args: ['--full'] }) },
  'everything is read again': { begin: () => ({ args: ['--reread'] }) },
};

export function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((one) => [random(1 << 30), one] as const)
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}

/** Twelve nights with these faults, one a night. A run that says that it deposited has deposited what restores exactly. */
export async function play(seed: number, names: readonly string[]): Promise<void> {
  const random = numbers(seed);
  const n = await Nightly.create(seed, random);
  const older: string[] = [];
  kept.set(n, older);
  const checked = new Set<string>();
  const check = async (receipt: Receipt): Promise<void> => {
    await n.expectRestores(receipt);
    checked.add(receipt.depositId);
  };
  for (const [night, name] of ['nothing happens', ...names].entries()) {
    const fault = faults[name];
    n.configure();
    const options = ((await fault.begin(n, random)) ?? {}) as NightOptions;
    const pushed = await n.push(options);
    n.server.script = undefined;
    await fault.end?.(n);
    const story = `seed ${seed}, night ${night}: ${name}: ${JSON.stringify(pushed.error ?? pushed.code)}\n${pushed.warnings}`;
    expect(fault.exits ?? [0], story).toContain(pushed.code);
    expect(pushed.receipt === undefined, story).toBe(pushed.code !== 0);
    if (pushed.receipt !== undefined) {
      await check(pushed.receipt);
      const copy = join(tempDir('older'), 'index');
      const index = baseIndex(n);
      if (index !== undefined) older.push((cpSync(index, copy), copy));
    }
    n.change();
  }
  // What a run that was killed, or lost its server, left behind, counts as well when a later one says so.
  for (const receipt of n.acknowledged()) if (!checked.has(receipt.depositId)) await check(receipt);
}
