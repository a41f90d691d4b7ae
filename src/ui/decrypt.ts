import { receiptName } from '../names/deposit.js';
import { printable } from '../printable.js';
import { bytes, counted, labelled } from './format.js';
import type { Line } from './wrap.js';

export interface Opened {
  /** Null where nobody counted. */
  entries: number | null;
  bytes: number;
  /** The new directory; null when the contents went to standard output. */
  out: string | null;
  origin: 'proven' | 'not proven';
  warnings: readonly string[];
  /** Of several that were given. */
  night?: { depositId: string; number: number; leftAside: readonly string[] };
  /** Not the whole. */
  salvaged?: {
    of: string;
    wanted: string;
    incomplete: number;
    missing: readonly string[];
    whole: readonly string[];
  };
}

/** What `decrypt --json` prints. */
export function decryptDocument(o: Opened): object {
  const { night, salvaged } = o;
  return {
    ok: salvaged === undefined,
    ...(salvaged !== undefined && { salvaged }),
    ...(night !== undefined && { depositId: night.depositId, number: night.number, leftAside: night.leftAside }),
    entries: o.entries,
    bytes: o.bytes,
    out: o.out,
    origin: o.origin,
    warnings: o.warnings,
  };
}

/** `receipt`: one of this deposit was given; `signer`: a key that must have signed it. */
export function decryptLines(o: Opened, given: { receipt: boolean; signer: boolean }): Line[] {
  return [
    ...(o.night === undefined ? [] : nightLines(o.night)),
    ...(o.salvaged === undefined ? [] : salvagedLines(o.salvaged)),
    labelled(
      'opened',
      `${o.entries === null ? '' : `${counted(o.entries, 'entry', 'entries')}, `}${bytes(o.bytes)}; every byte authenticated`,
    ),
    labelled('origin', originWords(o, given)),
    ...(o.out === null ? [] : [labelled('contents', printable(o.out))]),
  ];
}

function originWords(
  { origin, night, salvaged }: Opened,
  { receipt, signer }: { receipt: boolean; signer: boolean },
): string {
  if (origin === 'proven') return 'proven: the receipt is signed by the given signer and belongs to this suitcase';
  if (salvaged !== undefined) return 'not proven: what is not whole cannot be compared with its receipt';
  if (receipt) return 'not proven: the suitcase matches the receipt, but its signature was not checked; add --signer';
  return night !== undefined && signer
    ? `not proven: there is no receipt of this deposit here; put ${printable(receiptName(night.depositId))} and its .asc beside it`
    : 'not proven: anyone with the public key can make a suitcase; give --receipt and --signer';
}

function nightLines({ depositId, number, leftAside }: NonNullable<Opened['night']>): Line[] {
  const of =
    number === 0
      ? 'a full deposit'
      : `increment ${number}, with the ${number === 1 ? 'suitcase' : counted(number, 'suitcase')} before it`;
  return [
    labelled('night', `${printable(depositId)}: ${of}`),
    ...(leftAside.length === 0 ? [] : [labelled('not opened', leftAside.map((one) => printable(one)).join(', '))]),
  ];
}

function salvagedLines({ of, wanted, incomplete, missing, whole }: NonNullable<Opened['salvaged']>): Line[] {
  const list = (ids: readonly string[]): string => ids.map((id) => printable(id)).join(', ');
  return [
    labelled(
      'incomplete',
      `${counted(incomplete, 'entry is', 'entries are')} not whole, or perhaps not: DEPOT/gaps.txt`,
    ),
    ...(of === wanted ? [] : [labelled('night', `of ${printable(of)}, as ${printable(wanted)} itself is missing`)]),
    labelled('missing', list(missing)),
    labelled('whole', whole.length === 0 ? 'no night' : list(whole)),
  ];
}
