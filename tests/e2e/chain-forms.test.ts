/** Chains as a beneficiary may get them: in the modern form, with the key in gpg, forked, of two arrangements, renamed. */
import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChainFolder, type SealedNight } from '../support/chain-folder.js';
import { type FileNode, plain, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { depotInside, json } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { modern, Receiver } from '../support/hostile-suitcase.js';
import { peers } from '../support/peers.js';
import { freshPath } from '../support/supplier.js';

const gnupg = peers('gpg', 'gpgconf');
const folder: FileNode = { type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n };
const night = (words: string): Tree =>
  new Map([
    ['data/crm', folder],
    ['data/crm/same', plain('the same every night')],
    ['data/crm/words', plain(words)],
  ]);

function released(nights: readonly SealedNight[]): string {
  const directory = tempDir('released');
  for (const { file } of nights) copyFileSync(file, join(directory, basename(file)));
  return directory;
}

async function decrypt(directory: string, args: readonly string[], env?: NodeJS.ProcessEnv) {
  const out = freshPath();
  const given = ['decrypt', directory, '--out', out, '--json', ...args];
  const { code, stdout, stderr } = await depotInside(given, env === undefined ? {} : { env });
  const said = json({ code, stdout, stderr } as Parameters<typeof json>[0]);
  const words = (): string => readFileSync(join(out, 'data/crm/words'), 'utf8');
  return { code, said, stderr, words };
}

async function chainOf(receiver: Receiver, encryption?: typeof modern): Promise<ChainFolder> {
  const chain = new ChainFolder(receiver, ['crm'], encryption === undefined ? {} : { encryption });
  for (const words of ['first', 'second', 'third']) await chain.add(night(words));
  return chain;
}

describe('a chain opens', () => {
  test('in the modern form', async () => {
    const receiver = await Receiver.create('modern');
    const chain = await chainOf(receiver, modern);
    const [key, directory] = [['--key', receiver.key.secretKey], released(chain.nights)];
    const at = ['--at', chain.newest.link.depositId];
    const { code, stderr, words } = await decrypt(directory, [...key, ...at]);
    expect(code, stderr).toBe(0);
    expect(words()).toBe('third');
    const verified = await depotInside([
      ...['verify', directory, ...key, ...at, '--no-signature', '--deep', '--scratch', tempDir('scratch')],
    ]);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test.skipIf(!gnupg)('with the key in gpg, and says what is missing; a modern one is not for gpg', async () => {
    const receiver = await Receiver.create();
    const gpg = Gnupg.create();
    await gpg.must(['--import'], { input: readFileSync(receiver.key.secretKey) });
    const env = { GNUPGHOME: gpg.home };
    const chain = await chainOf(receiver);
    const { code, stderr, words } = await decrypt(released(chain.nights), ['--gpg'], env);
    expect(code, stderr).toBe(0);
    expect(words()).toBe('third');
    const gap = await decrypt(released([chain.nights[0], chain.nights[2]]), ['--gpg'], env);
    expect(gap.code).toBe(24);
    expect(gap.said.error!.message).toContain(`missing: ${chain.nights[1].link.depositId} (`);
    const other = await Receiver.create('modern');
    const refused = await decrypt(released((await chainOf(other, modern)).nights), ['--gpg'], env);
    expect(refused.code).toBe(24);
    expect(refused.said.error).toMatchObject({
      message: expect.stringContaining('which gpg cannot read') as string,
      hint: expect.stringContaining('--key') as string,
    });
  });

  test('under other names, and beside files that are no suitcases', async () => {
    const receiver = await Receiver.create();
    const chain = await chainOf(receiver);
    const directory = released(chain.nights);
    for (const [i, { file }] of chain.nights.entries())
      renameSync(join(directory, basename(file)), join(directory, `${'cab'[i]} from the agent.bin`));
    copyFileSync(receiver.key.publicKey, join(directory, 'key.asc'));
    copyFileSync(receiver.key.publicKey, join(directory, 'notes'));
    const { code, stderr, words } = await decrypt(directory, ['--key', receiver.key.secretKey]);
    expect(code, stderr).toBe(0);
    expect(words()).toBe('third');
  });
});

describe('which night is meant has to be said', () => {
  test('where a chain forks', async () => {
    const receiver = await Receiver.create();
    const chain = await chainOf(receiver);
    const [full, , third] = chain.nights;
    await chain.add(night('another second'), { earlier: [full.link] });
    const directory = released(chain.nights);
    const key = ['--key', receiver.key.secretKey];
    const { code, said } = await decrypt(directory, key);
    expect(code).toBe(2);
    for (const { link } of [third, chain.newest]) expect(said.error!.message).toContain(link.depositId);
    expect(said.error!.hint).toContain('--at ');
    expect((await depotInside(['verify', directory, ...key])).code).toBe(2);
    for (const [one, words] of [
      [third, 'third'],
      [chain.newest, 'another second'],
      [full, 'first'],
    ] as const) {
      const opened = await decrypt(directory, [...key, '--at', one.link.depositId]);
      expect(opened.code, opened.stderr).toBe(0);
      expect(opened.words()).toBe(words);
    }
  });

  test('where there are two arrangements', async () => {
    const receiver = await Receiver.create();
    const chain = await chainOf(receiver);
    const hr = new ChainFolder(receiver, ['crm']);
    await hr.add(night('of personnel'));
    const directory = released(chain.nights);
    const name = basename(hr.newest.file).replace('acme-crm', 'acme-hr');
    copyFileSync(hr.newest.file, join(directory, name));
    const id = hr.newest.link.depositId.replace('acme-crm', 'acme-hr');
    const key = ['--key', receiver.key.secretKey];
    const { code, said } = await decrypt(directory, key);
    expect(code).toBe(2);
    expect(said.error!.message).toContain(id);
    expect(said.error!.message).toContain(chain.newest.link.depositId);
    expect((await depotInside(['verify', directory, ...key])).code).toBe(2);
    const opened = await decrypt(directory, [...key, '--at', id]);
    expect(opened.code, opened.stderr).toBe(0);
    expect(opened.words()).toBe('of personnel');
  });
});
