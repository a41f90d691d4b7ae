import { fromText, toBytes, toText, type ByteString } from '../bytestring.js';

/** What Windows takes for a device, whatever extension follows. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?=$|[ .])/i;

/**
 * One component of a path as this platform can hold it, with what it cannot hold as `%` and two hex digits. On Windows
 * these are the characters that NTFS and Win32 keep for themselves (also `:`, which would open a stream of another file,
 * and `\`, which would be a separator), a dot or space at the end, and device names; on Windows and macOS
 * names that are not UTF-8. Elsewhere names are bytes and stay as they are.
 */
export function localName(name: ByteString, platform: NodeJS.Platform): ByteString {
  if (platform !== 'win32' && platform !== 'darwin') return name;
  const text = toText(name);
  if (text === null) {
    const ascii = Array.from(toBytes(name), (octet) =>
      octet < 0x80 && octet !== 0x25 ? String.fromCharCode(octet) : escaped(octet),
    ).join('');
    return localName(ascii as ByteString, platform);
  }
  if (platform === 'darwin') return name;
  const legal = text
    .replace(/[\u0000-\u001f<>:"|?*\\/]/g, (character) => escaped(character.charCodeAt(0)))
    .replace(/[. ]$/, (character) => escaped(character.charCodeAt(0)))
    .replace(DEVICE, (device) => escaped(device.charCodeAt(0)) + device.slice(1));
  return legal === text ? name : fromText(legal);
}

function escaped(octet: number): string {
  return `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}
