import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { localError } from '../../durable-file.js';
import { parseReceiptName } from '../../names/deposit.js';
import { readBoundedFile } from '../../plain-file.js';
import { printable } from '../../printable.js';
import { type Chain, followChain } from '../../receipt/chain.js';
import { parseReceipt } from '../../receipt/parse.js';
import type { Receipt } from '../../receipt/schema.js';
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
  const { receipts, missing } = chain;
  const total = receipts.reduce((sum, { suitcase }) => sum + suitcase.bytes, 0);
  const document = {
    ok: missing === null,
    depositId: receipts.at(-1)!.depositId,
    files: receipts.map(({ depositId, suitcase }) => ({ depositId, ...suitcase })),
    bytes: total,
    missing,
  };
  if (missing === null) context.screen.result(document, lines(chain, total));
  else context.screen.failure(document, lines(chain, total));
  return missing === null ? 0 : incomplete;
}

async function fromState(o: Flags, context: Context): Promise<Chain> {
  const { state, found } = await receiptOf(o, o.chain, context);
  return chainIn(state, found.receipt);
}

async function fromDirectory(directory: string, idOrStart: string): Promise<Chain> {
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
  return followChain((await read(id))!, read);
}

function lines({ receipts, missing }: Chain, total: number): Line[] {
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
          `and those of ${missing.depositId}, SHA-256 ${missing.suitcaseSha256}, and of what it is built on: its receipt is not here`,
        ]),
  ];
}
