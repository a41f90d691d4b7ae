/**
 * Archives that an attacker, a defective tool or a bad disk makes. Each case says what is wrong with it; the files in
 * test-fixtures/hostile-tar are these, byte for byte (a test compares them, and writes them with DEPOT_TEST_WRITE=1).
 *
 * `raw` writes headers field by field, with no opinion on what makes sense.
 */
export interface RawEntry {
  name?: string | Uint8Array;
  /** One character: '0' file, '1' hard link, '2' symlink, '5' directory, … */
  type?: string;
  body?: string | Uint8Array;
  /** What the size field says; the length of the body unless given. A string is written as it is. */
  size?: number | string | Uint8Array;
  mode?: number | string;
  mtime?: number | string | Uint8Array;
  link?: string | Uint8Array;
  prefix?: string;
  /** magic and version; '' for the seventh edition. */
  magic?: string;
  /** Added to the right checksum. */
  checksumOff?: number;
}

const USTAR = 'ustar\x0000';
export const GNU = 'ustar  \0';
const bytes = (value: string | Uint8Array): Buffer =>
  typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
const octal = (value: number | string | Uint8Array, digits: number): Buffer =>
  typeof value === 'number' ? Buffer.from(`${value.toString(8).padStart(digits, '0')}\0`) : bytes(value);

