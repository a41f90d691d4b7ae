/** However `DEPOT/restore.sh` ends without the whole night: it exits non-zero, and a line `STOP:` says why and what to do. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { ChainFolder } from '../support/chain-folder.js';
import { plain, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { Beneficiary, SHELLS, shells } from '../support/restoring.js';

/** A chain in a folder of its own, and what is typed; a test changes either. */
interface Typed {
  folder: string;
  signer: string;
  suitcase: string;
  out: string;
  /** In front of all other programs. */
  path: string;
}

describe.skipIf(shells === undefined)('restore.sh says STOP, and what to do, when', () => {
  let beneficiary: Beneficiary;
  let chain: ChainFolder;
  const big = pattern(20_480);
  const night = (content: Buffer, more: Tree = new Map()): Tree => new Map([['data/big', plain(content)], ...more]);

  beforeAll(async () => {
    beneficiary = await Beneficiary.create();
    chain = new ChainFolder(beneficiary.receiver, ['big', 'crm'], { large: 2048 });
    await chain.add(night(big));
    await chain.add(night(Buffer.concat([big.subarray(512), big.subarray(0, 512)])));
  });

  async function typed(): Promise<Typed> {
    const folder = tempDir('folder');
    for (const { file, receiptFile } of chain.nights)
      for (const name of [file, receiptFile, `${receiptFile}.asc`]) await copyFile(name, join(folder, basename(name)));
    const suitcase = join(folder, basename(chain.newest.file));
    const out = join(tempDir('restored'), 'out');
    return { folder, signer: beneficiary.receiver.signer.fingerprint, suitcase, out, path: tempDir('path') };
  }

  function program(path: string, name: string, body: string): void {
    writeFileSync(join(path, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }

  const receiptOf = (suitcase: string): string => suitcase.replace(/\.tar.*/, '.receipt.json');

  test.each<[string, RegExp, (typed: Typed) => unknown]>([
    ['the suitcase’s name is mistyped', /cannot read .*x\.pgp: is this/, (t) => (t.suitcase += 'x.pgp')],
    [
      'it is mistyped, and there is no receipt',
      /cannot read .*x\.pgp: is this/,
      (t) => Object.assign(t, { suitcase: `${t.suitcase}x.pgp`, signer: '-' }),
    ],
    ['a folder is named in place of the suitcase', /cannot read .*: is this/, (t) => (t.suitcase = t.folder)],
    ['the arguments are in another order', /cannot read/, (t) => ([t.signer, t.suitcase] = [t.suitcase, t.signer])],
    ['the receipt is named in place of the suitcase', /no good signature/, (t) => (t.suitcase = receiptOf(t.suitcase))],
    ['the fingerprint is typed in groups', /without spaces/, (t) => (t.signer = t.signer.replace(/..../g, '$& '))],
    ['the receipt is not there', /put it and its \.asc there/, (t) => rmSync(receiptOf(t.suitcase))],
    ['its signature is not there', /put it and its \.asc there/, (t) => rmSync(`${receiptOf(t.suitcase)}.asc`)],
    [
      'a directory lies in place of a suitcase',
      /ask the agent for these suitcases/,
      (t) => {
        rmSync(join(t.folder, basename(chain.nights[0].file)));
        mkdirSync(join(t.folder, basename(chain.nights[0].file)));
      },
    ],
    [
      'an earlier night lies there under the name of the last, with its receipt',
      /is the receipt of another deposit: give both files the name/,
      (t) => {
        const [full, last] = chain.nights;
        for (const [from, to] of [
          [full.file, t.suitcase],
          [full.receiptFile, receiptOf(t.suitcase)],
          [`${full.receiptFile}.asc`, `${receiptOf(t.suitcase)}.asc`],
        ] as const)
          copyFileSync(from, to);
        expect(last.file).toContain(basename(t.suitcase));
      },
    ],
    [
      'a suitcase has a line break in its name',
      /ask the agent for these suitcases/,
      (t) => renameSync(join(t.folder, basename(chain.nights[0].file)), join(t.folder, 'a.tar\nb.pgp')),
    ],
    ['nothing may be written where OUT should go', /choose a folder that exists/, (t) => (t.out = '/proc/out')],
    ['the folder for OUT does not exist', /choose a folder that exists/, (t) => (t.out = join(t.out, 'below'))],
    ['OUT is a file', /exists already: choose another name/, (t) => (t.out = receiptOf(t.suitcase))],
    [
      'OUT is a link to nothing',
      /exists already: choose another name/,
      (t) => symlinkSync('nothing', (t.out = join(t.folder, 'link'))),
    ],
    [
      'an earlier run was killed',
      /an earlier run left .*: remove it/,
      (t) => mkdirSync(`${(t.out = join(t.folder, 'out'))}.partial`),
    ],
    [
      'gpg has no key',
      /import your private key/,
      (t) => program(t.path, 'gpg', 'case " $* " in *" -d "*) exit 2 ;; esac; exec gpg.real "$@"'),
    ],
    ['there is no gpg', /no good signature/, (t) => program(t.path, 'gpg', 'exit 127')],
    ['zstd or gzip fails', /does not unpack/, (t) => program(t.path, 'cat', 'exit 1')],
    [
      'tar fails',
      /does not unpack/,
      (t) => program(t.path, 'tar', 'case $1 in -x*f) exit 2 ;; esac; exec tar.real "$@"'),
    ],
    [
      'tar is killed',
      /does not unpack/,
      (t) => program(t.path, 'tar', 'case $1 in -xpof) kill -9 $$ ;; esac; exec tar.real "$@"'),
    ],
    ...['HUP', 'INT', 'PIPE', 'TERM'].map((signal): [string, RegExp, (typed: Typed) => unknown] => [
      `it gets a SIG${signal}`,
      /^STOP: interrupted$/m,
      (t) => program(t.path, 'gpg', `kill -${signal} $PPID; exec gpg.real "$@"`),
    ]),
    [
      'there is no room',
      /do not fit on this disk: choose another one/,
      (t) => program(t.path, 'df', 'echo title; echo disk 9 9 23 9% /'),
    ],
    [
      'the disk is full',
      /nothing was restored; the lines above say why/,
      (t) => program(t.path, 'sort', 'echo "disk full" >&2; exit 2'),
    ],
  ])('%s', async (_, says, change) => {
    for (const shell of SHELLS) {
      const t = await typed();
      // What a program of this test hands on to.
      for (const [name, file] of [
        ['gpg.real', shells!.gpg],
        ['tar.real', shells!.tar],
      ])
        symlinkSync(file, join(t.path, name));
      change(t);
      const before = readdirSync(t.folder);
      const [hadOut, hadPartial] = [existsSync(t.out), existsSync(`${t.out}.partial`)];
      const { code, stderr } = await beneficiary.restore(shell, t.suitcase, t.out, { signer: t.signer, path: t.path });
      expect(code, `${shell}: ${stderr}`).toBe(1);
      expect(
        stderr
          .split('\n')
          .filter((line) => line.startsWith('STOP: '))
          .join('\n'),
        `${shell}: ${stderr}`,
      ).toMatch(says);
      expect(readdirSync(t.folder), shell).toEqual(before);
      expect(existsSync(t.out), shell).toBe(hadOut);
      expect(existsSync(`${t.out}.partial`), shell).toBe(hadPartial);
    }
  });

  test('there is no room for the small files of the increments either', async () => {
    const many: Tree = new Map(Array.from({ length: 50 }, (_, i) => [`data/crm${i}`, plain(`small ${i}`)]));
    const sources = ['big', ...[...many.keys()].map((path) => path.slice(5))];
    const chain = new ChainFolder(beneficiary.receiver, sources);
    await chain.add(night(big));
    await chain.add(night(big, many));
    for (const [free, code] of [
      [199, 1],
      [201, 0],
    ]) {
      const path = tempDir('path');
      program(path, 'df', `echo title; echo disk 9 9 ${free} 9% /`);
      const out = join(tempDir('restored'), 'out');
      const result = await beneficiary.restore('dash', chain.newest.file, out, { path });
      expect(result.code, result.stderr).toBe(code);
      if (code === 1) expect(result.stderr).toContain('STOP: 204800 bytes more do not fit on this disk');
    }
  });
});
