import { newDepositId } from '../names/deposit.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { chooseCompression } from '../seal/compress.js';
import { startSealing } from '../seal/sealing.js';
import { datasetOf, runDataset, shrinkRule } from './dataset.js';
import { makeEnvelope } from './receipt-draft.js';
import { readKeys, tellOfKeys } from './deposit-keys.js';
import { rehearsed } from './rehearse.js';
import type { DryRunSummary, PushHooks, PushOptions } from './push-types.js';
import { secretsFor } from './secret-finder.js';
import { octetsOf } from './space.js';

/** Runs the sources and seals to nowhere: every failure that a push would have before its upload shows here. Connects to nothing. */
export async function dryRun(o: PushOptions, hooks: PushHooks): Promise<DryRunSummary> {
  const startedAt = new Date();
  const clock = process.hrtime.bigint();
  const keys = await readKeys(o.config, o.arrangement, secretsFor(o), startedAt, o.shared);
  tellOfKeys(keys, hooks);
  const depositId = newDepositId(o.arrangement.name, startedAt);
  const compression = chooseCompression(o.arrangement.compression);
  const { sessionKey, pkesk } = await makeEnvelope(depositId, keys);
  const shrink = await shrinkRule(o, new ArrangementState(o.stateDirectory, o.arrangement.name));
  hooks.phase('sealing');
  const seen: Parameters<PushHooks['progress']>[0] = {
    entries: 0,
    datasetBytes: 0,
    sealedBytes: 0,
    acknowledgedBytes: 0,
  };
  if (o.measure === true)
    void octetsOf(o.arrangement.dataset).then((octets) => {
      if (octets !== null) seen.totalBytes = octets;
    });
  const started = startSealing(
    { dataset: datasetOf(o, depositId, shrink), compression, pkesk, sessionKey, encryption: keys.encryption },
    {
      signal: o.signal,
      warn: hooks.warn,
      progress: ({ entries, bytes }) => hooks.progress(Object.assign(seen, { entries, datasetBytes: bytes })),
    },
  );
  const sealing = o.rehearse ? rehearsed(started, { sessionKey, pkesk, compression }) : started;
  sessionKey.fill(0);
  try {
    for await (const block of sealing.blocks) {
      seen.sealedBytes += block.length;
      hooks.progress(seen);
      sealing.release(block);
    }
    const { bytes, dataset } = await sealing.result;
    const seconds = Number((process.hrtime.bigint() - clock) / 1_000_000n) / 1000;
    const { previous, shrunk } = runDataset(dataset, shrink);
    return {
      ...dataset,
      previous,
      shrunk,
      sealedBytes: bytes,
      seconds,
      packet: keys.encryption.packet,
      compression,
      rehearsed: o.rehearse,
    };
  } finally {
    await sealing.stop();
  }
}
