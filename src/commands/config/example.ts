import path from 'node:path';
import { errorCode, localError, writeNew } from '../../durable-file.js';
import { DepotError } from '../../errors.js';
import { packageFile } from '../../installation.js';
import { printable } from '../../printable.js';
import { labelled } from '../../ui/format.js';
import type { Context } from '../context.js';

export async function printExample({ out }: { out: string | undefined }, { screen, cwd }: Context): Promise<number> {
  const text = packageFile('schemas/depot.example.yaml').toString();
  if (out === undefined) {
    screen.result({ ok: true, example: text }, [text.trimEnd()]);
    return 0;
  }
  const file = path.resolve(cwd, out);
  // Readable for all, as depot init makes it: nothing in it is secret.
  await writeNew(file, text, 0o644).catch((cause: unknown) => {
    if (errorCode(cause) !== 'EEXIST') throw localError(cause, 'write', file);
    throw new DepotError('output-exists', `${printable(file)} already exists`, {
      hint: 'give --out a file that does not exist yet',
      cause,
    });
  });
  screen.result({ ok: true, out: file }, [labelled('written', printable(file))]);
  return 0;
}