/** One header block and its body, padded. */
export function raw(entry: RawEntry): Buffer {
  const body = bytes(entry.body ?? '');
  const block = Buffer.alloc(512);
  const put = (value: string | Uint8Array, at: number, length: number) => bytes(value).copy(block, at, 0, length);
  put(entry.name ?? 'file', 0, 100);
  put(octal(entry.mode ?? 0o644, 7), 100, 8);
  put('0000000\0', 108, 8);
  put('0000000\0', 116, 8);
  put(octal(entry.size ?? body.length, 11), 124, 12);
  put(octal(entry.mtime ?? 1_700_000_000, 11), 136, 12);
  put('        ', 148, 8);
  put(entry.type ?? '0', 156, 1);
  put(entry.link ?? '', 157, 100);
  put(entry.magic ?? USTAR, 257, 8);
  put(entry.prefix ?? '', 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0) + (entry.checksumOff ?? 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A pax extended header with these records. */
export function pax(records: Record<string, string | Uint8Array>, type = 'x'): Buffer {
  return raw({
    name: 'PaxHeader',
    type,
    body: Buffer.concat(Object.entries(records).map(([keyword, value]) => paxRecord(keyword, bytes(value)))),
  });
}

function paxRecord(keyword: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** GNU's long name ('L') or long link target ('K'). */
export function long(name: string | Uint8Array, type = 'L'): Buffer {
  return raw({ name: '././@LongLink', type, magic: GNU, body: Buffer.concat([bytes(name), Buffer.of(0)]) });
}

/** Two blocks of zeros. */
export const END = Buffer.alloc(1024);

export function archive(...pieces: Uint8Array[]): Buffer {
  return Buffer.concat([...pieces, END]);
}

export interface HostileCase {
  /** Also the name of the file, with `.tar`. */
  name: string;
  tar: Buffer;
  /** What the refusal must say. */
  says: RegExp;
  /** Where it is refused: by the reader already, or only when it is written to disk. */
  by: 'reader' | 'extractor';
}

const file = (name: string | Uint8Array, body = 'body') => raw({ name, body });
const directory = (name: string) => raw({ name: `${name}/`, type: '5', mode: 0o755 });
const symlink = (name: string, target: string) => raw({ name, type: '2', link: target, mode: 0o777 });
const hardlink = (name: string, target: string) => raw({ name, type: '1', link: target });
const base256 = (...bytes: number[]) =>
  Buffer.from([
    ...bytes.slice(0, 1),
    ...Array<number>(12 - bytes.length).fill(bytes[0] === 0xff ? 0xff : 0),
    ...bytes.slice(1),
  ]);
const cut = (tar: Buffer, length: number): Buffer => tar.subarray(0, length);

const read = (name: string, says: RegExp, ...pieces: Uint8Array[]): HostileCase => ({
  name,
  says,
  by: 'reader',
  tar: archive(...pieces),
});
const write = (name: string, says: RegExp, ...pieces: Uint8Array[]): HostileCase => ({
  name,
  says,
  by: 'extractor',
  tar: archive(...pieces),
});
const ends = (name: string, says: RegExp, tar: Buffer): HostileCase => ({ name, says, by: 'reader', tar });

export const hostileCases: HostileCase[] = [
  // Out of the directory
  read('path-absolute', /absolute path: \/outside$/, file('/outside')),
  read('path-absolute-twice', /absolute path/, file('//outside')),
  read('path-root', /absolute path: \/$/, raw({ name: '/', type: '5' })),
  read('path-upwards', /leaves the archive: \.\.\/outside$/, file('../outside')),
  read('path-upwards-inside', /leaves the archive/, directory('a'), file('a/../../outside')),
  read('path-upwards-at-end', /leaves the archive/, raw({ name: 'a/..', type: '5' })),
  read('path-upwards-slash', /leaves the archive/, raw({ name: 'a/../', type: '5' })),
  read('path-upwards-pax', /leaves the archive/, pax({ path: '../outside' }), file('inside')),
  read(
    'path-upwards-long-name',
    /leaves the archive/,
    long('../outside'),
    raw({ name: 'inside', magic: GNU, body: 'body' }),
  ),
  read('path-upwards-prefix', /leaves the archive/, raw({ name: 'outside', prefix: '..', body: 'body' })),
  read('path-absolute-prefix', /absolute path/, raw({ name: 'outside', prefix: '/', body: 'body' })),
  read('path-escape-sequence', /leaves the archive: \.\.\/\\x1b\[2J\\u202efdp\.exe$/, file('../\x1b[2J\u202efdp.exe')),
  read('path-empty', /empty name/, file('')),
  read('path-dot', /no name of its own/, file('.')),
  read('path-nul-pax', /holds a NUL/, pax({ path: Buffer.from('a\0b') }), file('inside')),
  read('path-nul-long-name', /holds a NUL/, long('a\0b'), file('inside')),
  read('path-too-long', /too long/, pax({ path: `${'a/'.repeat(16_500)}b` }), file('inside')),

  // Spelled so that one who reads text takes another directory for the one above than one who reads paths
  read(
    'dot-link-then-directory-below-it',
    /name of a symlink ends like a directory's: x\/a\/\.$/,
    directory('x'),
    symlink('x/a/.', '../..'),
    directory('x/a/outside'),
  ),
  read(
    'dot-link-then-link-below-it',
    /ends like a directory's/,
    directory('x'),
    file('x/p'),
    symlink('x/a/.', '../..'),
    symlink('x/a/planted', 'p'),
  ),
  read(
    'dot-link-slash',
    /ends like a directory's/,
    directory('x'),
    symlink('x/a/./', '../..'),
    symlink('x/a/./planted', 'p'),
  ),
  read(
    'dot-link-pax',
    /ends like a directory's/,
    directory('x'),
    pax({ path: 'x/a/.' }),
    symlink('q', '../..'),
    pax({ path: 'x/a/planted' }),
    symlink('q', 'p'),
  ),
  read(
    'dot-link-long-name',
    /ends like a directory's/,
    directory('x'),
    long('x/a/.'),
    symlink('q', '../..'),
    long('x/a/planted'),
    symlink('q', 'p'),
  ),
  read(
    'dot-link-hard-link-below-it',
    /ends like a directory's/,
    directory('x'),
    symlink('x/a/.', '../..'),
    file('x/p'),
    hardlink('x/a/planted', 'x/p'),
  ),
  read('dot-file', /name of a file ends like a directory's/, directory('x'), file('x/a/.'), file('x/a/in.txt')),
  read('slash-link', /ends like a directory's/, symlink('a/', '..'), symlink('a/planted', 'p')),
  read('hardlink-to-dot', /points to no file/, file('a'), hardlink('b', 'a/.')),
  write(
    'slashes-link-then-link-below-it',
    /name is taken|not a directory/,
    directory('x'),
    symlink('x//a', '../..'),
    symlink('x//a/planted', 'p'),
  ),
  read('depot-other-spelling', /writes a path in one way only/, file('DEPOT/README.md'), file('data/./x')),
  read('depot-other-spelling-at-first', /writes a path in one way only/, file('./DEPOT/README.md')),
  read(
    'depot-dot-link',
    /ends like a directory's/,
    file('DEPOT/README.md'),
    directory('data/x'),
    symlink('data/x/a/.', '../../..'),
    symlink('data/x/a/planted', 'p'),
  ),
  read(
    'depot-hardlink-other-spelling',
    /writes a path in one way only/,
    file('DEPOT/README.md'),
    file('data/x'),
    hardlink('data/y', 'data//x'),
  ),

  // Through links
  write('link-then-file-through-it', /name is taken|not a directory/, symlink('a', '..'), file('a/outside')),
  write(
    'link-absolute-then-file-through-it',
    /name is taken|not a directory/,
    symlink('a', '/tmp'),
    file('a/depot-outside'),
  ),
  write('link-then-link-through-it', /name is taken|not a directory/, symlink('a', '..'), symlink('a/outside', 'x')),
  write(
    'link-then-directory-in-its-place',
    /name is taken|not a directory/,
    symlink('a', '..'),
    directory('a'),
    file('a/outside'),
  ),
  write(
    'directory-then-link-in-its-place',
    /name is taken|not a directory/,
    directory('a'),
    symlink('a', '..'),
    file('a/outside'),
  ),
  write('link-then-file-in-its-place', /name is taken/, symlink('a', '../outside'), file('a')),
  write('file-then-link-in-its-place', /name is taken/, file('a'), symlink('a', '../outside')),
  write('link-twice', /name is taken/, symlink('a', 'b'), symlink('a', '../outside')),
  write('link-chain', /name is taken|not a directory/, symlink('a', 'b'), symlink('b', '..'), file('a/outside')),
  read('hardlink-absolute', /absolute path: \/etc\/passwd$/, hardlink('a', '/etc/passwd')),
  read('hardlink-upwards', /leaves the archive/, hardlink('a', '../outside')),
  read(
    'hardlink-upwards-long-link',
    /leaves the archive/,
    long('../outside', 'K'),
    raw({ name: 'a', type: '1', link: 'b', magic: GNU }),
  ),
  read('hardlink-upwards-pax', /leaves the archive/, file('b'), pax({ linkpath: '../outside' }), hardlink('a', 'b')),
  read('hardlink-to-nothing', /has no target/, hardlink('a', '')),
  read('hardlink-to-root', /points to no file/, hardlink('a', './')),
  write('hardlink-to-missing', /does not point to an earlier file/, hardlink('a', 'b')),
  write('hardlink-to-later', /does not point to an earlier file/, hardlink('a', 'b'), file('b')),
  write('hardlink-to-itself', /does not point to an earlier file/, hardlink('a', 'a')),
  write('hardlink-to-symlink', /does not point to an earlier file/, symlink('b', '../outside'), hardlink('a', 'b')),
  write('hardlink-to-directory', /does not point to an earlier file/, directory('b'), hardlink('a', 'b')),
  write(
    'hardlink-through-symlink',
    /does not point to an earlier file/,
    symlink('b', '..'),
    hardlink('a', 'b/outside'),
  ),
  write('hardlink-then-overwrite', /name is taken/, file('b'), hardlink('a', 'b'), file('a', 'other')),
  read(
    'hardlink-with-contents',
    /a hardlink has contents/,
    file('b'),
    raw({ name: 'a', type: '1', link: 'b', body: 'x' }),
  ),
  read('symlink-with-contents', /a symlink has contents/, raw({ name: 'a', type: '2', link: 'b', body: 'x' })),
  read('symlink-to-nothing', /has no target/, symlink('a', '')),
  read('directory-with-contents', /a directory has contents/, raw({ name: 'a/', type: '5', body: 'x' })),

  // Names that meet
  write('file-twice', /name is taken/, file('a', 'one'), file('a', 'two')),
  write('file-twice-other-spelling', /name is taken/, file('a', 'one'), file('./a', 'two')),
  write('file-twice-slashes', /name is taken/, directory('d'), file('d/a', 'one'), file('d//a', 'two')),
  write('file-then-directory', /not a directory/, file('a'), directory('a')),
  write('file-then-below-it', /not a directory/, file('a'), file('a/b')),
  write('directory-then-file', /name is taken/, directory('a'), file('a')),

  // What is not a file
  read('device-character', /character device: null$/, raw({ name: 'null', type: '3' })),
  read('device-block', /block device/, raw({ name: 'sda', type: '4' })),
  read('fifo', /fifo: pipe$/, raw({ name: 'pipe', type: '6' })),
  read('sparse-gnu-old', /sparse/, raw({ name: 'a', type: 'S', magic: GNU, body: 'x' })),
  read(
    'sparse-gnu-pax',
    /sparse/,
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'a', 'GNU.sparse.realsize': '99' }),
    file('a'),
  ),
  read('multi-volume', /unknown type "M"/, raw({ name: 'a', type: 'M', magic: GNU, body: 'x' })),
  read('unknown-type', /unknown type "\\u001b"/, raw({ name: 'a', type: '\x1b' })),

  // Numbers
  read('size-not-octal', /bad size: file$/, raw({ size: '0000000089\0 ' })),
  read('size-negative', /bad size/, raw({ size: base256(0xff, 0xff) })),
  read('size-minus', /bad size/, raw({ size: '-0000000001\0' })),
  read('size-huge', /bad size/, raw({ size: base256(0x80, 0x7f, 0, 0, 0, 0, 0, 0, 0) })),
  read('mtime-huge', /bad time/, raw({ mtime: base256(0x80, 0x7f, 0, 0, 0, 0, 0, 0, 0) })),
  read('mode-nonsense', /bad mode/, raw({ mode: 'rwxr-xr-' })),
  read('checksum', /wrong checksum/, file('a'), raw({ checksumOff: 1 })),
  read('pax-size-negative', /bad size/, pax({ size: '-1' }), file('a')),
  read('pax-size-not-a-number', /bad size/, pax({ size: '1e3' }), file('a')),
  read('pax-size-huge', /bad size/, pax({ size: '9007199254740993' }), file('a')),
  read('pax-mtime-nonsense', /bad time/, pax({ mtime: 'yesterday' }), file('a')),
  read('pax-mtime-huge', /bad time/, pax({ mtime: '9'.repeat(30) }), file('a')),
  read('pax-length-too-long', /malformed record/, raw({ type: 'x', body: '99 path=a\n' }), file('a')),
  read('pax-length-too-short', /malformed record/, raw({ type: 'x', body: '5 path=abc\n' }), file('a')),
  read('pax-length-zero', /malformed record/, raw({ type: 'x', body: '0 path=abc\n' }), file('a')),
  read('pax-length-negative', /malformed record/, raw({ type: 'x', body: '-10 path=abc\n' }), file('a')),
  read('pax-no-length', /malformed record/, raw({ type: 'x', body: 'path=abc\n' }), file('a')),
  read('pax-no-newline', /malformed record/, raw({ type: 'x', body: '10 path=ab' }), file('a')),
  read('pax-no-keyword', /malformed record/, raw({ type: 'x', body: '6 =ab\n' }), file('a')),
  read('pax-huge', /too long: 1048577 bytes/, raw({ type: 'x', size: 1_048_577 })),
  read('long-name-huge', /too long/, raw({ type: 'L', magic: GNU, size: 8_000_000_000 })),
  // A reader that gives the size to the wrong entry takes contents for headers.
  read('pax-size-before-long-name', /does not stand before its entry/, pax({ size: '1024' }), long('a'), file('b')),
  read('pax-twice', /two extended headers/, pax({ path: 'a' }), pax({ path: 'b' }), file('c')),
  read('long-name-twice', /two extended headers/, long('a'), long('b'), file('c')),
  // bsdtar takes the one that stands first.
  read('pax-and-long-name', /one long name in a pax header and another/, long('a'), pax({ path: 'b' }), file('c')),
  read(
    'pax-and-long-link',
    /one long name in a pax header and another/,
    pax({ linkpath: 'a' }),
    long('b', 'K'),
    raw({ name: 'c', type: '2', link: 'd' }),
  ),
  // GNU tar takes it for the root.
  read('pax-empty-name', /gives an empty name/, pax({ path: '' }), file('a')),
  read('pax-global-path', /global pax header/, pax({ path: 'a' }, 'g'), file('b')),
  read('pax-global-size', /global pax header/, pax({ size: '1' }, 'g'), file('b')),

  // Beginning and end
  ends('cut-empty', /shorter than any tar archive$/, Buffer.alloc(0)),
  ends('cut-in-header', /shorter than any tar archive$/, cut(file('a'), 200)),
  ends('cut-in-second-header', /cut off/, cut(Buffer.concat([file('a'), file('b')]), 1024 + 200)),
  ends('cut-in-contents', /cut off/, cut(file('a', 'x'.repeat(600)), 700)),
  ends('cut-in-padding', /cut off/, cut(file('a', 'x'.repeat(600)), 1200)),
  ends('cut-before-end', /cut off/, file('a')),
  ends('cut-in-end', /cut off/, cut(archive(file('a')), 1024 + 512)),
  ends('cut-after-pax', /without its entry/, archive(pax({ path: 'a' }))),
  ends('lies-about-size', /cut off/, archive(raw({ name: 'a', size: 8_000_000_000, body: 'x' }))),
  ends('goes-on-after-zeros', /goes on after a block of zeros/, archive(file('a'), Buffer.alloc(512), file('b'))),
  ends('second-archive', /after the end/, Buffer.concat([archive(file('a')), archive(file('b'))])),
  ends('garbage-after-end', /after the end/, Buffer.concat([archive(file('a')), Buffer.from('garbage')])),
  ends('not-a-tar', /not a tar archive$/, Buffer.from('Any text. '.repeat(200))),
  ends('not-a-tar-but-a-pdf', /not a tar archive, but a PDF document$/, Buffer.from('%PDF-1.7 '.repeat(200))),
  ends(
    'not-a-tar-but-a-short-zip',
    /not a tar archive, but a ZIP archive$/,
    Buffer.from('PK\x03\x04 and not much more'),
  ),
];
