/** A state directory whose file system became read-only: nothing may lead to a second ledger somewhere else. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cleanup } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

const mount = peer('mount');

test.skipIf(mount === undefined || !asRoot())(
  'push and doctor say how to make it writable and advise against another one; status says that runs are not recorded',
  async () => {
    const server = await startScriptedServer({ directories: ['/in'] });
    const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
    writeFileSync(join(supplier.data, 'x'), 'data');
    mkdirSync(supplier.state, { mode: 0o700 });
    await mustRun(mount!, ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'depot-test', supplier.state]);
    cleanup(() => mustRun('umount', ['-l', supplier.state]));
    await supplier.deposit();
    await supplier.deposit();
    await mustRun(mount!, ['-o', 'remount,ro', supplier.state]);

    const hint = `make it writable again, after a look at why it is not: dmesg, findmnt --target ${supplier.state}; do not push with another --state: the ledger is here`;
    const pushed = await supplier.depot(['push']);
    expect(pushed.code).toBe(5);
    expect(pushed.stderr).toContain(
      `acme-crm: ${supplier.state} is on a read-only file system, so runs cannot be recorded; nothing was published\ndepot: hint: ${hint}\n`,
    );
    const looked = await supplier.depot(['doctor']);
    expect(looked.code).toBe(5);
    expect(looked.stdout).toContain(`${supplier.state} is on a read-only file system, so runs cannot be recorded`);
    expect(looked.stdout).toContain(hint);
    const status = await supplier.depot(['status', '--quiet']);
    expect([status.code, status.stdout]).toEqual([
      0,
      `${supplier.state} is on a read-only file system: runs cannot be recorded, and the last ones may be missing here\n`,
    ]);
  },
);
