/** The bytes of canonical base64 (RFC 4648 section 4, with padding), or null. */
export function fromBase64(base64: string): Uint8Array<ArrayBuffer> | null {
  // Bits after the last byte must be zero, or two texts would mean the same bytes.
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*(?:[AQgw]==|[AEIMQUYcgkosw048]=)?$/.test(base64)) return null;
  const binary = atob(base64);
  const decoded = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) decoded[i] = binary.charCodeAt(i);
  return decoded;
}

/** The reverse of `fromBase64`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}
