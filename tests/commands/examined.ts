import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Finished } from '../support/process.js';
import { type Server, Supplier, type SupplierOptions } from '../support/supplier.js';

export interface Check {
  name: string;
  result: string;
  detail: string;
  hint?: string;
}

/** The checks of a `doctor --json` for one arrangement, by name. */
export async function examined(
  finished: Promise<Finished>,
): Promise<{ code: number | null; exit: number; checks: Record<string, Check> }> {
  const { code, stdout, stderr } = await finished;
  const document = JSON.parse(stdout) as { arrangements: { exit: number; checks: Check[] }[] };
  expect(document.arrangements, stderr).toHaveLength(1);
  const [{ exit, checks }] = document.arrangements;
  expect(code).toBe(exit);
  return { code, exit, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

/** A supplier with one file to deposit. */
export async function supplierWith(server: Server, options: SupplierOptions = {}): Promise<Supplier> {
  const supplier = await Supplier.create(server, options);
  writeFileSync(join(supplier.data, 'customers.csv'), 'id\n');
  return supplier;
}
