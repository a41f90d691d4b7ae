import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AccessLists, Seen } from '../../src/windows/access-lists.js';
import {
  exposureByList,
  lookAhead,
  requireOwnPlaceByList,
  requireOwnRecordsByList,
  requireTrustedByList,
} from '../../src/windows/checks.js';
import { unchecked } from '../../src/windows/unchecked.js';
import { parseSddl } from '../../src/windows/sddl.js';
import { cleanup, tempDir } from '../support/cleanup.js';

const anna = 'S-1-5-21-1-2-3-1001';
const open = 'O:BAD:(A;;FA;;;BA)(A;ID;0x1301bf;;;AU)';
const closed = `O:${anna}D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;${anna})`;
/** As below C:\\ProgramData: whoever logs on may add files, and not exchange those of others. */
const adding = 'O:BAD:(A;;FA;;;SY)(A;;FA;;;BA)(A;CIID;DCLCRPCR;;;BU)(A;OICIID;0x1200a9;;;BU)';

/** Windows as it would answer for directories of this machine; `closed` where nothing is said. */
function listsOf(said: Partial<Record<string, string>>, asked: string[][] = []): AccessLists {
  return {
    self: async () => anna,
    of: async (paths) => {
      asked.push([...paths]);
      return new Map(
        paths.map((one): [string, Seen] => [
          one,
          said[one] === undefined ? parseSddl(closed)! : (parseSddl(said[one]) ?? { unknown: said[one] }),
        ]),
      );
    },
  };
}

function made(): { directory: string; file: string } {
  const directory = path.join(tempDir(), 'depot');
  mkdirSync(directory);
  const file = path.join(directory, 'depot.yaml');
  writeFileSync(file, 'version: 1\n');
  return { directory, file };
}

describe('a configuration', () => {
  test('is trusted where this account and administrators alone can change it and all that is above; asked for in one call', async () => {
    const { file } = made();
    const asked: string[][] = [];
    await requireTrustedByList(file, listsOf({}, asked));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain(file);
    expect(asked[0]).toContain(path.parse(file).root);
  });

  test('is refused if others can change it, with a line that ends that', async () => {
    const { file } = made();
    await expect(requireTrustedByList(file, listsOf({ [file]: open }))).rejects.toMatchObject({
      code: 'config-insecure',
      message: `${file} can be changed by other accounts (Authenticated Users), which could use it to run commands as this one`,
      hint: `if nobody else should use it: «icacls "${file}" /inheritance:r /remove:g "*S-1-5-11" /grant:r "*${anna}:F" "*S-1-5-18:F" "*S-1-5-32-544:F"»`.replace(
        `"${file}"`,
        /[^A-Za-z0-9_.:=+\\/-]/.test(file) ? `"${file}"` : file,
      ),
    });
  });

  test('of another account is refused: this is what any user may put into C:\\ProgramData\\depot', async () => {
    const { file } = made();
    const planted = `O:S-1-5-21-1-2-3-1002D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;S-1-5-21-1-2-3-1002)(A;ID;0x1200a9;;;BU)`;
    await expect(requireTrustedByList(file, listsOf({ [file]: planted }))).rejects.toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining('belongs to another account (S-1-5-21-1-2-3-1002)') as string,
      hint: expect.stringContaining(`/setowner "*${anna}"`) as string,
    });
  });

  test('is refused in a directory where others may add files, or that others may rename, and nowhere else above it', async () => {
    const { directory, file } = made();
    const above = path.dirname(directory);
    await expect(requireTrustedByList(file, listsOf({ [directory]: adding }))).rejects.toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining(
        `${directory} can be changed by other accounts (Users), which could replace`,
      ) as string,
      hint: expect.stringContaining('"*S-1-5-18:(OI)(CI)F"') as string,
    });
    await expect(requireTrustedByList(file, listsOf({ [above]: adding }))).resolves.toBeUndefined();
    await expect(requireTrustedByList(file, listsOf({ [above]: open }))).rejects.toMatchObject({
      code: 'config-insecure',
      hint: expect.stringContaining('move the configuration') as string,
    });
  });

  test('is refused if its list cannot be read or is not understood', async () => {
    const { file } = made();
    for (const said of ['Windows does not show its access list (PermissionDenied)', 'D:(A;;??;;;WD)'])
      await expect(requireTrustedByList(file, listsOf({ [file]: said }))).rejects.toMatchObject({
        code: 'config-insecure',
        message: expect.stringContaining('cannot be checked') as string,
        hint: expect.stringContaining('icacls') as string,
      });
  });

  test.skipIf(process.platform === 'win32')(
    'is refused behind a link in a directory where others may make links',
    async () => {
      const { file } = made();
      const links = tempDir();
      const link = path.join(links, 'depot.yaml');
      symlinkSync(file, link);
      await expect(requireTrustedByList(link, listsOf({}))).resolves.toBeUndefined();
      await expect(requireTrustedByList(link, listsOf({ [links]: adding }))).rejects.toMatchObject({
        code: 'config-insecure',
      });
    },
  );

  test.skipIf(process.platform === 'win32')(
    'is refused behind a link that others may lead elsewhere: its own, or one on the way',
    async () => {
      const { directory, file } = made();
      const own = path.join(tempDir(), 'depot.yaml');
      symlinkSync(file, own);
      const above = path.join(tempDir(), 'configuration');
      symlinkSync(directory, above);
      for (const [named, link] of [
        [own, own],
        [path.join(above, 'depot.yaml'), above],
      ] as const) {
        await expect(requireTrustedByList(named, listsOf({}))).resolves.toBeUndefined();
        for (const list of [open, `O:${anna}D:(A;;FA;;;SY)(A;;0x100;;;BU)`, 'O:S-1-5-21-1-2-3-1002D:(A;;FA;;;SY)'])
          await expect(requireTrustedByList(named, listsOf({ [link]: list }))).rejects.toMatchObject({
            code: 'config-insecure',
            message: expect.stringContaining(`${link} `) as string,
          });
      }
    },
  );

  test('passes where Windows has nothing to ask', async () => {
    const { file } = made();
    const none: AccessLists = { self: async () => anna, of: async () => null };
    await expect(requireTrustedByList(file, none)).resolves.toBeUndefined();
  });
});

