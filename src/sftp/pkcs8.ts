import { createPrivateKey, type KeyObject } from 'node:crypto';

/** A PKCS #8 private key (PEM) in a form that ssh2 reads; null when it is none, or the passphrase does not open it. */
export function convertPkcs8(pem: Buffer, passphrase?: string): string | null {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    return null;
  }
  const { asymmetricKeyType: type } = key;
  if (type === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
  if (type === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  return type === 'ed25519' ? opensshEd25519(key) : null;
}

/** OpenSSH's PROTOCOL.key, version 1, without encryption: it stays in memory. */
function opensshEd25519(key: KeyObject): string {
  const { x, d } = key.export({ format: 'jwk' });
  const publicKey = Buffer.from(x!, 'base64url');
  const seed = Buffer.from(d!, 'base64url');
  const type = string('ssh-ed25519');
  // Two equal check numbers, the key, an empty comment; padded 1, 2, 3… to a multiple of 8.
  const secret = Buffer.concat([
    Buffer.alloc(8),
    type,
    string(publicKey),
    string(Buffer.concat([seed, publicKey])),
    string(''),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    count,
    string(Buffer.concat([type, string(publicKey)])),
    string(Buffer.concat([secret, padding])),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.toString('base64').replace(/.{70}/g, '$&\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
