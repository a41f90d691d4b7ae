import { looseTextOf } from '../text-file.js';

/** Which of the dropped files is what: by its content first, a name is only a name. */
export type Kind = 'suitcase' | 'receipt' | 'signature' | 'signers' | 'key';

const PEEK = 4096;

export async function kindOf(file: File): Promise<Kind | null> {
  const octets = new Uint8Array(
    await file
      .slice(0, PEEK)
      .arrayBuffer()
      .catch(() => new ArrayBuffer(0)),
  );
  const text = looseTextOf(octets).trimStart();
  if (text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----')) return 'key';
  if (text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) return 'signers';
  if (text.includes('-----BEGIN PGP SIGNATURE-----')) return 'signature';
  if (text.startsWith('{') && text.includes('depot.receipt/')) return 'receipt';
  return byPacket(octets[0] ?? 0) ?? (/\.(?:pgp|gpg)$/i.test(file.name) ? 'suitcase' : null);
}

/** The type of the first OpenPGP packet (RFC 9580, section 4.2). */
function byPacket(first: number): Kind | null {
  if ((first & 0x80) === 0) return null;
  const type = (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
  const kinds: Record<number, Kind> = {
    1: 'suitcase',
    2: 'signature',
    3: 'suitcase',
    5: 'key',
    6: 'signers',
    18: 'suitcase',
  };
  return kinds[type] ?? null;
}
