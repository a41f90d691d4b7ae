/** The real program gets signals: at any moment, while its parent ignores them, and while it waits for something that never comes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ignoresHangUp } from '../../src/hang-up.js';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depotScript, json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { mustRun, run } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';

test('a push of many arrangements that deposits nothing never exits with 0, whenever it is terminated', async () => {
  const supplier = await Supplier.create(nowhere);
  const document = parse(readFileSync(supplier.config, 'utf8')) as { arrangements: Record<string, object> };
  const names = Array.from({ length: 30 }, (_, i) => `a${i}`);
  writeFileSync(
    supplier.config,
    stringify({
      ...document,
      arrangements: Object.fromEntries(names.map((name) => [name, document.arrangements['acme-crm']])),
    }),
    { mode: 0o600 },
  );
  for (let i = 0; i < 6; i++) {
    // From before the program is read to the middle of the run.
    const after = 60 * i * (1 + Math.random());
    const ended = await supplier.depot(['push', '--all', '--json', '--state', tempDir()], {
      started: (child) => {
        setTimeout(() => {
          child.kill('SIGTERM');
        }, after);
      },
    });
    const at = `SIGTERM after ${after} ms: ${ended.stdout.slice(0, 200)}`;
    if (ended.signal !== null) {
      expect([ended.signal, ended.stdout], at).toEqual(['SIGTERM', '']);
      continue;
    }
    // 4 if all had failed before the signal came, since no server listens.
    expect([143, 4], at).toContain(ended.code);
    const { results } = json(ended);
    if (results !== undefined)
      expect(
        results.map(({ arrangement, ok }) => [arrangement, ok]),
        at,
      ).toEqual(names.map((name) => [name, false]));
  }
}, 60_000);

describe('a signal that is to be ignored', () => {
  test('is recognised under nohup, and when the parent ignores SIGHUP', async () => {
    expect(ignoresHangUp({ _: '/usr/bin/nohup' }, 0)).toBe(true);
    expect(ignoresHangUp({ _: '/usr/bin/node' }, 0)).toBe(false);
    expect(ignoresHangUp({}, 2 ** 22 + 1)).toBe(false);
    if (process.platform !== 'linux') return;
    const ask = `import(${JSON.stringify(new URL('../../src/hang-up.ts', import.meta.url).href)}).then(({ ignoresHangUp }) => console.log(ignoresHangUp({})))`;
    const asked = (trap: string) =>
      mustRun('sh', ['-c', `${trap} "${process.execPath}" --import tsx -e '${ask}'; exit $?`], {
        env: bareEnvironment(),
      });
    expect((await asked("trap '' HUP;")).stdout).toBe('true\n');
    expect((await asked("trap '' INT;")).stdout).toBe('false\n');
    expect((await asked('')).stdout).toBe('false\n');
  });

  test.skipIf(process.platform !== 'linux')('stays ignored, while another one ends the run', async () => {
    const cwd = tempDir();
    const signals = join(cwd, 'signals.mjs');
    // Sends the signals once depot listens. The suitcase is a fifo that nobody writes to, so only a signal ends the run.
    writeFileSync(
      signals,
      "process.on('newListener', (name) => { if (name === 'exit') setImmediate(() => { for (const signal of process.env.SIGNALS.split(' ')) process.kill(process.pid, signal); }); });",
    );
    await mustRun('mkfifo', [join(cwd, 'suitcase')]);
    const line = `"${process.execPath}" --import ${signals} "${depotScript}" verify suitcase; exit $?`;
    const ended = async (trap: string, sent: string) => {
      const { code, stderr } = await run('sh', ['-c', `${trap} ${line}`], {
        cwd,
        env: bareEnvironment({ SIGNALS: sent }),
      });
      return [code, stderr.split('\n')[0]];
    };
    expect(await ended("trap '' HUP;", 'SIGHUP SIGTERM')).toEqual([143, 'depot: error: terminated']);
    expect(await ended('', 'SIGHUP')).toEqual([129, 'depot: error: hung up']);
  });
});

describe.skipIf(process.platform === 'win32')('a fifo in place of a file', () => {
  test.each([
    ['verify --receipt FIFO', 5],
    ['key show FIFO', 5],
    ['status --config FIFO', 10],
    ['key generate signer --name A --email a@b.example --out k --passphrase-file FIFO', 17],
  ])('is refused and named by depot %s', async (line, status) => {
    const cwd = tempDir();
    const fifo = join(cwd, 'pipe');
    await mustRun('mkfifo', ['-m', '600', fifo]);
    const { code, stderr } = await depotHere(line.replaceAll('FIFO', fifo).split(' '), { cwd });
    expect([code, stderr]).toEqual([
      status,
      expect.stringMatching(/pipe (?:is a fifo, not a file|cannot be read: it is not a regular file)/),
    ]);
  });

  test('is read if it is the <(…) of a shell', async () => {
    const cwd = tempDir();
    const { stderr } = await run(
      'bash',
      ['-c', `"${process.execPath}" "${depotScript}" verify --receipt <(echo '{}')`],
      { cwd, env: bareEnvironment() },
    );
    expect(stderr).not.toContain('fifo');
    expect(stderr).toMatch(/receipt/);
  });
});
