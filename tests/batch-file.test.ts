import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startable } from '../src/batch-file.js';
import { type ChildOptions, outputOf, run } from '../src/child.js';
import { tempDir } from './support/cleanup.js';

describe('a command', () => {
  test.each([['sqlcmd'], ['sqlcmd.exe'], ['C:\\tools\\dump.cmd.exe'], ['backup.bat\\run'], ['']])(
    '%j is started as it is',
    (file) => {
      expect(startable([file, 'a b'], 'win32')).toEqual({ file, args: ['a b'], verbatim: false });
    },
  );

  test('is what it is called on other systems', () => {
    expect(startable(['dump.cmd', '"'], 'linux')).toEqual({ file: 'dump.cmd', args: ['"'], verbatim: false });
  });

  test.each(['dump.cmd', 'DUMP.BAT', 'C:\\a b\\dump.cmd', 'dump.cmd.', 'dump.bat. '])(
    '%j is a batch file, which cmd.exe runs with each word in quotes',
    (file) => {
      const started = startable([file, 'a b', '', 'C:\\stage\\'], 'win32');
      expect(started).toMatchObject({ file: expect.stringMatching(/System32.cmd\.exe$/), verbatim: true });
      expect(started?.args.slice(0, -1)).toEqual(['/d', '/e:on', '/v:off', '/s', '/c']);
      expect(started?.args.at(-1)).toBe(`""${file}" "a b" "" "C:\\stage\\\\""`);
    },
  );

  test.each(['"', 'a" & calc & "', '%PATH%', '100%', 'a\nb', 'a\rb', 'a\0b'])(
    'a batch file is not given %j',
    (word) => {
      expect(startable(['dump.cmd', word], 'win32')).toBeUndefined();
      expect(startable([`${word}.cmd`], 'win32')).toBeUndefined();
    },
  );
});

if (process.platform === 'win32') {
  const options: ChildOptions = {
    label: 'source dump: command',
    code: 'source-failed',
    timeoutCode: 'source-timed-out',
    env: process.env,
  };

  describe('on Windows, a batch file', () => {
    const place = tempDir('batch files');
    /** A program that prints its arguments, behind a batch file that hands them on. */
    const file = join(place, 'hand on.cmd');
    writeFileSync(join(place, 'print.mjs'), 'console.log(JSON.stringify(process.argv.slice(2)))');
    writeFileSync(file, `@"${process.execPath}" "%~dp0print.mjs" %*\r\n`);

    const printed = async (...args: string[]): Promise<unknown> => {
      const pieces: Uint8Array[] = [];
      for await (const piece of outputOf([file, ...args], options)) pieces.push(piece);
      return JSON.parse(Buffer.concat(pieces).toString());
    };

    test.each([
      [['-Q', "BACKUP DATABASE [crm] TO DISK = N'D:\\stage\\crm.bak' WITH CHECKSUM, INIT"]],
      [['', ' ', 'a  b', "'", '`', '-', '/']],
      [['a & echo injected', '| more', '> file', '<in', '^', '^^', '(', ')', '!PATH!', ';', ',', '=']],
      [['C:\\stage\\', '\\', '\\\\server\\share\\', 'a\\b']],
    ])('is given %j as it stands', async (args) => {
      expect(await printed(...args)).toEqual(args);
      expect(await printed(args.join(' '))).toEqual([args.join(' ')]);
    });

    test('is refused an argument that it could not be given', async () => {
      await expect(printed('{"id":1}')).rejects.toMatchObject({
        code: 'source-failed',
        message: `source dump: command ${file} could not be started: a batch file cannot take an argument that contains ", % or a line break`,
      });
    });

    test('is found beside the configuration, and its exit status and complaint are its own', async () => {
      writeFileSync(join(place, 'fails.bat'), '@echo off\r\necho half\r\necho no such database>&2\r\nexit /b 3\r\n');
      await expect(run(['fails.bat'], { ...options, directory: place })).rejects.toMatchObject({
        code: 'source-failed',
        message: 'source dump: command fails.bat exited with status 3\n  no such database',
      });
    });

    test('that is not there is a failure', async () => {
      await expect(run(['no-such-file.cmd'], { ...options, directory: place })).rejects.toMatchObject({
        code: 'source-failed',
        message: expect.stringMatching(/^source dump: command no-such-file\.cmd exited with status [1-9]/),
      });
    });
  });

  test('on Windows, a command that takes too long is ended at once, even where taskkill fails', async () => {
    const forEver = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
    const begun = Date.now();
    await expect(run(forEver, { ...options, timeoutMs: 500 })).rejects.toMatchObject({ code: 'source-timed-out' });
    expect(Date.now() - begun).toBeLessThan(20_000);
  });
}
