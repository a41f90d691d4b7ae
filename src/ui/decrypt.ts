import { printable } from '../printable.js';
import { bytes, counted, labelled } from './format.js';
import { type Night, nightLines } from './night.js';
import type { Line } from './wrap.js';

type Salvaged = NonNullable<Opened['salvaged']>;

export interface Opened {
  /** Null where nobody counted. */
  entries: number | null;
  bytes: number;
  /** The new directory; null when the contents went to standard output. */
  out: string | null;
  origin: 'proven' | 'not proven';
  warnings: readonly string[];
  /** Of several that were given. */
  night?: Night;
  /** Not the whole. */
  salvaged?: {
    of: string;
    wanted: string;
    entriesOfNight: number | null;
    incomplete: number;
    withMissingBytes: number;
    maybeOutdated: number;
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

/** `withReceipt`: one was given, so all that is missing is who signed it. */
export function decryptLines(o: Opened, withReceipt: boolean): Line[] {
  return [
    ...(o.salvaged === undefined ? [] : wantedLines(o.salvaged)),
    ...(o.night === undefined ? [] : nightLines(o.night)),
    ...(o.salvaged === undefined ? [] : salvagedLines(o.salvaged)),
    labelled(
      'opened',
      `${o.entries === null ? '' : `${entriesWords(o.entries, o.salvaged)}, `}${bytes(o.bytes)}; every byte ${o.salvaged?.incomplete ? 'that is there is ' : ''}authenticated`,
    ),
    labelled('origin', originWords(o, withReceipt)),
    ...(o.out === null ? [] : [labelled('contents', printable(o.out))]),
  ];
}

/** Of an earlier state no more is known than that: it is no part of the night's number. */
function entriesWords(entries: number, salvaged: Salvaged | undefined): string {
  const all = counted(entries, 'entry', 'entries');
  if (salvaged === undefined || isWhole(salvaged) || salvaged.entriesOfNight === null) return all;
  const { entriesOfNight, maybeOutdated } = salvaged;
  const certain = entries - maybeOutdated;
  if (certain > entriesOfNight) return `${all}, where that night has ${entriesOfNight}`;
  const others = maybeOutdated === 0 ? '' : ` and ${maybeOutdated} that may be out of date`;
  return `${certain} of the ${counted(entriesOfNight, 'entry', 'entries')} of that night${others}`;
}

/** Of the night that was saved, every suitcase is there. */
function isWhole({ of, whole }: Salvaged): boolean {
  return whole.includes(of);
}

function originWords({ origin, salvaged }: Opened, withReceipt: boolean): string {
  if (origin === 'proven' && salvaged !== undefined && !isWhole(salvaged))
    return 'proven of what is here, but the night is not whole: the receipt is signed by the given signer and belongs to these suitcases';
  if (origin === 'proven') return 'proven: the receipt is signed by the given signer and belongs to this suitcase';
  if (salvaged !== undefined)
    return salvaged.entriesOfNight === null
      ? 'not proven: no receipt here agrees with what was salvaged'
      : 'not proven: the signature of the receipt was not checked; add --signer';
  return withReceipt
    ? 'not proven: the suitcase matches the receipt, but its signature was not checked; add --signer'
    : 'not proven: anyone with the public key can make a suitcase; give --receipt and --signer';
}

function wantedLines({ of, wanted }: Salvaged): Line[] {
  return of === wanted
    ? []
    : [labelled('wanted', `${printable(wanted)}, which cannot be opened; what follows is an earlier night`)];
}

function salvagedLines(salvaged: Salvaged): Line[] {
  const { withMissingBytes, maybeOutdated, missing, whole } = salvaged;
  const list = (ids: readonly string[]): string => ids.map((id) => printable(id)).join(', ');
  return [
    labelled(
      'salvaged',
      isWhole(salvaged)
        ? 'every entry of that night is complete'
        : `${counted(withMissingBytes, 'entry', 'entries')} with missing bytes, ${maybeOutdated} that may be out of date: see DEPOT/gaps.txt`,
    ),
    ...(isWhole(salvaged)
      ? []
      : [labelled('not here', 'files that are only in an unusable suitcase; their names are unknown')]),
    labelled('not usable', list(missing)),
    labelled('whole', whole.length === 0 ? 'no night' : list(whole)),
  ];
}
