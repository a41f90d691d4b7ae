import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { localError } from '../../durable-file.js';
import { parseReceiptName } from '../../names/deposit.js';
import { readBoundedFile } from '../../plain-file.js';
import { printable } from '../../printable.js';
import { type Chain, followChain } from '../../receipt/chain.js';
import { parseReceipt } from '../../receipt/parse.js';
import type { Receipt } from '../../receipt/schema.js';
import { destroyedDeposits } from '../../state/ledger.js';
import { chainIn } from '../../state/list.js';
import { bytes, counted, table } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import type { ReceiptsListFlags } from './options.js';
import { receiptOf } from './states.js';

type Flags = ReceiptsListFlags & { chain: string };

const incomplete = 24;

/** The files that a release must contain for one deposit to open: ready to be mailed to the agent. */
export async function listChain(o: Flags, context: Context): Promise<number> {
  const chain = o.receipts === undefined ? await fromState(o, context) : await fromDirectory(o.receipts, o.chain);
  const { receipts, missing, destroyed } = chain;
  const ok = missing === null && destroyed.size === 0;
  const total = receipts.reduce((sum, { suitcase }) => sum + suitcase.bytes, 0);
  const document = {
    ok,
    depositId: receipts.at(-1)!.depositId,
    files: receipts.map(({ depositId, suitcase }) => ({ depositId, ...suitcase })),
    bytes: total,
    missing,
    destroyed: Object.fromEntries(destroyed),
  };
  if (ok) context.screen.result(document, lines(chain, total));
  else context.screen.failure(document, lines(chain, total));
  return ok ? 0 : incomplete;
}

/** `destroyed`: those of the chain that the agent has destroyed, and when. */
type Asked = Chain & { destroyed: ReadonlyMap<string, string> };

async function fromState(o: Flags, context: Context): Promise<Asked> {
  const { state, found } = await receiptOf(o, o.chain, context);
  const chain = await chainIn(state, found.receipt);
  const destroyed = await destroyedDeposits(state);
  const inChain = new Set(chain.receipts.map(({ depositId }) => depositId));
  return { ...chain, destroyed: new Map([...destroyed].filter(([id]) => inChain.has(id))) };
}

/** Receipts alone say nothing of what was destroyed. */
async function fromDirectory(directory: string, idOrStart: string): Promise<Asked> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw localError(error, 'read', directory);
  });
  const byId = new Map(
    names.flatMap((name) => {
      const parts = parseReceiptName(name);
      return parts?.superseded === null ? [[parts.depositId, name] as const] : [];
    }),
  );
  const read = async (id: string): Promise<Receipt | null> => {
    const name = byId.get(id);
    if (name === undefined) return null;
    const file = path.join(directory, name);
    return parseReceipt(await readBoundedFile(file), file);
  };
  const meant = byId.has(idOrStart) ? [idOrStart] : [...byId.keys()].filter((id) => id.startsWith(idOrStart));
  const [id] = meant;
  if (id === undefined || meant.length > 1)
    throw usage(
      `${id === undefined ? 'no receipt of' : 'more than one receipt begins with'} ${JSON.stringify(idOrStart)} in ${printable(directory)}`,
      'name the deposit as its receipt does: --chain ID',
    );
  return { ...(await followChain((await read(id))!, read)), destroyed: new Map() };
}

function lines({ receipts, missing, destroyed }: Asked, total: number): Line[] {
  const newest = receipts.at(-1)!.depositId;
  return [
    `To open ${newest}, ${receipts.length === 1 && missing === null ? 'this file is' : 'all of these files are'} needed:`,
    '',
    ...table([
      ['FILE', 'BYTES', 'SHA-256'],
      ...receipts.map(({ suitcase }) => [suitcase.name, String(suitcase.bytes), suitcase.sha256]),
    ]),
    '',
    ...(missing === null
      ? [`${counted(receipts.length, 'file')}, ${bytes(total)}`]
      : [
          `Also ${missing.depositId}, SHA-256 ${missing.suitcaseSha256}, and any deposit that it is built on. Its receipt is not here, so this list ends there.`,
        ]),
    ...[...destroyed].map(([id, day]) =>
      id === newest ? `${id} was destroyed on ${day}` : `${id} was destroyed on ${day}, so ${newest} no longer opens`,
    ),
  ];
}
