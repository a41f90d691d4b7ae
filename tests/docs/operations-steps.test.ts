/** docs/operations.md: replacing keys and moving to a new machine work as its lines say. */
import { chownSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depotScript } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { makeKey, Supplier } from '../support/supplier.js';
import { blocks, page, section } from './operations-page.js';

describe.skipIf(peers('sshd', 'ssh-keygen') === undefined || !asRoot())('replacing a key', () => {
  test('as the page says, the new recipient gets the deposits, and the receipts of both signers are valid', async () => {
    const supplier = await Supplier.create(await startSshd());
    writeFileSync(join(supplier.data, 'x'), 'data');
    await supplier.deposit();
    const next = await makeKey(join(supplier.directory, 'next'), 'Gemeente Voorbeeld', 'compat');
    renameSync(next.publicKey, join(supplier.directory, 'voorbeeld-2027.asc'));
    writeFileSync(join(supplier.directory, 'passphrase-2027'), 'correct horse\n', { mode: 0o600 });
    const lines = blocks(section('Replacing a key'), 'sh').map((block) =>
      block
        .replaceAll('runuser -u depot -- ', '')
        .replaceAll('/etc/depot/', `${supplier.directory}/`)
        .replaceAll('root:depot', 'root:root')
        .replaceAll('FINGERPRINT', next.fingerprint)
        .replace(/^depot /gm, `"${process.execPath}" "${depotScript}" `),
    );
    const typed = (block: number): ReturnType<typeof mustRun> =>
      mustRun('sh', ['-euc', lines[block]], { cwd: supplier.directory });

    const added = await typed(0);
    expect(added.stdout).toContain(`so that no push uses it again: ["${supplier.recipient.fingerprint}"]`);
    const arrangement = { retiredKeys: [supplier.recipient.fingerprint] };
    const beneficiaries = [
      { key: readFileSync(join(supplier.directory, 'keys/voorbeeld-2027.asc')), fingerprint: next.fingerprint },
    ];
    supplier.writeConfig({ arrangement, beneficiaries });
    expect((await typed(1)).stdout).toContain(`(${next.fingerprint.slice(0, 4)}…${next.fingerprint.slice(-4)})`);
    await typed(2);
    const [former] = /(?<=formerSigningKeys: \[)[^\]]*/.exec(page)!;
    supplier.writeConfig({
      arrangement,
      beneficiaries,
      top: {
        supplier: { name: 'Acme SaaS B.V.', signingKey: 'keys/supplier-2027.secret.asc', formerSigningKeys: [former] },
      },
    });
    const last = await typed(3);
    expect(last.stdout).toMatch(/✓ acme-crm: intact; 3 ledger lines, 3 receipts[\s\S]*^signer .*\nsigner /m);
  });
});

describe.skipIf(peers('sshd', 'ssh-keygen', 'tar') === undefined || !asRoot())('moving to a new machine', () => {
  test('takes the whole ledger along, and the next push adds to it', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'x'), 'data');
    const [old, fresh] = [tempDir('depot-old'), tempDir('depot-new')];
    for (const machine of [old, fresh]) mkdirSync(join(machine, 'var/lib'), { recursive: true });
    mkdirSync(join(old, 'etc'));
    supplier.writeConfig({ top: { state: '../../var/lib/depot' }, dataset: [{ directory: supplier.data }] });
    await mustRun('cp', ['-a', supplier.directory, join(old, 'etc/depot')]);
    const before = await mustRun(process.execPath, [
      depotScript,
      'push',
      '--json',
      '--config',
      join(old, 'etc/depot/depot.yaml'),
    ]);
    chownSync(join(old, 'var/lib/depot'), 0, 0);

    // The lines of the page that are not about accounts and systemd, with another root directory.
    const [there, here] = blocks(section('Moving to a new machine'), 'sh');
    const runnable = (block: string, root: string): string =>
      block
        .split('\n')
        .filter((line) => /^(?:tar|depot receipts|runuser)/.test(line))
        .join('\n')
        .replaceAll('runuser -u depot -- ', '')
        .replace(/-C \//g, `-C ${root}/`)
        .replaceAll('/etc/depot/', `${root}/etc/depot/`)
        .replaceAll('depot-move.tar', join(old, 'depot-move.tar'))
        .replace(/^depot /gm, `"${process.execPath}" "${depotScript}" `);
    await mustRun('sh', ['-euc', runnable(there, old)]);
    const moved = await mustRun('sh', ['-euc', runnable(here, fresh)]);
    expect(moved.stdout).toMatch(/^✓ acme-crm/m);
    const after = await mustRun(process.execPath, [
      depotScript,
      'push',
      '--json',
      '--config',
      join(fresh, 'etc/depot/depot.yaml'),
    ]);
    const ledger = (out: string): { id: string; sequence: number } =>
      (JSON.parse(out) as { results: { deposit: { receipt: { ledger: { id: string; sequence: number } } } }[] })
        .results[0].deposit.receipt.ledger;
    expect(ledger(after.stdout)).toMatchObject({
      id: ledger(before.stdout).id,
      sequence: ledger(before.stdout).sequence + 1,
    });
    expect(after.stderr).not.toContain('new ledger');
  });
});
