/** The tests of laws 7 and 11 of docs/architecture.md can fail: programs that break these laws do what those tests do not accept. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { depotTar } from '../support/depot-tar.js';
import { Receiver } from '../support/hostile-suitcase.js';

const contents = depotTar([{ path: 'data/file', body: 'contents' }]).tar;

describe('control:', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await Receiver.create();
  });

  test('the tests catch a program that keeps unauthenticated output (law 7)', async () => {
    const suitcase = await receiver.seal(contents);
    const changed = join(tempDir(), 'suitcase.pgp');
    suitcase.bytes[suitcase.bytes.length - 1] ^= 1;
    writeFileSync(changed, suitcase.bytes);
    const honest = receiver.out();
    expect((await receiver.decrypt({ file: changed }, honest)).code).toBe(21);
    expect(existsSync(honest)).toBe(false);

    const script = await alteredDepot({
      'reader/decrypt.ts': (source) =>
        source.replace('await removeOrSay(partial, opening.hooks);', 'await partial.putInPlace();'),
    });
    const out = receiver.out();
    expect((await receiver.decrypt({ file: changed }, out, [], { script })).code).toBe(21);
    expect(existsSync(out)).toBe(true);
  });

  test('the tests catch a program that reports an unchecked item as passed (law 11)', async () => {
    const suitcase = await receiver.seal(contents);
    const args = ['--receipt', suitcase.receiptFile, '--json'];
    const honest = await receiver.verify(suitcase, args);
    expect(honest.code).toBe(24);
    expect(resultOf('receipt-signature', honest)).toBe('not possible');

    const script = await alteredDepot({
      'reader/checks.ts': (source) =>
        source.replace("result: 'not possible',", "result: 'passed',").replace('this.#incomplete = true;', ''),
    });
    const lying = await receiver.verify(suitcase, args, { script });
    expect(lying.code).toBe(0);
    expect(resultOf('receipt-signature', lying)).toBe('passed');
  });
});

function resultOf(name: string, finished: Parameters<typeof json>[0]): string | undefined {
  return json(finished).checks?.find((check) => check.name === name)?.result;
}
