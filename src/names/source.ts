import { printable } from '../printable.js';

/** Room for the suffix of a part in the 255 bytes that most file systems give a name. */
const longestSourceName = 240;

/** What is wrong with the name of a source, which stands directly under `data/`; null when nothing is. */
export function sourceNameProblem(name: string): string | null {
  if (name === '' || name === '.' || name === '..') return 'this is not a file name';
  if (/[/\\]/.test(name)) return 'a name under data/ has no slashes';
  if (printable(name) !== name) return 'no control characters in a name';
  if (/\p{Surrogate}/u.test(name)) return 'this is not well-formed Unicode';
  // More than what depot writes, for whoever looks at the files on a system that ignores case.
  if (/\.part-\d+$/i.test(name)) return 'names that end in .part-<digits> are kept for the pieces of long files';
  return Buffer.byteLength(name) > longestSourceName ? `a name has at most ${longestSourceName} bytes` : null;
}
