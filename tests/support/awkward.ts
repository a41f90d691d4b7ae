import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

export interface AwkwardOptions {
  /** A sparse file of 9 GiB with data at its start, across 8 GiB and at its end. */
  sparse?: boolean;
}

const GiB = 2 ** 30;

/**
 * Fills an existing directory with what archivers get wrong: names that are not UTF-8, paths and link
 * targets beyond the fields of a tar header, links of all kinds, odd sizes, modes and times.
 */
export function makeAwkward(directory: string, options: AwkwardOptions = {}): void {
  const at = (name: string | Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${directory}/`), typeof name === 'string' ? Buffer.from(name) : name]);
  const file = (name: string | Buffer, content: string | Uint8Array = `content of ${name.toString('latin1')}\n`) =>
    writeFileSync(at(name), content);
  const dir = (name: string | Buffer) => mkdirSync(at(name), { recursive: true });
  const bytes = (text: string) => Buffer.from(text, 'latin1');

  // Names
  file(bytes('caf\xe9.txt'));
  file(bytes('\xff\xfe\x80 bytes'));
  file('\u00e9 composed');
  file('e\u0301 composed');
  for (const name of [
    '-rf',
    ' space before',
    'space after ',
    'line\nbreak',
    'tab\there',
    '\x1b[31mred',
    'back\\slash',
    'quo"te\'s',
    '*?[a]',
    '日本語',
    '😀',
    'C:',
    'CON',
    '~',
    '%s',
    '.hidden',
  ])
    file(name);
  dir(bytes('d\xefr'));
  file(bytes('d\xefr/in\xe8'));

  // Lengths: the ustar name field has 100 bytes, its prefix 155, a component 255.
  for (const length of [99, 100, 101, 255]) file('n'.repeat(length));
  file(bytes('\xe9'.repeat(255)));
  dir(`${'p'.repeat(155)}/${'q'.repeat(99)}`);
  file(`${'p'.repeat(155)}/${'q'.repeat(99)}/r`);
  const deep = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(200)).join('/');
  dir(deep);
  file(`${deep}/bottom`);
  file(Buffer.concat([Buffer.from(`${deep}/`), bytes('not utf-8 \xe9')]));

  // Sizes around a tar block, a CFB and an AEAD chunk, and a read buffer
  dir('sizes');
  for (const size of [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577])
    file(`sizes/${size}`, pattern(size));

  // Links
  dir('links');
  file('links/first', 'one inode, three names\n');
  linkSync(at('links/first'), at('links/second'));
  linkSync(at('links/first'), at(bytes('third \xe9')));
  symlinkSync('first', at('links/relative'));
  symlinkSync('/etc/hostname', at('links/absolute'));
  symlinkSync('../../../../../outside', at('links/upwards'));
  symlinkSync('nowhere', at('links/dangling'));
  symlinkSync('.', at('links/itself'));
  symlinkSync(bytes('caf\xe9.txt'), at('links/not utf-8'));
  symlinkSync(`${'t/'.repeat(200)}end`, at('links/long target'));
  symlinkSync('../empty', at('links/to directory'));

  // Empty things, modes, times
  dir('empty/inner');
  file('empty file', '');
  dir('read-only');
  file('read-only/kept', 'readable\n');
  for (const mode of [0o400, 0o444, 0o600, 0o640, 0o755, 0o777]) {
    file(`mode ${mode.toString(8)}`);
    chmodSync(at(`mode ${mode.toString(8)}`), mode);
  }
  dir('sticky');
  chmodSync(at('sticky'), 0o1777);
  dir('times');
  for (const [name, time] of [
    ['nanoseconds', 1_700_000_000.123456],
    ['before 1970', -86_400.5],
    ['epoch', 0],
    ['after 2106', 4_500_000_000.25],
    ['y2038', 2 ** 31],
  ] as const) {
    file(`times/${name}`);
    utimesSync(at(`times/${name}`), time, time);
  }
  symlinkSync('nowhere', at('times/link'));
  lutimesSync(at('times/link'), 1_000_000_000, 1_000_000_000);

  if (options.sparse) {
    const handle = openSync(at('sparse'), 'w');
    ftruncateSync(handle, 9 * GiB);
    for (const position of [0, 8 * GiB - 3, 9 * GiB - 6]) writeSync(handle, 'island', position);
    closeSync(handle);
  }

  // Last, because what goes into a directory changes its time.
  chmodSync(at('read-only'), 0o555);
  utimesSync(at('empty/inner'), 1_234_567_890.5, 1_234_567_890.5);
  utimesSync(at('read-only'), 1_111_111_111, 1_111_111_111);
}

/** Bytes that compress badly and differ at every offset, the same at each call. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
