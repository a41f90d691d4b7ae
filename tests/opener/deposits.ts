/** Deposits that the tests of the offline opener open. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';
import type { GivenFiles } from './page.js';

export type Files = Record<keyof GivenFiles, string>;
export type Deposited = Files & { id: string };

export const markup = '<img src=x onerror=alert(1)>.txt';

/** A directory with an awkward name, links and a large file, and the output of a command. */
export async function makeDeposit(server: Sshd, profile: 'compat' | 'modern'): Promise<Deposited> {
  const supplier = await Supplier.create(server, {
    profile,
    dataset: [{ directory: 'data' }, { command: ['cat', 'data/big.bin'], as: 'crm.dump' }],
  });
  writeFileSync(join(supplier.data, 'big.bin'), Buffer.alloc(18 << 20, 'twenty-one bytes long'));
  writeFileSync(join(supplier.data, 'café.txt'), 'crème brûlée');
  writeFileSync(join(supplier.data, markup), 'markup');
  mkdirSync(join(supplier.data, 'empty'));
  execFileSync('ln', ['-s', 'café.txt', join(supplier.data, 'link')]);
  execFileSync('ln', [join(supplier.data, 'café.txt'), join(supplier.data, 'zz-hard.txt')]);
  const { suitcase, receiptFile, depositId } = await supplier.deposit();
  return {
    id: depositId,
    suitcase: join(server.incoming, suitcase),
    receipt: receiptFile,
    signature: `${receiptFile}.asc`,
    signers: supplier.signerPublic,
    key: supplier.recipientKey,
  };
}

/** What a beneficiary of a web shop would have, under the names of the documents. */
export async function makeShop(server: Sshd, scratch: string): Promise<Files> {
  const supplier = await Supplier.create(server, {
    arrangement: { compression: 'gzip' },
    dataset: [
      { directory: 'data', as: 'shop' },
      { command: ['seq', '2000000'], as: 'shop.pgdump' },
    ],
  });
  mkdirSync(join(supplier.data, 'invoices'));
  for (const month of ['01', '02', '03', '04'])
    writeFileSync(
      join(supplier.data, `invoices/2026-${month}.pdf`),
      Buffer.alloc(180_000 + 7000 * Number(month), month),
    );
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name;town\n'.repeat(90_000));
  writeFileSync(join(supplier.data, 'settings.json'), '{ "currency": "EUR" }\n');
  const { suitcase, receiptFile } = await supplier.deposit();
  const files = {
    suitcase: join(scratch, suitcase),
    receipt: receiptFile,
    signature: `${receiptFile}.asc`,
    signers: join(scratch, 'signer.public.asc'),
    key: join(scratch, 'private.secret.asc'),
  };
  for (const [from, to] of [
    [join(server.incoming, suitcase), files.suitcase],
    [supplier.signerPublic, files.signers],
    [supplier.recipientKey, files.key],
  ] as const)
    copyFileSync(from, to);
  return files;
}
