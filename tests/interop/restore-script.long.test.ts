/** Night 30 of a dump of 440 MB has to come out within 15 minutes: here a tenth of it, in a tenth of the time. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ChainFolder } from '../support/chain-folder.js';
import { type FileNode, sha256, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { Beneficiary, SHELLS, shells } from '../support/restoring.js';
import { readTree } from '../support/tree.js';

const ROWS = 100_000;
const ROW = 440;
const FILES = 5000;
const NIGHTS = 30;
const mtimeNs = 1_700_000_000_000_000_000n;

describe.skipIf(shells === undefined)('restore.sh', () => {
  let beneficiary: Beneficiary;
  let chain: ChainFolder;
  let dump: Buffer;

  beforeAll(async () => {
    beneficiary = await Beneficiary.create();
    chain = new ChainFolder(beneficiary.receiver, ['crm.sql', 'files'], { inParts: (path) => path === 'data/crm.sql' });
    dump = randomBytes(ROWS * ROW);
    const tree: Tree = new Map([['data/files', { type: 'directory', mode: 0o755, mtimeNs }]]);
    const attach = (i: number, night: number): unknown =>
      tree.set(`data/files/${i}`, {
        type: 'file',
        mode: 0o644,
        mtimeNs: mtimeNs + BigInt(night),
        content: randomBytes(4096),
      });
    for (let i = 0; i < FILES; i++) attach(i, 0);
    for (let night = 0; night <= NIGHTS; night++) {
      const file: FileNode = { type: 'file', mode: 0o644, mtimeNs: mtimeNs + BigInt(night), content: dump };
      await chain.add(new Map([...tree, ['data/crm.sql', file]]));
      if (night === NIGHTS) break;
      dump = Buffer.concat([dump, randomBytes(200 * ROW)]);
      // Half a percent of the rows, and one in a hundred attachments.
      for (let i = 0; i < ROWS / 200; i++)
        randomBytes(20).copy(dump, ROW * Math.floor((Math.random() * dump.length) / ROW));
      for (let i = 0; i < FILES / 100; i++) attach(Math.floor(Math.random() * FILES), night + 1);
    }
  }, 600_000);

  test.each(SHELLS)(
    'makes night 30 in %s within a tenth of 15 minutes',
    async (shell) => {
      const ranges = chain.newest.archive.toString('latin1').match(/^\d+ -?\d+ \d+$/gm)!.length;
      expect(ranges).toBeGreaterThan(18_200);
      const out = join(tempDir('restored'), 'out');
      const begun = performance.now();
      const { code, stderr } = await beneficiary.restore(shell, chain.newest.file, out, { timeoutMs: 600_000 });
      const seconds = (performance.now() - begun) / 1000;
      console.log(`${shell}: night ${NIGHTS} with ${ranges} ranges in ${seconds.toFixed(0)} s`);
      expect(code, stderr).toBe(0);
      expect((await readTree(join(out, 'data'))).get('crm.sql')?.sha256).toBe(sha256(dump));
      expect(seconds).toBeLessThan(90);
    },
    600_000,
  );
});
