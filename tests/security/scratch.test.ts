/** Law 2 of docs/architecture.md, for `verify --deep --scratch`: what it keeps on disk for a moment is no plaintext. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyNight } from '../../src/reader/verify.js';
import { alteredDepot } from '../support/altered.js';
import { pattern } from '../support/awkward.js';
import { type Canary, canary, leaks, textCanary } from '../support/canaries.js';
import { checkout, json } from '../support/cli.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { traced } from '../support/strace.js';

const strace = peer('strace');
const script = join(checkout, 'bin/depot.js');

/** The file keeps its name, so that what was in it can be looked at. */
const named = {
  'dataset/extract/spool.ts': (source: string) =>
    source.replace('unlinkSync(toPath(this.#file));', '').replace('if (this.#named) rmSync', 'if (false) rmSync'),
};

describe('verify --deep --scratch', () => {
  let supplier: Supplier;
  let canaries: Canary[];
  let proof: string[];

  beforeAll(async () => {
    const server = await startScriptedServer();
    supplier = await Supplier.create(
      { ...server, remoteDirectory: '/in' },
      { ownProcess: true, arrangement: { incremental: { agentKeeps: '90d' }, compression: 'none' } },
    );
    const push = async (): Promise<void> => {
      const { code, stderr } = await supplier.depot(['push']);
      expect(code, stderr).toBe(0);
    };
    const [contents, name, late] = ["a file's contents", "a file's name", 'what came later'].map(canary);
    const hex = name.bytes.toString('hex');
    canaries = [contents, late, name, textCanary("a file's name as text", hex)];
    const dump = join(supplier.data, `${hex}.sql`);
    writeFileSync(dump, Buffer.concat([pattern(2_000_000), contents.bytes, pattern(2_000_000, 3)]));
    for (let i = 0; i < 20; i++) writeFileSync(join(supplier.data, `${hex} ${i}`), contents.bytes);
    await push();
    appendFileSync(dump, late.bytes);
    rmSync(join(supplier.data, `${hex} 3`));
    await push();
    const released = tempDir('released');
    for (const [path, bytes] of server.files) {
      if (/\.(?:pgp|json|asc)$/.test(path)) writeFileSync(join(released, path.split('/').at(-1)!), bytes);
    }
    proof = ['verify', released, '--signer', supplier.signerPublic, '--key', supplier.recipientKey, '--deep'];
  });

  async function verify(program: string): Promise<{ code: number | null; scratch: string; text: string }> {
    const scratch = join(tempDir('scratch'), 'scratch');
    mkdirSync(scratch);
    const done = await supplier.depot([...proof, '--scratch', scratch, '--json'], { script: program });
    return { code: done.code, scratch, text: done.stdout + done.stderr };
  }

  function kept(directory: string): [string, Buffer][] {
    return readdirSync(directory).flatMap((name): [string, Buffer][] => [
      [`the name ${name}`, Buffer.from(name)],
      [name, readFileSync(join(directory, name))],
    ]);
  }

  test('puts the night together, and leaves nothing in that directory', async () => {
    const { code, scratch, text } = await verify(script);
    expect(code, text).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
    const { stderr } = await supplier.depot([...proof, '--scratch', scratch]);
    expect(stderr).toMatch(/the contents need up to .* are free; they are encrypted there, and removed at the end/);
  });

  test('keeps nothing there that could be read', async () => {
    const { code, scratch, text } = await verify(await alteredDepot(named));
    expect(code, text).toBe(0);
    const found = kept(scratch);
    expect(found[1][1].length).toBeGreaterThan(4_000_000);
    expect(leaks(found, canaries)).toEqual([]);
  });

  test('control: contents that are not encrypted there are found', async () => {
    const { scratch } = await verify(
      await alteredDepot({
        ...named,
        'dataset/assemble/scratch.ts': (source) =>
          source.replace(/const sealed = createCipheriv\([^;]*;/, 'const sealed = bytes;'),
      }),
    );
    expect(leaks(kept(scratch), canaries).length).toBeGreaterThan(2);
  });

  test.skipIf(strace === undefined)('writes into that directory, and nowhere else', async () => {
    const scratch = tempDir('scratch');
    const { code, written, stderr } = await traced(strace!, [...proof, '--scratch', scratch], {
      cwd: supplier.directory,
    });
    expect(code, stderr).toBe(0);
    expect(written.filter((path) => !/^\/dev\/|^\/proc\/|:/.test(path) && !path.startsWith(`${scratch}/`))).toEqual([]);
  });

  test('the room that it takes is said before anything is opened', async () => {
    const events: string[] = [];
    const { code } = await verifyNight(
      {
        suitcases: [proof[1]],
        signers: [supplier.signerPublic],
        key: supplier.recipientKey,
        deep: true,
        noSignature: false,
        scratch: tempDir('scratch'),
        signal: new AbortController().signal,
        passphrase: () => Promise.reject(new Error('no passphrase')),
      },
      { warn: () => undefined, note: () => events.push('room'), progress: () => events.push('opening') },
    );
    expect(code).toBeNull();
    expect(events.slice(0, 2)).toEqual(['room', 'opening']);
    expect(events.filter((event) => event === 'room')).toHaveLength(1);
  });

  test('too small a disk is said before anything is opened', async () => {
    // A file system without room.
    const done = await supplier.depot([...proof, '--scratch', '/proc', '--json']);
    expect(done.code).toBe(5);
    expect(json(done).error).toMatchObject({
      code: 'local-disk-full',
      message: expect.stringMatching(/nothing was opened/) as string,
    });
  });
});
