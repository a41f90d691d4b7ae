import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeNewSecret } from '../../src/durable-file.js';
import { type AccessLists, WindowsAccessLists } from '../../src/windows/access-lists.js';
import { unchecked } from '../../src/windows/unchecked.js';
import { writePrivately } from '../../src/windows/closed.js';
import { closeToOthers, grants } from '../../src/windows/private.js';
import { systemProgram } from '../../src/windows/programs.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { windows } from './stand-ins.js';

const anna = 'S-1-5-21-1-2-3-1001';

const whoami = `printf '"vm\\\\anna","${anna}"\\r\\n'`;
/** Answers as Get-Acl does: a list for each path, and a refusal for one that is not there. */
const powershell = `i=0; IFS='|'; for p in $DEPOT_PATHS; do
  if [ -e "$p" ]; then printf '#%s O:BAG:SYD:PAI(A;;FA;;;BA)\\r\\n' $i; else printf '#%s !ObjectNotFound\\r\\n' $i; fi; i=$((i+1)); done; printf '#end\\r\\n'`;

const lists: AccessLists = { self: async () => anna, of: async () => null };

test('programs are those of Windows itself, whatever PATH and the working directory offer', () => {
  expect(systemProgram('icacls', { SystemRoot: '/win', PATH: '/evil' })).toBe('/win/System32/icacls.exe');
  expect(systemProgram('powershell', { windir: '/win' })).toBe('/win/System32/WindowsPowerShell/v1.0/powershell.exe');
  expect(systemProgram('whoami', { SystemRoot: 'evil' })).not.toContain('evil');
});

describe.skipIf(process.platform === 'win32')('asking for access lists', () => {
  test('takes one call for all paths, and none for what is known', async () => {
    const { env, calls } = windows({ powershell, whoami });
    const directory = tempDir();
    const asked = new WindowsAccessLists(env);
    expect((await asked.of([directory, '/']))?.get(directory)).toMatchObject({ owner: 'BA' });
    await asked.of(['/', directory]);
    expect(calls('powershell').filter((word) => word === '-NoProfile')).toHaveLength(1);
    expect(await asked.self()).toBe(anna);
  });

  test('hands over names that a script or a code page would take for something else', async () => {
    const { env } = windows({ powershell });
    const names = ["a b'$(id)`x", 'ä€𝄞', '%TEMP%;"&'].map((name) => path.join(tempDir(), name));
    for (const name of names) writeFileSync(name, '');
    const found = await new WindowsAccessLists(env).of(names);
    for (const name of names) expect(found?.get(name)).toMatchObject({ owner: 'BA' });
  });

  test('asks for what was not there again, when it is', async () => {
    const { env } = windows({ powershell });
    const file = path.join(tempDir(), 'later');
    const asked = new WindowsAccessLists(env);
    expect((await asked.of([file]))?.get(file)).toHaveProperty('unknown');
    writeFileSync(file, '');
    expect((await asked.of([file]))?.get(file)).toMatchObject({ owner: 'BA' });
  });

  test('answers several questions at once, about what is not there too', async () => {
    const { env } = windows({ powershell });
    const [here, gone] = [tempDir(), path.join(tempDir(), 'gone')];
    const asked = new WindowsAccessLists(env);
    const all = await Promise.all([
      asked.of([gone, here]),
      asked.of([here, gone]),
      asked.of([gone]),
      asked.of([here, gone]),
    ]);
    for (const found of all) expect(found?.get(gone) ?? found?.get(here)).toHaveProperty('unknown');
  });

  test('reads answers whose long lines were broken', async () => {
    const { env } = windows({ powershell: `printf '#0 O:BAG:SYD:PAI(A;;FA;\\r\\n;;BA)\\r\\n#end\\r\\n'` });
    expect((await new WindowsAccessLists(env).of(['/']))?.get('/')).toMatchObject({ owner: 'BA' });
  });

  test.each([
    ['exits with an error', 'echo "boom" >&2; exit 1'],
    ['stops half way', `printf '#0 O:BAG:SYD:PAI(A;;FA;;;BA)\\r\\n'`],
    ['answers for fewer', `printf '#1 O:BA\\r\\n#end\\r\\n'`],
    ['says something else', 'echo hello'],
    ['says nothing', 'exit 0'],
  ])('refuses if PowerShell %s', async (_, body) => {
    const { env } = windows({ powershell: body });
    await expect(new WindowsAccessLists(env).of(['/', '/tmp'])).rejects.toMatchObject({
      code: 'config-insecure',
      message: expect.stringContaining('could not find out who may read and change') as string,
      hint: expect.stringContaining('Get-Acl') as string,
    });
  });

  test('refuses if PowerShell is there and cannot be started', async () => {
    const { env } = windows({ powershell });
    chmodSync(systemProgram('powershell', env), 0o644);
    await expect(new WindowsAccessLists(env).of(['/'])).rejects.toMatchObject({ code: 'config-insecure' });
  });

  test('says once that nothing was checked if there is no PowerShell, or that of Wine, which does nothing', async () => {
    for (const scripts of [{}, { powershell: 'exit 0' }]) {
      const { env } = windows(scripts);
      if ('powershell' in scripts) writeFileSync(path.join(env['SystemRoot']!, 'System32', 'winecfg.exe'), '');
      const told: string[] = [];
      const { tell } = unchecked;
      cleanup(() => (unchecked.tell = tell));
      unchecked.tell = (message) => told.push(message);
      const asked = new WindowsAccessLists(env);
      expect(await asked.of(['/'])).toBeNull();
      expect(await asked.of(['/tmp', '/'])).toBeNull();
      expect(told).toEqual([expect.stringContaining('depot did not check who else may') as string]);
    }
  });

  test('does not judge a name that Windows would shorten: PowerShell would look at another file', async () => {
    const { env, calls } = windows({ powershell });
    for (const name of ['/depot./depot.yaml', '/depot /depot.yaml', 'C:\\depot\\depot.yaml.', 'C:\\depot.\\x'])
      expect((await new WindowsAccessLists(env).of([name]))?.get(name)).toHaveProperty('unknown');
    expect(calls('powershell')).toEqual([]);
  });

  test('asks for long paths without their prefix', async () => {
    const seen = path.join(tempDir(), 'paths');
    const { env } = windows({ powershell: `printf '%s' "$DEPOT_PATHS" > ${seen}\n${powershell}` });
    await new WindowsAccessLists(env).of(['\\\\?\\C:\\x', '\\\\?\\UNC\\nas\\share\\x', '\\\\nas\\share', '/.config/x']);
    expect(readFileSync(seen, 'utf8')).toBe('C:\\x|\\\\nas\\share\\x|\\\\nas\\share|/.config/x');
  });

  test('splits what is too long for one variable', async () => {
    const { env, calls } = windows({ powershell });
    const names = Array.from({ length: 30 }, (_, i) => `/${String(i).padStart(2000, 'x')}`);
    expect((await new WindowsAccessLists(env).of(names))?.size).toBe(30);
    expect(calls('powershell').filter((word) => word === '-NoProfile')).toHaveLength(3);
  });

  test.each([
    [`printf '"ACME\\\\svc, \\"x\\"","S-1-5-21-9-8-7-1234"\\r\\n'`, 'S-1-5-21-9-8-7-1234'],
    [`printf '"nt-autorit\\204t\\\\lokaler dienst","S-1-5-19"\\r\\n'`, 'S-1-5-19'],
    [`printf 'vm\\\\anna\\r\\n'`, 'vm\\anna'],
  ])('knows its own account by number: %s', async (body, expected) => {
    const { env } = windows({ whoami: body });
    expect(await new WindowsAccessLists(env).self()).toBe(expected);
  });

  test('refuses if whoami says nothing of use', async () => {
    for (const body of ['exit 1', 'echo', 'echo anna']) {
      const { env } = windows({ whoami: body });
      await expect(new WindowsAccessLists(env).self()).rejects.toMatchObject({ code: 'config-insecure' });
    }
  });
});

