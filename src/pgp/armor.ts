/** ASCII armour (RFC 9580 section 6.2). */
import * as openpgp from 'openpgp';
import { DepotError } from '../errors.js';
import { said } from '../printable.js';
import { fromBase64 } from '../base64.js';
import { encodingOf, looseTextOf } from '../text-file.js';

const beginning = '-----BEGIN PGP ';

const nothing = 'no OpenPGP data in it';

function nothingIn(bytes: Uint8Array): string {
  if (encodingOf(bytes) !== 'utf-8')
    return `${nothing}: it is UTF-16, as the > of Windows PowerShell writes it, which destroys binary data; export it again as text, with the program's own option for the output (gpg --armor --output FILE …)`;
  return bytes[0] === 0xef && bytes[1] === 0xbf
    ? `${nothing}: it was binary data, and was destroyed when a program saved it as text`
    : nothing;
}

/**
 * The content of the only armoured block. Throws what `refuse` makes when there is none, one of another type, or more
 * than one: the others, a revocation for instance, would silently go unread.
 */
export async function dearmor(
  bytes: Uint8Array | string,
  expected: openpgp.enums.armor[],
  refuse: (what: string, cause?: unknown) => DepotError,
): Promise<Uint8Array> {
  // A letter around the block may be in any encoding.
  const text = typeof bytes === 'string' ? bytes : looseTextOf(bytes);
  const blocks = text.split(beginning).length - 1;
  if (blocks === 0) throw refuse(typeof bytes === 'string' ? nothing : nothingIn(bytes));
  if (blocks > 1) throw refuse(`${blocks} armoured blocks in it, where one was expected`);
  try {
    // Declared with a stream in it; for a string it is an array.
    const { data, type } = (await openpgp.unarmor(unquoted(text))) as unknown as {
      data: Uint8Array;
      type: openpgp.enums.armor;
    };
    if (!expected.includes(type)) throw refuse('an armoured block of another kind');
    return data;
  } catch (cause) {
    if (cause instanceof DepotError) throw cause;
    throw refuse(`its armour is damaged (${said(cause)})`, cause);
  }
}

/**
 * The content of a text that is one armoured signature and nothing else, as programs write it; null for any other, which may be one
 * all the same. The checksum is not looked at (RFC 9580 section 6.1).
 */
export function plainSignatureArmor(text: string): Uint8Array | null {
  const body =
    /^-----BEGIN PGP SIGNATURE-----\n\n([A-Za-z0-9+/\n]+={0,2})\n(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP SIGNATURE-----\n*$/.exec(
      text,
    )?.[1];
  return body === undefined ? null : fromBase64(body.replaceAll('\n', ''));
}

/** From the block on, without what mail programs and editors add: indentation, `> `, blanks and CR at line ends. */
function unquoted(text: string): string {
  return text
    .slice(text.indexOf(beginning))
    .split(/\r\n?|\n/)
    .map((line) => line.replace(/^[ \t>]+/, '').trimEnd())
    .join('\n');
}
