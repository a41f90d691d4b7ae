import { newDepositId } from '../names/deposit.js';
import { readLedgerId } from '../state/ledger.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { chooseCompression } from '../seal/compress.js';
import { forgetIndex, whyFirst } from './chain.js';
import { packable } from './databases.js';
import { readKeys, tellOfKeys } from './deposit-keys.js';
import type { DryRunSummary, PushHooks, PushOptions } from './push-types.js';
import { secretsFor } from './secret-finder.js';
import { beginSealing, runDataset } from './stages.js';

/** Reads the sources and seals to nowhere, without connecting: shows every failure that a push would have so far. */
export async function dryRun(o: PushOptions, hooks: PushHooks): Promise<DryRunSummary> {
  const startedAt = new Date();
  const clock = process.hrtime.bigint();
  const keys = await readKeys(o.config, o.arrangement, secretsFor(o), startedAt, o.shared);
  tellOfKeys(keys, hooks);
  const sources = await packable(o, hooks);
  const depositId = newDepositId(o.arrangement.name, startedAt);
  const compression = chooseCompression(o.arrangement.compression);
  const state = new ArrangementState(o.stateDirectory, o.arrangement.name);
  hooks.phase('sealing');
  // Without a ledger there is no deposit to build on, and a full one is as large whether others will follow it or not.
  const id = await readLedgerId(o.stateDirectory);
  const context = { o, keys, hooks, state, ledger: id === null ? null : { id } };
  const { sealing, progress, shrink, whyFull } = await beginSealing(
    context,
    { depositId, startedAt, compression, sources },
    null,
  );
  try {
    for await (const block of sealing.blocks) {
      progress.sealed(block.length);
      sealing.release(block);
    }
    const { bytes, dataset } = await sealing.result;
    const seconds = Number((process.hrtime.bigint() - clock) / 1_000_000n) / 1000;
    const { previous, shrunk } = runDataset(dataset, shrink);
    const { packet } = keys.encryption;
    const full = whyFull ?? dataset.chain?.whyFull ?? (id === null ? whyFirst(o) : null);
    const sealed = { sealedBytes: bytes, seconds, packet, compression, rehearsed: o.rehearse };
    return { ...dataset, full, previous, shrunk, ...sealed };
  } finally {
    progress.stop();
    await sealing.stop();
    await forgetIndex(state, depositId);
  }
}