describe.skipIf(process.platform === 'win32')('closing to others', () => {
  test('grants by number, never by name', () => {
    expect(grants(anna, 'file')).toEqual([`*${anna}:F`, '*S-1-5-18:F', '*S-1-5-32-544:F']);
    expect(grants('S-1-5-18', 'directory')).toEqual(['*S-1-5-18:(OI)(CI)F', '*S-1-5-32-544:(OI)(CI)F']);
    expect(grants('vm\\anna', 'file')[0]).toBe('vm\\anna:F');
  });

  test('comes before the contents: whenever icacls runs, nothing secret is there', async () => {
    const directory = tempDir();
    const secret = 'canary-3141592653';
    const seen = path.join(tempDir(), 'seen');
    // The stand-in looks at all that lies there at that moment.
    const { env, calls } = windows({
      icacls: `find ${directory} -type f -exec cat {} + >> ${seen}; echo looked >> ${seen}`,
    });
    const file = path.join(directory, 'supplier.secret.asc');
    await writePrivately(file, secret, 'new', lists, env);
    expect(readFileSync(file, 'utf8')).toBe(secret);
    expect(readFileSync(seen, 'utf8')).toBe('looked\nlooked\n');
    // `/l`: never the list of what a link leads to.
    expect(calls('icacls')).toEqual(expect.arrayContaining(['/inheritance:r', '/grant:r', `*${anna}:F`, '/l']));
    expect(readdirSync(directory)).toEqual(['supplier.secret.asc']);
  });

  test('never overwrites, unless it is to', async () => {
    const { env } = windows({ icacls: 'exit 0' });
    const file = path.join(tempDir(), 'key');
    writeFileSync(file, 'old');
    await expect(writePrivately(file, 'new', 'new', lists, env)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(file, 'utf8')).toBe('old');
    await writePrivately(file, 'new', 'replace', lists, env);
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(path.dirname(file))).toEqual(['key']);
  });

  test('leaves nothing where it fails, and says so in words', async () => {
    const { env } = windows({
      icacls: 'echo "No mapping between account names and security IDs was done." >&2; exit 1332',
    });
    const file = path.join(tempDir(), 'key');
    await expect(writePrivately(file, 'secret', 'new', lists, env)).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringMatching(
        /^depot could not close \S*\/key to other accounts: .*No mapping between/s,
      ) as string,
      hint: expect.stringContaining('NTFS') as string,
    });
    expect(readdirSync(path.dirname(file))).toEqual([]);
    await expect(closeToOthers('file', file, lists, { SystemRoot: '/nonexistent' })).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('no such command') as string,
    });
  });

  test('names the path as people write it, which is not how mkdir answers', async () => {
    const { env, calls } = windows({ icacls: 'exit 0' });
    await closeToOthers('directory', '\\\\?\\C:\\depot\\secrets', lists, env);
    expect(calls('icacls')[0]).toBe('C:\\depot\\secrets');
  });

  test('does nothing where modes say it', async () => {
    const file = path.join(tempDir(), 'key');
    await writeNewSecret(file, 'secret', null);
    expect(readFileSync(file, 'utf8')).toBe('secret');
  });
});
