import { expect, test } from 'vitest';
import { readStatedKey } from '../../src/pgp/stated.js';

const armour = (inside: string): Buffer =>
  Buffer.from(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n${inside}\n-----END PGP PUBLIC KEY BLOCK-----\n`);

/** Five times the size that once took three minutes: anything but linear time runs into the timeout. */
test.each([
  ['blank lines', '\n'.repeat(2_000_000)],
  ['blank lines of Windows', '\r\n'.repeat(1_000_000)],
  ['headers without end', 'Comment: x\n'.repeat(200_000)],
  ['one line', 'A'.repeat(2_000_000)],
  ['checksums', '\n=AAAA'.repeat(300_000)],
  ['equals signs', `\n${'='.repeat(2_000_000)}`],
  ['beginnings', '-----BEGIN PGP '.repeat(150_000)],
  ['spaces', ' '.repeat(2_000_000)],
])('a large key file of %s is read in linear time', (_, inside) => {
  expect(readStatedKey(armour(inside), 'encrypt')).toBeNull();
});
