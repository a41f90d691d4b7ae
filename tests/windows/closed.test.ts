/** Directories and files that are never open to others, not for a moment; and everything of depot that makes some. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { openDirectory } from '../../src/commands/open-directory.js';
import { copyKey } from '../../src/commands/key/add.js';
import { writeKeyPair } from '../../src/commands/key/write.js';
import { makeOwnDirectory } from '../../src/durable-file.js';
import { PartialDirectory } from '../../src/reader/partial-directory.js';
import { writePrivateFile } from '../../src/secrets/private-file.js';
import { type AccessLists, accessLists } from '../../src/windows/access-lists.js';
import { makeClosedDirectory, writePrivately } from '../../src/windows/closed.js';
import { parseSddl } from '../../src/windows/sddl.js';
import { unchecked } from '../../src/windows/unchecked.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { windows } from './stand-ins.js';

vi.mock(import('../../src/windows/access-lists.js'), async (original) => ({
  ...(await original()),
  accessLists: vi.fn<() => AccessLists | null>(() => null),
}));

const anna = 'S-1-5-21-1-2-3-1001';
/** As `C:\ProgramData`, where whoever logs on may read, and add to, what is made. */
const shared = 'O:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)';
const profile = `O:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${anna})`;

/** Windows as it would answer for directories of this machine; as in a profile where nothing is said. */
function listsFor(said: Record<string, string>): AccessLists {
  return {
    self: async () => anna,
    of: async (paths) => new Map(paths.map((one) => [one, parseSddl(said[one] ?? profile)!])),
  };
}

/** Makes it as Windows does, and notes what was in the directory before, and the list. */
const making = (place: string, log: string): string =>
  `ls -A ${place} >> ${log}; printf '%s\\n' "$DEPOT_LIST" >> ${log}; mkdir "$DEPOT_PATH"; printf '#made\\r\\n'`;

