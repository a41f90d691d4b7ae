import type { Listed } from '../../dataset/listed.js';
import { printable } from '../../printable.js';
import { bytes } from '../../ui/format.js';
import type { Screen } from '../../ui/screen.js';

/** `--list`: prints what becomes of each entry while the sources are read. */
export function listedOn(screen: Screen, arrangement: string): (some: Listed[]) => Promise<void> {
  return (some) =>
    screen.part(
      some.map((one) => ({ arrangement, ...one })),
      some.map(listedLine),
    );
}

const whatColumns = 9;
const sizeColumns = 10;

/** `file         1.2 MiB  data/export/a.csv`; what is left out has the reason behind its path. */
function listedLine({ listed, type, size = 0, pattern, path, pathBase64 = '' }: Listed): string {
  const name = printable(path ?? Buffer.from(pathBase64, 'base64'));
  const line = (what: string, amount: string, reason = ''): string =>
    `${what.padEnd(whatColumns)}  ${amount.padStart(sizeColumns)}  ${name}${reason}`;
  if (listed === 'entry') return line(type, type === 'file' ? bytes(size) : '');
  const slash = type === 'directory' ? '/' : '';
  if (listed === 'excluded') return line('excluded', '', `${slash}  by ${JSON.stringify(printable(pattern ?? ''))}`);
  return line('skipped', '', type === 'mount' ? '/  (another file system)' : `  (${type})`);
}
