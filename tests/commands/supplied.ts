import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';

/** A supplier with something to deposit and no server, and its command line. */
export async function supplied(options: Parameters<typeof Supplier.create>[1] = {}) {
  const supplier = await Supplier.create(nowhere, options);
  writeFileSync(join(supplier.data, 'x'), 'x');
  const depot = (args: string[], o: { env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Finished> =>
    depotHere([...args, '--config', supplier.config], { cwd: supplier.directory, ...o });
  return { supplier, depot, path: (name: string) => join(supplier.directory, name) };
}

/** The first two lines of an error: what is wrong, and the hint. */
export const told = ({ stderr }: Pick<Finished, 'stderr'>): string[] => stderr.split('\n').slice(0, 2);
