import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { commandSource, directorySource, fileSource, member, pack, stdinSource } from './packing.js';

const sh = (script: string) => ['sh', '-c', script];

describe('a source with prepare and cleanup', () => {
  test('runs them before and after it is read, and before the next source', async () => {
    const directory = tempDir();
    const file = join(directory, 'crm.bak');
    const log = join(directory, 'log');
    const step = (name: string) => sh(`echo ${name} >> log; ls crm.bak >> log 2>&1 || true`);
    const { tar } = await pack(
      [
        fileSource(file, {
          prepare: sh('echo prepare >> log; echo backup > crm.bak'),
          cleanup: sh('echo cleanup >> log; rm crm.bak'),
        }),
        commandSource(['cat', 'log'], { prepare: step('second') }),
      ],
      { commandDirectory: directory },
    );
    expect(member(tar, 'data/file').content.toString()).toBe('backup\n');
    expect(readFileSync(log, 'utf8')).toMatch(/^prepare\ncleanup\nsecond\nls: /);
    expect(existsSync(file)).toBe(false);
  });

  test('gives them its env', async () => {
    const directory = tempDir();
    await pack([
      commandSource(['echo', 'x'], {
        env: { WHERE: directory },
        prepare: sh('touch "$WHERE/p"'),
        cleanup: sh('touch "$WHERE/c"'),
      }),
    ]);
    expect(existsSync(join(directory, 'p')) && existsSync(join(directory, 'c'))).toBe(true);
  });

  test('fails if prepare fails or hangs, and cleanup still runs', async () => {
    const directory = tempDir();
    const source = commandSource(['echo', 'x'], { cleanup: sh('echo cleanup >> log') });
    const log = () => readFileSync(join(directory, 'log'), 'utf8');
    await expect(
      pack([{ ...source, prepare: sh('echo no disk >&2; exit 9') }], { commandDirectory: directory }),
    ).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source output: prepare sh exited with status 9\n  no disk',
    });
    expect(log()).toBe('cleanup\n');
    await expect(
      pack([{ ...source, prepare: ['sleep', '600'], timeoutMs: 200 }], { commandDirectory: directory }),
    ).rejects.toMatchObject({
      code: 'source-timed-out',
      message: 'source output: prepare sleep took longer than 0.2 s, so depot stopped it',
    });
    expect(log()).toBe('cleanup\ncleanup\n');
  });

  test('runs cleanup if it fails, if the caller gives up, and on abort', async () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'tree'));
    writeFileSync(join(directory, 'tree', 'large'), Buffer.alloc(3_000_000));
    const cleanup = sh('echo cleanup >> log');
    const log = () => readFileSync(join(directory, 'log'), 'utf8');

    await expect(pack([commandSource(['false'], { cleanup })], { commandDirectory: directory })).rejects.toMatchObject({
      code: 'source-failed',
    });
    expect(log()).toBe('cleanup\n');

    const giveUp = pack([directorySource(join(directory, 'tree'), { cleanup })], {
      commandDirectory: directory,
      onChunk: () => {
        throw new Error('the server is gone');
      },
    });
    await expect(giveUp).rejects.toThrow('the server is gone');
    expect(log()).toBe('cleanup\ncleanup\n');

    const abort = new AbortController();
    const aborted = pack([stdinSource({ cleanup })], {
      commandDirectory: directory,
      signal: abort.signal,
      stdin: endless(() => abort.abort(new Error('interrupted'))),
    });
    await expect(aborted).rejects.toThrow('interrupted');
    expect(log()).toBe('cleanup\ncleanup\ncleanup\n');
  });

  test('is packed with a warning if only cleanup fails', async () => {
    const { warnings, summary } = await pack([
      commandSource(['echo', 'x'], { cleanup: sh('echo still in use >&2; exit 1') }),
    ]);
    expect(warnings).toEqual(['source output: cleanup sh exited with status 1\n  still in use']);
    expect(summary.complete).toBe(true);
  });
});

test('a command source that fails, hangs or prints nothing fails; with allowEmpty it may print nothing', async () => {
  await expect(pack([commandSource(sh('head -c 20000000 /dev/zero; exit 1'))])).rejects.toMatchObject({
    code: 'source-failed',
    message: 'source output: command sh exited with status 1',
  });
  await expect(pack([commandSource(sh('echo half; sleep 600'), { timeoutMs: 200 })])).rejects.toMatchObject({
    code: 'source-timed-out',
  });
  await expect(pack([commandSource(['true'])])).rejects.toMatchObject({ code: 'source-empty' });
  const { tar } = await pack([commandSource(['true'], { allowEmpty: true, name: basename('/x/empty.dump') })]);
  expect(member(tar, 'data/empty.dump.part-000001').size).toBe(0);
});

async function* endless(onWait: () => void): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
  queueMicrotask(onWait);
  await new Promise(() => undefined);
}
