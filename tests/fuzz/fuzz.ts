/**
 * Feeds changed files to everything that reads other people's: `npm run fuzz -- --seconds 600 --target reader --seed 7`.
 * Each input follows from its seed alone. One that fails is saved, and its seed printed: the same `--seed` begins with it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { corpus, inputOf } from './mutate.js';
import { cleanUp, judge, type TargetName, targetNames } from './targets.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    target: { type: 'string', multiple: true },
  },
});
const unknown = (values.target ?? []).filter((name) => !targetNames.includes(name as TargetName));
if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(', ')}; there are ${targetNames.join(', ')}`);
const chosen = (values.target as TargetName[] | undefined) ?? targetNames;
const first = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
if (!Number.isSafeInteger(first) || first < 0) throw new Error(`not a seed: ${values.seed ?? ''}`);
const output = fileURLToPath(new URL('../output/fuzz/', import.meta.url));

/** Ends the process when one input takes half a minute: from within, an endless loop cannot be noticed. */
const current = new Float64Array(new SharedArrayBuffer(24));
const watch = new Worker(
  `
  const { workerData } = require('node:worker_threads');
  setInterval(() => {
    const [target, seed, began] = workerData.current;
    if (began === 0 || Date.now() - began < 30_000) return;
    require('node:fs').writeSync(2, 'no end after 30 s: --target ' + workerData.names[target] + ' --seed ' + seed + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, 1000);
`,
  { eval: true, workerData: { current, names: targetNames } },
);
watch.unref();

function save(target: TargetName, seed: number, input: Uint8Array, problem: string): void {
  mkdirSync(output, { recursive: true });
  const file = join(output, `${target}-${seed}`);
  writeFileSync(file, input);
  process.stderr.write(
    `${target}: ${problem}\n  again: npm run fuzz -- --target ${target} --seed ${seed} --seconds 1\n  input: ${file}\n`,
  );
}

let failures = 0;
try {
  for (const target of chosen) {
    const seeds = corpus(target);
    const end = Date.now() + (Number(values.seconds) * 1000) / chosen.length;
    let inputs = 0;
    for (let seed = first; inputs === 0 || Date.now() < end; seed++, inputs++) {
      const input = inputOf(seeds, seed);
      current.set([targetNames.indexOf(target), seed, Date.now()]);
      const problem = await judge(target, input);
      if (problem !== null) {
        failures++;
        save(target, seed, input, problem);
      }
    }
    current[2] = 0;
    process.stdout.write(`${target}: ${inputs} inputs from seed ${first}\n`);
  }
} finally {
  cleanUp();
  await watch.terminate();
}
process.exitCode = failures > 0 ? 1 : 0;
