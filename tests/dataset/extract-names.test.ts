import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join, win32 } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromBytes, fromText, toText, localName } from '../../src/dataset/bytestring.js';
import { LocalNames } from '../../src/dataset/extract/local-names.js';
import { extract, sandbox } from '../support/extraction.js';
import { archive, pax, raw } from '../support/hostile-tar.js';

const bytes = (latin1: string) => fromBytes(Buffer.from(latin1, 'latin1'));
/** What a name becomes on Windows. */
const onWindows = (name: string) => toText(localName(fromText(name), 'win32'));

test('on Linux, names stay as their bytes are', () => {
  for (const name of ['a:b', 'CON', 'x.', '\\', '\x01', '\xff'])
    expect(localName(bytes(name), 'linux')).toBe(bytes(name));
});

test('on macOS, only names that are not UTF-8 change', () => {
  expect(localName(fromText('a:b.é 100%'), 'darwin')).toBe(fromText('a:b.é 100%'));
  expect(localName(bytes('caf\xe9 100%'), 'darwin')).toBe('caf%E9 100%25');
});

describe('on Windows', () => {
  test.each([
    ['report.txt', 'report.txt'],
    ['日本語 100% é.csv', '日本語 100% é.csv'],
    ['a<b>c:d"e|f?g*h', 'a%3Cb%3Ec%3Ad%22e%7Cf%3Fg%2Ah'],
    ['..\\..\\evil', '..%5C..%5Cevil'],
    ['C:evil', 'C%3Aevil'],
    ['file.txt:stream', 'file.txt%3Astream'],
    ['line\nbreak\x01', 'line%0Abreak%01'],
    ['dot.', 'dot%2E'],
    ['space ', 'space%20'],
    ['...', '..%2E'],
    ['CON', '%43ON'],
    ['con.txt', '%63on.txt'],
    ['nul .x', '%6Eul .x'],
    ['LPT¹', '%4CPT¹'],
    ['COM1.tar.gz', '%43OM1.tar.gz'],
    ['CONIN$', '%43ONIN$'],
    ['console', 'console'],
    ['com', 'com'],
    ['COM10', 'COM10'],
  ])('%j becomes %j', (name, local) => {
    expect(onWindows(name)).toBe(local);
  });

  test('a name that is not UTF-8 becomes one that is', () => {
    expect(localName(bytes('caf\xe9:100%.'), 'win32')).toBe('caf%E9%3A100%25%2E');
  });

  test('any name becomes one component below the directory, never a device, a stream or a drive', () => {
    const name = fc
      .oneof(
        fc.uint8Array({ minLength: 1, maxLength: 12 }).map(fromBytes),
        fc
          .array(
            fc.constantFrom('..', '.', '\\', ':', 'C:', 'con', 'NUL', 'lpt1', ' ', '?', '\\\\.\\', 'a', '¹', '$'),
            { minLength: 1, maxLength: 4 },
          )
          .map((parts) => fromText(parts.join(''))),
      )
      .filter((found) => !/[/\0]/.test(found) && found !== '.' && found !== '..');
    fc.assert(
      fc.property(name, (found) => {
        const local = toText(localName(found, 'win32'));
        expect(local).not.toBeNull();
        expect(win32.relative('D:\\out', win32.resolve('D:\\out', local!))).toBe(local);
        expect(win32.basename(local!)).toBe(local);
        expect(local).not.toMatch(/[<>:"|?*\\/\u0000-\u001f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:$|[ .])/i);
        // What was changed stays so when it is changed again.
        expect(toText(localName(fromText(local!), 'win32'))).toBe(local);
      }),
      { numRuns: 2000 },
    );
  });

  test('changed names are listed, hard links to them work, and of two names that become the same one gets a number', () => {
    const { out } = sandbox();
    const result = extract(
      archive(
        raw({ name: 'a:b/', type: '5' }),
        raw({ name: 'a:b/CON', body: 'x' }),
        raw({ name: 'hard', type: '1', link: 'a:b/CON' }),
        pax({ path: Buffer.from('\xe9', 'latin1') }),
        raw({}),
      ),
      out,
      { names: new LocalNames('win32') },
    );
    const notes = 'NOT-AS-IN-THE-ARCHIVE.txt';
    expect(readdirSync(out).sort()).toEqual(['%E9', notes, 'a%3Ab', 'hard']);
    expect(readdirSync(join(out, 'a%3Ab'))).toEqual(['%43ON']);
    expect(result).toMatchObject({
      warnings: [
        'saved under another name: a:b as a%3Ab',
        'saved under another name: a:b/CON as %43ON',
        'saved under another name: \\xe9 as %E9',
      ],
    });
    expect(readFileSync(join(out, notes), 'utf8').trimEnd().split('\n')).toEqual(result.warnings);
    const other = sandbox();
    extract(archive(raw({ name: 'x:', body: 'one' }), raw({ name: 'x%3A', body: 'two' })), other.out, {
      names: new LocalNames('win32'),
    });
    expect(readFileSync(join(other.out, 'x%3A'), 'utf8')).toBe('one');
    expect(readFileSync(join(other.out, 'x%3A~2'), 'utf8')).toBe('two');
  });
});
