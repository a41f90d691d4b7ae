/** What a kit holds of the chain that the newest deposit is the last of: everything that opens it but the suitcases. */
import { receiptName, signatureName } from '../names/deposit.js';
import { restoreScript } from '../dataset/restore-script.js';
import { isInChain, type Chain } from '../receipt/chain.js';
import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState } from '../state/arrangement-state.js';
import { chainIn } from '../state/list.js';
import { letter } from '../texts/letter.js';

/** What the agent is asked for, ready to be mailed. */
export const suitcasesName = 'suitcases.txt';
export const scriptName = 'restore.sh';

export interface KitChain extends Chain {
  /** Names and contents, beside what every kit has of the newest deposit. */
  files: [name: string, bytes: Uint8Array | string | null][];
}

/** Null for a deposit that is not built on others, nor others on it. */
export async function kitChain(state: ArrangementState, newest: Receipt): Promise<KitChain | null> {
  if (!isInChain(newest)) return null;
  const chain = await chainIn(state, newest);
  const files: KitChain['files'] = [
    [suitcasesName, suitcasesText(chain)],
    [scriptName, restoreScript()],
  ];
  for (const { depositId, cover } of chain.receipts.slice(0, -1))
    for (const name of [receiptName(depositId), signatureName(depositId), cover.name])
      files.push([name, await state.readFile(name)]);
  return { ...chain, files };
}

function suitcasesText({ receipts, missing }: Chain): string {
  const newest = receipts.at(-1)!.depositId;
  const { en, nl } = letter;
  const lines = receipts.map(
    ({ suitcase: { name, bytes, sha256 } }) => `${name}\n  ${bytes} bytes\n  SHA-256 ${sha256}\n`,
  );
  const unknown =
    missing === null
      ? ''
      : `\n${missing.depositId}\n  SHA-256 ${missing.suitcaseSha256}\n  ${en.suitcasesUnknown}\n  ${nl.suitcasesUnknown}\n`;
  return `${en.suitcases(newest)}\n\n${nl.suitcases(newest)}\n\n${lines.join('\n')}${unknown}`;
}
