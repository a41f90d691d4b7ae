/** `DEPOT/restore.sh`: a chain of increments without depot, in the shells that people have. */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAwkward, pattern } from '../support/awkward.js';
import { ChainFolder } from '../support/chain-folder.js';
import { treeOf } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { RandomTree } from '../support/random-tree.js';
import { Beneficiary, restoreScriptFile, type Restoring, type Shell, SHELLS, shells } from '../support/restoring.js';
import { differences } from '../support/tree.js';

const SOURCES = ['dump.sql', 'crm', 'files'];
/** Small, so that ranges, objects and parts of many nights come up. */
const small = { large: 2048, partBytes: 9000, inParts: (path: string) => path === 'data/dump.sql' };

test('the script has at most 85 lines', () => {
  expect(readFileSync(restoreScriptFile, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(85);
});

describe.skipIf(shells === undefined)('the script of an increment', () => {
  let beneficiary: Beneficiary;
  beforeAll(async () => {
    beneficiary = await Beneficiary.create();
  });

  /** What was there, and what came out; whatever a shell sets times with. */
  async function expectRestored(
    shell: Shell,
    chain: ChainFolder,
    directory: string,
    how: Restoring & { parent?: string } = {},
  ): Promise<void> {
    const out = join(tempDir('restored'), 'out');
    const { code, stderr } = await beneficiary.restore(shell, chain.newest.file, out, how);
    const where = `${shell}, night ${chain.newest.number}`;
    expect(code, `${where}: ${stderr}`).toBe(0);
    // Busybox sets whole seconds.
    const mtimeToleranceNs = shell === 'busybox' ? 1_000_000_000n : 1000n;
    expect(await differences(directory, join(out, 'data'), { mtimeToleranceNs }), where).toEqual([]);
    expect(readdirSync(out)).toEqual(['data']);
    expect(existsSync(`${out}.partial`)).toBe(false);
  }

  /** The kinds of lines that came up in the chain. */
  function kindsIn(chain: ChainFolder): string {
    const text = chain.nights.map(({ archive }) => archive.toString('latin1')).join('');
    const found = [...text.matchAll(/^data\S* ([-dfhlor])( \d{4} \S+.*)?$/gm)].map(([, kind]) => kind);
    return [...new Set(found)].sort().join('');
  }

  test.each([1, 2, 3])('random trees, seed %i: twelve nights come out as they were', async (seed) => {
    const tree = new RandomTree(tempDir('night'), seed);
    const compression = (['none', 'gzip', 'zstd'] as const)[seed % 3];
    const chain = new ChainFolder(beneficiary.receiver, SOURCES, { ...small, compression });
    for (let night = 0; night < 12; night++) {
      if (night > 0) tree.change();
      await chain.add(treeOf(tree.directory));
      // Between them, the seeds restore every night.
      const tried = night === 11 ? SHELLS : night % 3 === seed % 3 ? [SHELLS[(night + Math.floor(night / 3)) % 3]] : [];
      for (const shell of tried) await expectRestored(shell, chain, tree.directory);
    }
    expect(kindsIn(chain)).toBe('-dfhlor');
  });

  test('names with every byte, beside a directory whose name they begin with', async () => {
    const directory = tempDir('bytes');
    const at = (name: string): Buffer => Buffer.concat([Buffer.from(`${directory}/crm/`), Buffer.from(name, 'latin1')]);
    const bytes = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).filter((byte) => byte !== '/');
    mkdirSync(at('n'), { recursive: true });
    // Bytes that sort before the slash, and the highest ones.
    const inside = bytes.filter((byte) => byte < '0' || byte > '\xfa');
    for (const name of [...bytes.map((byte) => `n${byte}`), ...inside.map((byte) => `n/${byte}x`)])
      writeFileSync(at(name), `${name} on the first night`, 'latin1');
    const chain = new ChainFolder(beneficiary.receiver, SOURCES, small);
    await chain.add(treeOf(directory));
    for (const night of [1, 2]) {
      for (const [i, byte] of bytes.entries()) {
        const name = `n${byte}`;
        // What changes differs from night to night; some give way to directories, or come back.
        if ((i + night) % 3 === 0) rmSync(at(name), { recursive: true, force: true });
        if ((i + night) % 9 === 0) mkdirSync(at(name));
        if ((i + night) % 9 === 0) writeFileSync(at(`${name}/${byte}`), `${night}`);
        if ((i + night) % 3 === 1 && inside.includes(byte))
          writeFileSync(at(`n/${byte}x`), `${name} in night ${night}`, 'latin1');
      }
      await chain.add(treeOf(directory));
    }
    // With the `sort` of GNU, and with that of busybox.
    for (const shell of ['dash', 'busybox'] as const) await expectRestored(shell, chain, directory);
  });

  test.each(SHELLS)('the supplier’s description comes along, in %s', async (shell) => {
    const tree = new RandomTree(tempDir('night'), 5);
    const chain = new ChainFolder(beneficiary.receiver, SOURCES, { ...small, specification: '# What is what\n' });
    await chain.add(treeOf(tree.directory));
    tree.change();
    await chain.add(treeOf(tree.directory));
    const out = join(tempDir('restored'), 'out');
    const { code, stderr } = await beneficiary.restore(shell, chain.newest.file, out);
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(out, 'DEPOT/specification.md'), 'utf8')).toBe('# What is what\n');
    expect(readdirSync(out).sort()).toEqual(['DEPOT', 'data']);
  });

  test('with more padding behind the archive than a pipe holds', async () => {
    const tree = new RandomTree(tempDir('night'), 4);
    const chain = new ChainFolder(beneficiary.receiver, SOURCES, { ...small, padding: 300_000 });
    await chain.add(treeOf(tree.directory));
    tree.change();
    await chain.add(treeOf(tree.directory));
    for (const shell of SHELLS) await expectRestored(shell, chain, tree.directory);
    const path = tempDir('bsd');
    symlinkSync(shells!.bsdtar, join(path, 'tar'));
    await expectRestored('dash', chain, tree.directory, { path });
  });

  async function awkwardChain(beneficiary: Beneficiary): Promise<{ chain: ChainFolder; directory: string }> {
    const directory = tempDir('awkward');
    mkdirSync(join(directory, 'crm'));
    makeAwkward(join(directory, 'crm'));
    writeFileSync(join(directory, 'dump.sql'), pattern(50_000));
    const chain = new ChainFolder(beneficiary.receiver, SOURCES, small);
    await chain.add(treeOf(directory));
    // In directories that nobody may write to, too.
    chmodSync(join(directory, 'crm/read-only'), 0o755);
    writeFileSync(join(directory, 'crm/read-only/kept'), 'other\n');
    writeFileSync(join(directory, 'crm/read-only/added'), 'new\n', { mode: 0o400 });
    chmodSync(join(directory, 'crm/read-only'), 0o555);
    writeFileSync(join(directory, 'dump.sql'), Buffer.concat([pattern(300, 5), pattern(50_000)]));
    await chain.add(treeOf(directory));
    return { chain, directory };
  }

  test('with the tar of BSD and macOS', async () => {
    const { chain, directory } = await awkwardChain(beneficiary);
    const path = tempDir('bsd');
    symlinkSync(shells!.bsdtar, join(path, 'tar'));
    await expectRestored('dash', chain, directory, { path });
  });

  test.skipIf(!asRoot())('as an ordinary account', async () => {
    const own = await Beneficiary.create();
    const { chain, directory } = await awkwardChain(own);
    const parent = tempDir('restored');
    const script = join(own.receiver.directory, 'restore.sh');
    cpSync(restoreScriptFile, script);
    const nobody = 65_534;
    await mustRun('chown', ['-R', `${nobody}`, own.gnupg.home, own.receiver.directory]);
    for (const folder of [parent, own.applets]) chownSync(folder, nobody, nobody);
    for (const shell of SHELLS) {
      const out = join(parent, shell);
      const { code, stderr } = await own.restore(shell, chain.newest.file, out, {
        script,
        uid: nobody,
        gid: nobody,
        cwd: '/',
      });
      expect(code, `${shell}: ${stderr}`).toBe(0);
      const mtimeToleranceNs = shell === 'busybox' ? 1_000_000_000n : 1000n;
      expect(await differences(directory, join(out, 'data'), { mtimeToleranceNs }), shell).toEqual([]);
    }
  });

  test.skipIf(!asRoot())(
    'as an ordinary account, where Windows recorded directories that nobody can enter',
    async () => {
      const own = await Beneficiary.create();
      const before = tempDir('windows');
      mkdirSync(join(before, 'crm/same/below'), { recursive: true });
      mkdirSync(join(before, 'crm/later'));
      for (const name of ['same/below/kept', 'same/below/goes', 'later/changes'])
        writeFileSync(join(before, 'crm', name), name);
      const chain = new ChainFolder(own.receiver, SOURCES, small);
      const recorded = (mode: number, fileMode: number): ReturnType<typeof treeOf> => {
        const tree = treeOf(before);
        for (const [path, node] of tree) tree.set(path, { ...node, mode: node.type === 'directory' ? mode : fileMode });
        return tree;
      };
      // Two nights as they were, and one of a later version, which says for all what had no mode before.
      await chain.add(recorded(0o666, 0o666));
      rmSync(join(before, 'crm/same/below/goes'));
      writeFileSync(join(before, 'crm/same/below/new'), 'new');
      await chain.add(recorded(0o666, 0o666));
      const nobody = 65_534;
      const parent = tempDir('restored');
      const script = join(own.receiver.directory, 'restore.sh');
      cpSync(restoreScriptFile, script);
      const tried = async (mode: number): Promise<void> => {
        await mustRun('chown', ['-R', `${nobody}`, own.gnupg.home, own.receiver.directory, parent, own.applets]);
        for (const shell of SHELLS) {
          const out = join(parent, `${shell}-${mode}`);
          const how = { script, uid: nobody, gid: nobody, cwd: '/' };
          const { code, stderr } = await own.restore(shell, chain.newest.file, out, how);
          expect(code, `${shell}: ${stderr}`).toBe(0);
          const read = await mustRun(
            'cat',
            [join(out, 'data/crm/same/below/new'), join(out, 'data/crm/later/changes')],
            how,
          );
          expect(read.stdout).toBe('newlater/changes');
          const modes = ['crm', 'crm/same', 'crm/same/below'].map(
            (name) => statSync(join(out, 'data', name)).mode & 0o777,
          );
          expect(modes, shell).toEqual([mode, mode, mode]);
        }
      };
      await tried(0o766);
      await chain.add(recorded(0o755, 0o644));
      await tried(0o755);
    },
  );

  test('with the tar of busybox it stops at once, for that reads no long names', async () => {
    const { chain } = await awkwardChain(beneficiary);
    const path = tempDir('busybox');
    symlinkSync(shells!.busybox, join(path, 'tar'));
    const parent = tempDir('restored');
    const { code, stderr } = await beneficiary.restore('busybox', chain.newest.file, join(parent, 'out'), { path });
    expect(code).toBe(1);
    expect(stderr).toContain('STOP: this tar cannot read long names: install GNU tar');
    expect(readdirSync(parent)).toEqual([]);
  });
});
