/** A beneficiary's key that expired and was extended: the copy that depot.yaml names is brought up to date, and never set back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { json } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import type { Finished } from '../support/process.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer({ directories: ['/in'] });
});

describe.skipIf(!peers('gpg'))('key add', () => {
  async function expired(): Promise<{ supplier: Supplier; gnupg: Gnupg; fingerprint: string; named: string }> {
    const gnupg = Gnupg.create();
    const fingerprint = await gnupg.generate({ at: '20230101T000000', expires: '20240101T000000' });
    const key = await gnupg.exportPublic(fingerprint);
    const supplier = await Supplier.create(
      { ...server, remoteDirectory: '/in' },
      { beneficiaries: [{ key, fingerprint }] },
    );
    writeFileSync(join(supplier.data, 'x'), 'data');
    return { supplier, gnupg, fingerprint, named: join(supplier.directory, 'keys/beneficiary-0.asc') };
  }

  function add(supplier: Supplier, key: Uint8Array, fingerprint: string): Promise<Finished> {
    const file = join(supplier.directory, 'given.asc');
    writeFileSync(file, key);
    return supplier.depot(['key', 'add', 'acme-crm', file, '--fingerprint', fingerprint, '--json']);
  }

  test('says how to extend the subkey if only the primary key was; then it replaces the copy that depot.yaml names, and push works', async () => {
    const { supplier, gnupg, fingerprint, named } = await expired();
    const before = readFileSync(named);
    expect((await supplier.push()).code).toBe(20);

    await gnupg.must(['--passphrase', '', '--quick-set-expire', fingerprint, '2y']);
    const half = await add(supplier, await gnupg.exportPublic(fingerprint), fingerprint);
    const { error } = json(half) as { error: { exit: number; message: string; hint: string } };
    expect(error).toMatchObject({
      exit: 20,
      message: expect.stringMatching(/no usable part to encrypt with; subkey \S+ expired on 2024-01-01/),
    });
    expect(readFileSync(named)).toEqual(before);
    const [, line] = /^ask the key's owner to extend the subkey too: gpg (--quick-set-expire .*)$/.exec(error.hint)!;

    await gnupg.must(['--passphrase', '', ...line.split(' ')]);
    const extended = await gnupg.exportPublic(fingerprint);
    const added = await add(supplier, extended, fingerprint);
    expect([added.code, json(added)]).toEqual([
      0,
      { ok: true, fingerprint, key: named, lines: [], configured: true, replaced: true },
    ]);
    expect((await supplier.push()).code).toBe(0);

    const again = await add(supplier, extended, fingerprint);
    expect(json(again)).toMatchObject({ ok: true, configured: true, replaced: false });
  });

  test('never replaces it by an older copy, nor by one that lacks a revocation', async () => {
    const { supplier, gnupg, fingerprint, named } = await expired();
    const listed = await gnupg.must(['--with-colons', '--list-keys', fingerprint]);
    const [, subkey] = /^sub:(?:.*\n)*?fpr:+([0-9A-F]+):/m.exec(listed.stdout)!;
    const extend = async (until: string, daysAgo: number): Promise<Buffer> => {
      const then = ['--faked-system-time', String(Math.floor(Date.now() / 1000) - daysAgo * 86_400)];
      for (const part of [[], [subkey]])
        await gnupg.must([...then, '--passphrase', '', '--quick-set-expire', fingerprint, until, ...part]);
      return gnupg.exportPublic(fingerprint);
    };
    const older = await extend('2y', 2);
    const newer = await extend('1y', 1);
    expect(json(await add(supplier, newer, fingerprint))).toMatchObject({ ok: true, replaced: true });
    const present = readFileSync(named);
    expect(json(await add(supplier, older, fingerprint))).toMatchObject({ ok: true, replaced: false });
    expect(readFileSync(named)).toEqual(present);

    await gnupg.revoke(fingerprint);
    const revoked = await gnupg.exportPublic(fingerprint);
    writeFileSync(named, revoked);
    const back = await add(supplier, older, fingerprint);
    expect(back.code).toBe(20);
    expect(json(back)).toMatchObject({
      error: { code: 'recipient-unusable', message: expect.stringContaining('lacks a revocation') },
    });
    expect(readFileSync(named)).toEqual(revoked);
  });
});