describe.skipIf(process.platform === 'win32')('a directory', () => {
  test('is made with its list, under a name that nobody knows, where others may use what is new', async () => {
    const place = tempDir();
    const log = path.join(tempDir(), 'log');
    const { env, calls } = windows({ powershell: making(place, log), icacls: 'exit 0' });
    await makeClosedDirectory(path.join(place, 'out'), { lists: listsFor({ [place]: shared }), env });
    expect(readFileSync(log, 'utf8')).toBe(
      `D:P(A;OICI;FA;;;${anna})(A;OICI;FA;;;S-1-5-18)(A;OICI;FA;;;S-1-5-32-544)\n`,
    );
    expect(readdirSync(place)).toEqual(['out']);
    expect(calls('icacls')).toEqual([]);
  });

  test('is made and closed where nobody else may', async () => {
    const place = tempDir();
    const { env, calls } = windows({ icacls: 'exit 0' });
    await makeClosedDirectory(path.join(place, 'out'), { lists: listsFor({ [place]: profile }), env });
    expect(calls('icacls')[0]).toBe(path.join(place, 'out'));
  });

  test('is not made where Windows does not make it, with a place that will do', async () => {
    const place = tempDir();
    for (const powershell of ['echo "Cannot create type." >&2; exit 1', 'exit 0']) {
      const { env } = windows({ powershell, icacls: 'exit 0' });
      await expect(
        makeClosedDirectory(path.join(place, 'out'), { lists: listsFor({ [place]: shared }), env }),
      ).rejects.toMatchObject({
        code: 'local-not-writable',
        message: expect.stringContaining(`could not close ${path.join(place, 'out')} to them: `) as string,
        hint: expect.stringContaining('%USERPROFILE%') as string,
      });
    }
    expect(readdirSync(place)).toEqual([]);
  });

  test('is never one that is there, also if it appears meanwhile', async () => {
    const place = tempDir();
    const out = path.join(place, 'out');
    const { env, calls } = windows({ powershell: `mkdir "$DEPOT_PATH"; mkdir -p ${out}/theirs`, icacls: 'exit 0' });
    const lists = listsFor({ [place]: shared });
    await expect(makeClosedDirectory(out, { lists, env })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readdirSync(place)).toEqual(['out']);
    await expect(makeClosedDirectory(out, { lists, env })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(calls('powershell').filter((word) => word === '-NoProfile')).toHaveLength(1);
    expect(calls('icacls')).toEqual([]);
  });

  test('is not left where it cannot be closed', async () => {
    const place = tempDir();
    const { env } = windows({ icacls: 'exit 5' });
    await expect(makeClosedDirectory(path.join(place, 'out'), { lists: listsFor({}), env })).rejects.toMatchObject({
      code: 'local-not-writable',
    });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('a secret', () => {
  test('is not written where others may exchange what lies above', async () => {
    const place = tempDir();
    const { env } = windows({ icacls: 'exit 0' });
    const lists = listsFor({ [place]: 'O:BAD:(A;ID;FA;;;BA)(A;ID;0x1301bf;;;AU)' });
    await expect(writePrivately(path.join(place, 'key'), 'secret', 'new', lists, env)).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining(`${place} can be changed by other accounts (Authenticated Users)`) as string,
    });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')(
  'what makes directories for secrets and records closes the first of them',
  () => {
    let place: string;
    let calls: ReturnType<typeof windows>['calls'];
    beforeEach(() => {
      place = tempDir();
      const stand = windows({ icacls: 'exit 0' });
      calls = stand.calls;
      vi.stubEnv('SystemRoot', stand.env.SystemRoot);
      vi.mocked(accessLists).mockReturnValue(listsFor({}));
      return () => {
        vi.unstubAllEnvs();
        vi.mocked(accessLists).mockReturnValue(null);
      };
    });
    const closed = (): string[] => calls('icacls').filter((word) => word.startsWith(place));

    test('the state directory, also if several above it are made', async () => {
      await makeOwnDirectory(path.join(place, 'a/b/state'));
      expect(statSync(path.join(place, 'a/b/state')).isDirectory()).toBe(true);
      expect(closed()).toEqual([path.join(place, 'a')]);
      await makeOwnDirectory(path.join(place, 'a/b'));
      expect(closed()).toHaveLength(1);
    });

    test('a directory that cannot be closed is an error, and not taken for one that was there', async () => {
      vi.stubEnv('SystemRoot', windows({ icacls: 'exit 5' }).env.SystemRoot);
      await expect(makeOwnDirectory(path.join(place, 'a/state'))).rejects.toMatchObject({ code: 'local-not-writable' });
      expect(readdirSync(place)).toEqual([]);
    });

    test('depot init', async () => {
      await openDirectory(path.join(place, 'config/keys'));
      expect(closed()).toEqual([path.join(place, 'config')]);
    });

    test('depot key generate', async () => {
      await writeKeyPair({
        ...{ kind: 'signer', profile: 'compat', name: 'Acme', email: 'a@acme.example' },
        prefix: path.join(place, 'mine/keys/acme'),
      });
      expect(closed()[0]).toBe(path.join(place, 'mine'));
    });

    test('depot key add', async () => {
      const { publicKey, fingerprint } = await writeKeyPair({
        ...{ kind: 'arrangement', profile: 'compat', name: 'Gemeente', email: 'a@gemeente.example' },
        prefix: path.join(tempDir(), 'theirs'),
      });
      await copyKey(publicKey, fingerprint, 'acme-crm', path.join(place, 'config'));
      expect(closed()).toEqual([path.join(place, 'config')]);
    });

    test('depot login', async () => {
      await writePrivateFile(path.join(place, 'config/secrets/password'), 'secret\n');
      expect(closed()[0]).toBe(path.join(place, 'config'));
    });

    test('decrypt and kit, of which those on a drive without lists are said to be open', async () => {
      const partial = await PartialDirectory.make(path.join(place, 'out'));
      expect(closed()).toEqual([partial.path]);
      const told: string[] = [];
      const { tell } = unchecked;
      cleanup(() => (unchecked.tell = tell));
      unchecked.tell = (message) => told.push(message);
      vi.stubEnv('SystemRoot', windows({ icacls: 'exit 5' }).env.SystemRoot);
      await PartialDirectory.make(path.join(place, 'other'));
      expect(told).toEqual([expect.stringContaining('could not close') as string]);
      await expect(PartialDirectory.make(path.join(place, 'other'))).rejects.toMatchObject({ code: 'output-exists' });
    });

    test('decrypt straight below a drive, where what is new is open to all', async () => {
      vi.mocked(accessLists).mockReturnValue(listsFor({ [place]: shared }));
      const log = path.join(tempDir(), 'log');
      const { env } = windows({ powershell: making(place, log) });
      vi.stubEnv('SystemRoot', env.SystemRoot);
      const partial = await PartialDirectory.make(path.join(place, 'out'));
      expect(existsSync(partial.path)).toBe(true);
      expect(readFileSync(log, 'utf8')).toMatch(/^D:P[^\n]*\n$/);
    });
  },
);
