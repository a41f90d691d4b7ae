/** Whether the account that pushes can read what earlier runs left: one of root leaves files that it cannot. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { nameOf, obstacle } from '../accounts.js';
import type { Config } from '../config/types.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { typedWord } from '../shell.js';
import { stateOwner } from './account.js';

/** The first record that is closed to the account, or null. */
export async function closedRecord(
  state: ArrangementState,
  config: Config,
): Promise<{ detail: string; hint: string } | null> {
  const pusher = await stateOwner(config);
  if (pusher === undefined || pusher.uid === 0) return null;
  for (const folder of ['', 'pending']) {
    for (const name of await state.names(folder)) {
      const file = state.file(path.join(folder, name));
      if ((await obstacle(pusher, file, 'read')) === null) continue;
      const owner = await stat(file).then(
        ({ uid }) => nameOf(uid) ?? `uid ${uid}`,
        () => 'another account',
      );
      return {
        detail: `${file} belongs to ${owner}, and account ${pusher.name}, which pushes, cannot read it`,
        hint: `«chown -R ${pusher.name}: ${typedWord(state.directory)}»`,
      };
    }
  }
  return null;
}
