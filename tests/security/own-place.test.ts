import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decrypt } from '../../src/reader/decrypt.js';
import { makeKit } from '../../src/kit/kit.js';
import { writeOpener } from '../../src/kit/opener-page.js';
import { requireOwnPlace } from '../../src/permissions.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';

const nobody = 65_534;
const hooks = { warn: () => undefined, progress: () => undefined };
const passphrase = (): never => {
  throw new Error('asked for a passphrase');
};
/** renameat2 with RENAME_EXCHANGE as another account, until it is killed, or its parent is gone. */
const exchange = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = (path.encode() for path in sys.argv[1:3])
os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
parent = os.getppid()
print(flush=True)
while os.getppid() == parent: libc.renameat2(-100, a, -100, b, 2)
`;
const refusal = (why: string): unknown =>
  expect.objectContaining({ code: 'local-not-writable', message: expect.stringContaining(why) });

/** A directory in a directory of the caller's, prepared; what is to be made in it. */
function place(mode: number, uid?: number): string {
  const directory = join(tempDir(), 'shared');
  mkdirSync(directory);
  chmodSync(directory, mode);
  if (uid !== undefined) chownSync(directory, uid, uid);
  return join(directory, 'opened');
}

describe.skipIf(process.platform === 'win32')('a directory whose files others cannot replace', () => {
  test.each([0o700, 0o755, 0o1777])('may have mode %o', async (mode) => {
    await requireOwnPlace(place(mode));
  });

  test.each([0o777, 0o775, 0o2775, 0o702])('cannot have mode %o, nor lie below one that has', async (mode) => {
    const out = place(mode);
    await expect(requireOwnPlace(out)).rejects.toThrow(refusal('can be changed by other accounts'));
    mkdirSync(join(dirname(out), 'own'), { mode: 0o700 });
    await expect(requireOwnPlace(join(dirname(out), 'own/opened'))).rejects.toThrow(
      refusal('can be changed by other accounts'),
    );
  });

  // It could be made by another account, between the look and the writing: there a passphrase is asked for.
  test('must exist', async () => {
    const suitcase = join(tempDir(), 'x.tar.pgp');
    writeFileSync(suitcase, 'x');
    const out = join(tempDir(), 'none/opened');
    await expect(
      decrypt({ suitcase, key: suitcase, signers: [], out, signal: new AbortController().signal, passphrase }, hooks),
    ).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('there is no such directory'),
    });
    await expect(writeOpener(out)).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('there is no such directory'),
    });
  });

  test('is not found behind symbolic links that form a loop', async () => {
    const directory = tempDir();
    symlinkSync('b', join(directory, 'a'));
    symlinkSync('a', join(directory, 'b'));
    await expect(requireOwnPlace(join(directory, 'a/opened'))).rejects.toThrow(refusal('too many symbolic links'));
  });
});

// Two accounts: root writes where nobody may exchange what it writes to, as by renameat2 of `opened.partial` with a link.
describe.skipIf(!asRoot())('as root, below a directory owned by nobody', () => {
  test.each([0o700, 0o755, 0o1777])('mode %o is refused, also a level deeper', async (mode) => {
    const out = place(mode, nobody);
    await expect(requireOwnPlace(out)).rejects.toThrow(refusal(`belongs to another account (uid ${nobody})`));
    mkdirSync(join(dirname(out), 'roots'));
    await expect(requireOwnPlace(join(dirname(out), 'roots/opened'))).rejects.toThrow(
      refusal('belongs to another account'),
    );
  });

  test('a file owned by nobody in place of the directory is refused', async () => {
    const file = place(0o1777);
    writeFileSync(file, '');
    chownSync(file, nobody, nobody);
    await expect(requireOwnPlace(join(file, 'opened'))).rejects.toThrow(refusal('belongs to another account'));
  });

  // `python3` exchanges a directory of nobody's with a link to one of root's as fast as it can.
  test.skipIf(peer('python3') === undefined)(
    "a directory of nobody's that is a link to one of root's at every other look: refused",
    async () => {
      const shared = dirname(place(0o1777));
      chmodSync(dirname(shared), 0o711);
      for (const name of ['x', 'y']) {
        if (name === 'x') mkdirSync(join(shared, name));
        else symlinkSync('/usr', join(shared, name));
        lchownSync(join(shared, name), nobody, nobody);
      }
      const exchanging = spawn(
        peer('python3')!,
        ['-c', exchange, join(shared, 'x'), join(shared, 'y'), String(nobody)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      try {
        await once(exchanging.stdout, 'readable');
        expect(exchanging.exitCode).toBeNull();
        let passed = 0;
        // Some are refused because a link was a directory again when it was to be read.
        for (let i = 0; i < 1000; i++)
          await requireOwnPlace(join(shared, 'x/opened')).then(
            () => passed++,
            () => undefined,
          );
        expect(passed).toBe(0);
      } finally {
        exchanging.kill();
      }
    },
  );

  test("through a link of nobody's in a sticky directory is refused, through one of root's is not", async () => {
    const shared = dirname(place(0o1777));
    const own = tempDir();
    symlinkSync(own, join(shared, 'mine'));
    await requireOwnPlace(join(shared, 'mine/opened'));
    symlinkSync(own, join(shared, 'theirs'));
    lchownSync(join(shared, 'theirs'), nobody, nobody);
    await expect(requireOwnPlace(join(shared, 'theirs/opened'))).rejects.toThrow(
      refusal('is a symbolic link that belongs to another account'),
    );
  });

  test('decrypt, kit and opener create nothing there', async () => {
    const out = place(0o755, nobody);
    const suitcase = join(tempDir(), 'x.tar.pgp');
    writeFileSync(suitcase, 'x');
    const signal = new AbortController().signal;
    const refused = refusal('which could replace');
    await expect(decrypt({ suitcase, key: suitcase, signers: [], out, signal, passphrase }, hooks)).rejects.toThrow(
      refused,
    );
    await expect(writeOpener(out)).rejects.toThrow(refused);
    await expect(makeKit({ out } as Parameters<typeof makeKit>[0])).rejects.toThrow(refused);
    expect(readdirSync(dirname(out))).toEqual([]);
  });
});
