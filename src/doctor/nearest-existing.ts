import { stat } from 'node:fs/promises';
import path from 'node:path';

/** The directory itself, or the first above it that is there: what it would be made in. */
export async function nearestExisting(directory: string): Promise<string> {
  for (let d = directory; ; d = path.dirname(d)) {
    if (
      await stat(d).then(
        () => true,
        () => false,
      )
    )
      return d;
    if (d === path.dirname(d)) return d;
  }
}
