/** What it costs to try the passphrase of a private key. A file says that itself, and could ask for days, or all memory. */
import { bcryptRounds } from './openssh-key.js';
import { argon2Of, isPutty } from './putty-key.js';

/** Each is about a minute. The usual numbers are 24 rounds, 8 MiB in some dozen passes, and 2048 iterations. */
const most = {
  /** Of bcrypt, which is JavaScript here: 25 ms each. */
  rounds: 1000,
  memoryKiB: 1 << 20,
  /** Memory times passes, at 3 s per GiB. */
  filledKiB: 1 << 24,
  iterations: 10_000_000,
  /** All numbers of scrypt, multiplied. */
  scrypt: 2 ** 30,
};

/** Why it is not tried, and the line that helps; null where it may be. `typed` is the file as in a command. */
export function tooDear(text: string, typed: string): { what: string; hint: string } | null {
  const argon2 = argon2Of(text);
  if (argon2 !== null) {
    const { memorySize, iterations } = argon2;
    // What is no number is judged by who reads the key.
    if (!(memorySize > most.memoryKiB || memorySize * iterations > most.filledKiB)) return null;
    return {
      what: `locked with Argon2 over ${memorySize} KiB in ${iterations} passes; depot accepts at most 1 GiB, and 16 GiB over all passes`,
      hint: `write it again with the usual numbers: puttygen ${typed} -O private -o NEW`,
    };
  }
  const rounds = bcryptRounds(text) ?? 0;
  if (rounds > most.rounds)
    return {
      what: `locked with ${rounds} rounds of bcrypt; depot accepts at most ${most.rounds}`,
      hint: `write it again with fewer: ssh-keygen -p -a 24 -f ${typed}`,
    };
  let [largest, product] = [1, 1];
  for (const one of pkcs8Numbers(text)) [largest, product] = [Math.max(largest, one), product * Math.max(one, 1)];
  if (largest > most.iterations || product > most.scrypt)
    return {
      what: `locked with ${largest} iterations; depot accepts at most ${most.iterations}`,
      hint: `write it again with the usual number: openssl pkcs8 -topk8 -in ${typed} -out NEW`,
    };
  return null;
}

/** The integers in the head of an encrypted PKCS #8 key (RFC 5958 section 3): those of PBES1, PBKDF2 or scrypt. */
function pkcs8Numbers(text: string): number[] {
  const [, base64 = ''] = /-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*)/.exec(isPutty(text) ? '' : text) ?? [];
  const der = Buffer.from(base64, 'base64');
  const numbers: number[] = [];
  for (let at = 0; at + 2 <= der.length; ) {
    const tag = der[at]!;
    const short = der[at + 1]!;
    const longer = short > 0x80 ? short - 0x80 : 0;
    if (longer > 6 || at + 2 + longer > der.length) break;
    const start = at + 2 + longer;
    const length = longer === 0 ? short & 0x7f : der.readUIntBE(at + 2, longer);
    if (tag === integer) {
      const value = der.subarray(start, start + length);
      numbers.push(value.length > 6 ? Infinity : value.length === 0 ? 0 : value.readUIntBE(0, value.length));
    }
    // What is made up of others is entered, and what is not is passed over.
    at = (tag & constructed) === 0 ? start + length : start;
  }
  return numbers;
}

const integer = 0x02;
const constructed = 0x20;