test('records are refused where others may add or change some; one that is not there is not asked for', async () => {
  const { directory } = made();
  for (const list of [open, adding])
    await expect(requireOwnRecordsByList(directory, listsOf({ [directory]: list }))).rejects.toMatchObject({
      code: 'state-insecure',
      hint: expect.stringContaining('--state') as string,
    });
  await expect(requireOwnRecordsByList(directory, listsOf({}))).resolves.toBeUndefined();
  const asked: string[][] = [];
  await requireOwnRecordsByList(path.join(directory, 'none'), listsOf({}, asked));
  expect(asked).toEqual([]);
});

test.skipIf(process.platform === 'win32')(
  'records are refused where others may exchange a directory above, or lead a link on the way elsewhere',
  async () => {
    const { directory } = made();
    const link = path.join(tempDir(), 'state');
    symlinkSync(directory, link);
    await expect(requireOwnRecordsByList(link, listsOf({}))).resolves.toBeUndefined();
    for (const [named, weak] of [
      [directory, path.dirname(directory)],
      [link, link],
      [link, path.dirname(directory)],
      [link, path.dirname(link)],
    ] as const)
      await expect(requireOwnRecordsByList(named, listsOf({ [weak]: open }))).rejects.toMatchObject({
        code: 'state-insecure',
        message: expect.stringContaining(`${weak} can be changed by other accounts`) as string,
        // Not a line that closes what others may need.
        hint: 'choose a directory that this account owns, with --state',
      });
    await expect(
      requireOwnRecordsByList(directory, listsOf({ [path.dirname(directory)]: adding })),
    ).resolves.toBeUndefined();
  },
);

test('what a run needs is asked for ahead with all that lies above, in one call', () => {
  const asked: string[][] = [];
  const [one, two] = [path.resolve('/srv/depot/state'), path.resolve('/srv/key')];
  lookAhead([one, two], listsOf({}, asked));
  expect(asked).toEqual([[one, path.dirname(one), path.dirname(two), path.parse(one).root, two]]);
});

test('a secret is refused if others may read it, if nobody may write', async () => {
  const { file } = made();
  const readable = 'O:BAD:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)';
  const found = await exposureByList(file, 'secret', listsOf({ [file]: readable }));
  expect(found?.what).toBe('can be read or changed by other accounts (Users)');
  expect(found?.remedy(file)).toContain('/remove:g "*S-1-5-32-545"');
  expect(await exposureByList(file, 'secret', listsOf({}))).toBeUndefined();
});

describe('a place for what is decrypted', () => {
  test('may be where others can add, for it is made with a list of its own; not where they can exchange it', async () => {
    const { directory } = made();
    const out = path.join(directory, 'out');
    await expect(requireOwnPlaceByList(out, 'directory', listsOf({ [directory]: adding }))).resolves.toBeUndefined();
    await expect(requireOwnPlaceByList(out, 'file', listsOf({ [directory]: adding }))).rejects.toMatchObject({
      code: 'local-not-writable',
    });
    await expect(requireOwnPlaceByList(out, 'directory', listsOf({ [directory]: open }))).rejects.toMatchObject({
      code: 'local-not-writable',
      hint: 'choose a place that only this account can write to, such as one below %USERPROFILE%',
    });
  });

  test('may be on a drive without access lists, which is said', async () => {
    const { directory } = made();
    const told: string[] = [];
    const { tell } = unchecked;
    cleanup(() => (unchecked.tell = tell));
    unchecked.tell = (message) => told.push(message);
    await requireOwnPlaceByList(
      path.join(directory, 'out'),
      'directory',
      listsOf({ [directory]: 'O:WDD:NO_ACCESS_CONTROL' }),
    );
    expect(told).toEqual([
      `${directory} has no access lists: every account on this machine can read and change ${path.join(directory, 'out')}`,
    ]);
    // A list of nobody's in another account's directory is that account's doing.
    await expect(
      requireOwnPlaceByList(
        path.join(directory, 'out'),
        'directory',
        listsOf({ [directory]: 'O:S-1-5-21-1-2-3-1002D:NO_ACCESS_CONTROL' }),
      ),
    ).rejects.toMatchObject({ code: 'local-not-writable' });
  });
});
