/** A supplier whose arrangement has `incremental:`, night after night. */
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { pattern } from '../support/awkward.js';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';
export const incremental = { agentKeeps: '90d' };

/** A supplier with one large file and some small ones, and its agent. */
export async function atNight(arrangement: SupplierOptions['arrangement'] = {}) {
  const server = await startScriptedServer();
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { arrangement: { incremental, ...arrangement } },
  );
  writeFileSync(join(supplier.data, 'dump.sql'), pattern(3_000_000));
  mkdirSync(join(supplier.data, 'files'));
  for (let i = 0; i < 20; i++) writeFileSync(join(supplier.data, 'files', `${i}`), pattern(2000, i));
  const push = async (
    ...more: string[]
  ): Promise<{ chain: NonNullable<Receipt['chain']>; receipt: Receipt; warnings: string }> => {
    const done = await depotHere(['push', '--config', supplier.config, '--json', ...more]);
    expect(done.code, done.stderr + done.stdout).toBe(0);
    const { results } = json(done) as unknown as { results: { deposit: { receipt: Receipt } }[] };
    const { receipt } = results[0].deposit;
    return { receipt, chain: receipt.chain!, warnings: done.stderr };
  };
  const night = (n: number): void => appendFileSync(join(supplier.data, 'dump.sql'), `night ${n}\n`);
  const indexes = (): string[] =>
    readdirSync(join(supplier.state, 'acme-crm/index')).filter((name) => name.endsWith('.index'));
  const index = (): string => join(supplier.state, 'acme-crm/index', indexes()[0]);
  return { server, supplier, push, night, indexes, index };
}
