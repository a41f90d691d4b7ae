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
}

/** What `decrypt --json` prints. */
export function decryptDocument(o: Opened): object {
  return { ok: true, entries: o.entries, bytes: o.bytes, out: o.out, origin: o.origin, warnings: o.warnings };
}

/** `withReceipt`: one was given, so all that is missing is who signed it. */
export function decryptLines(o: Opened, withReceipt: boolean): Line[] {
  return [
    labelled(
      'opened',
      `${o.entries === null ? '' : `${counted(o.entries, 'entry', 'entries')}, `}${bytes(o.bytes)}; every byte authenticated`,
    ),
    labelled(
      'origin',
      o.origin === 'proven'
        ? 'proven: the receipt is signed by the given signer and belongs to this suitcase'
        : withReceipt
          ? 'not proven: the suitcase matches the receipt, but its signature was not checked; add --signer'
          : 'not proven: anyone with the public key can make a suitcase; give --receipt and --signer',
    ),
    ...(o.out === null ? [] : [labelled('contents', printable(o.out))]),
  ];
}
