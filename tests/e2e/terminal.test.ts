import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { terminal } from '../support/terminal.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

const python = peers('python3')?.python3;

const generate = ['key', 'generate', 'signer', '--name', 'Acme', '--email', 'ops@acme.example', '--out', 'acme'];

describe.skipIf(python === undefined)('questions on a terminal', () => {
  test('a passphrase is asked twice and never shown', async () => {
    const cwd = tempDir();
    const { code, text } = await terminal(generate, {
      cwd,
      dialogue: [
        ['Passphrase for the new key', 'correct horse\r'],
        ['Repeat the passphrase', 'correct horse\r'],
      ],
    });
    expect(code, text).toBe(0);
    expect(text).not.toContain('correct horse');
    const { readSecretKey } = await import('../../src/pgp/keys.js');
    await expect(
      readSecretKey(readFileSync(join(cwd, 'acme.secret.asc')), () => Promise.resolve('correct horse')),
    ).resolves.toMatchObject({ isSecret: true });
  });

  test('two passphrases that differ make no key', async () => {
    const cwd = tempDir();
    const { code } = await terminal(generate, {
      cwd,
      dialogue: [
        ['Passphrase for the new key', 'one\r'],
        ['Repeat the passphrase', 'two\r'],
      ],
    });
    expect(code).toBe(17);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('Ctrl-C interrupts, with exit code 130', async () => {
    const cwd = tempDir();
    const { code, text } = await terminal(generate, { cwd, dialogue: [['Passphrase for the new key', '\x03']] });
    expect(code).toBe(130);
    expect(text).toContain('depot: error: interrupted');
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('with --json nothing is asked, terminal or not', async () => {
    const { code, text } = await terminal([...generate, '--json'], { cwd: tempDir() });
    expect(code).toBe(2);
    expect(JSON.parse(text)).toMatchObject({ ok: false, error: { code: 'usage' } });
  });
});

describe.skipIf(python === undefined || peers('sshd', 'ssh-keygen') === undefined)('progress on a terminal', () => {
  async function supplier(dataset?: Record<string, unknown>[]): Promise<Supplier> {
    const made = await Supplier.create(await startSshd(), dataset === undefined ? {} : { dataset });
    writeFileSync(join(made.data, 'customers.csv'), 'id;name\n'.repeat(100_000));
    return made;
  }

  test("shows the push's progress in one line, which is cleared before the result", async () => {
    const acme = await supplier();
    const { code, text, raw } = await terminal(['push', '--config', acme.config], { cwd: acme.directory });
    expect(code, text).toBe(0);
    expect(text).toContain('acme-crm: connecting');
    expect(
      text
        .trimEnd()
        .split('\n')
        .slice(-7)
        .map((line) => line.split(' ')[0]),
    ).toEqual(expect.arrayContaining(['sealed', 'uploaded', 'deposited', 'sha256', 'receipt']));
    expect(raw).not.toContain('\x1b[3');
  });

  test('the log goes above the line, and neither garbles the other', async () => {
    const acme = await supplier();
    const { code, raw, text } = await terminal(['push', '-v', '--config', acme.config], {
      cwd: acme.directory,
      env: { DEPOT_LOG: 'debug' },
    });
    expect(code, text).toBe(0);
    const before = raw.split(/\d{4}-\d\d-\d\dT[\d:.]{12}Z (?:info |debug) /).slice(0, -1);
    expect(before.length).toBeGreaterThan(40);
    // Each begins on a line that is new, or was cleared; each has ended before the line is drawn again.
    expect(before.filter((one) => !/(?:^|\n|\x1b\[[\d;?]*[A-Za-z])$/.test(one))).toEqual([]);
    expect(text.match(/[^\n]+ (?:info |debug) [^\n]*[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/g)).toBeNull();
  });

  // ora counts a line on 0 columns as infinitely many, and clears them one by one: 4 GiB of memory, and no end.
  test('is not shown on a terminal that does not know its width', async () => {
    const acme = await supplier();
    const { code, text } = await terminal(['push', '--config', acme.config], { cwd: acme.directory, columns: 0 });
    expect(code).toBe(0);
    expect(text).toMatch(/^dataset /m);
    expect(text).not.toContain('connecting');
  });

  test('a connection that is lost is waited for as long as at night, and it says so, and that it is back', async () => {
    let [lost, refused] = [false, 0];
    const server = await startScriptedServer({
      directories: ['/in'],
      script(r) {
        if (r.type !== 'write' || r.nth !== 30) return undefined;
        lost = true;
        return { then: 'drop' };
      },
      beforeLogin: () => (lost && ++refused < 3 ? 'close' : undefined),
    });
    const acme = await Supplier.create({ ...server, remoteDirectory: '/in' }, { remote: { retryFor: undefined } });
    writeFileSync(join(acme.data, 'export.bin'), randomBytes(3_000_000));
    const { code, text } = await terminal(['push', '--config', acme.config], { cwd: acme.directory, columns: 80 });
    expect(code, text).toBe(0);
    const [, since = '', until = ''] =
      /acme-crm: unreachable since ([\d:]{8}); trying until ([\d:]{8}); Ctrl-C to stop/.exec(text) ?? [];
    const seconds = (time: string): number => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    const waits = (seconds(until) - seconds(since) + 86_400) % 86_400;
    expect(waits, `${since} to ${until}`).toBeGreaterThan(29 * 60);
    expect(text).toMatch(/the connection was lost at [\d:]{8}; 127\.0\.0\.1:\d+\s.*; trying until/);
    expect(text).toMatch(/acme-crm: connected again, after .* s; the upload continues$/m);
  });

  test('Ctrl-C, twice, ends the push once: nothing is published and nothing is left', async () => {
    const acme = await supplier([
      { command: ['sh', '-c', 'while head -c 100000 /dev/urandom; do sleep 0.1; done'], as: 'endless' },
    ]);
    const { code, text } = await terminal(['push', '--config', acme.config], {
      cwd: acme.directory,
      dialogue: [['KiB', '\x03\x03']],
    });
    expect(code, text).toBe(130);
    expect(text).toContain('depot: error: acme-crm: interrupted; nothing was published');
    expect((acme.server as Awaited<ReturnType<typeof startSshd>>).names()).toEqual([]);
  });
});
