/** What may lie in a directory of suitcases. */
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ChainFolder } from '../support/chain-folder.js';
import type { FileNode, Tree } from '../support/chain-tree.js';
import { json } from '../support/cli.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { depotHere } from '../support/in-process.js';
import { tempDir } from '../support/cleanup.js';
import { freshPath } from '../support/supplier.js';

const mtimeNs = 1_700_000_000_000_000_000n;
const night = (content: string): Tree =>
  new Map<string, FileNode>([
    ['data/crm', { type: 'directory', mode: 0o755, mtimeNs }],
    ['data/crm/a', { type: 'file', mode: 0o644, mtimeNs, content: Buffer.from(content) }],
  ]);

test('a link that leads to a pipe is not waited for', async () => {
  const receiver = await Receiver.create();
  const { file } = await new ChainFolder(receiver, ['crm']).add(night('one'));
  const pipe = join(tempDir('pipe'), 'pipe');
  execFileSync('mkfifo', [pipe]);
  symlinkSync(pipe, join(dirname(file), 'other.pgp'));
  const key = ['--key', receiver.key.secretKey];
  const { code, stdout, stderr } = await depotHere(['decrypt', dirname(file), ...key, '--out', freshPath()]);
  expect(code, stdout + stderr).toBe(0);
}, 20_000);

// One of them was never confirmed, or the supplier's state came from a backup.
test('which end of a fork is meant has to be said, and the newest is proposed', async () => {
  const receiver = await Receiver.create();
  const chain = new ChainFolder(receiver, ['crm']);
  const full = await chain.add(night('one'));
  const passedOver = await chain.add(night('two'));
  const newest = await chain.add(night('three'), { earlier: [full.link] });
  const decrypt = async (...args: string[]) =>
    json(
      await depotHere([
        'decrypt',
        dirname(newest.file),
        '--key',
        receiver.key.secretKey,
        '--out',
        freshPath(),
        '--json',
        ...args,
      ]),
    );
  const { error } = await decrypt();
  expect(error?.exit).toBe(2);
  expect(error?.message).toContain(passedOver.link.depositId);
  expect(error?.hint).toContain(`--at ${newest.link.depositId}`);
  expect(await decrypt('--at', newest.link.depositId)).toMatchObject({ ok: true, depositId: newest.link.depositId });
});
