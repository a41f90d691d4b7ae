import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depotScript } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

const python = peers('python3')?.python3;

/**
 * A terminal of this width and a person at it: whenever the program has written the first of a pair (since the last
 * answer), the second is typed. Prints what the terminal got, then the exit status.
 */
const person = `
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
width, dialogue, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24 if width else 0, width, 0, 0))
    os.execv(command[0], command)
seen, since, end = b'', 0, time.time() + 60
while time.time() < end and len(seen) < 5000000:
    if select.select([fd], [], [], 0.05)[0]:
        try: got = os.read(fd, 65536)
        except OSError: break
        if not got: break
        seen += got
    if dialogue and dialogue[0][0].encode() in seen[since:]:
        since = len(seen)
        os.write(fd, dialogue.pop(0)[1].encode())
else:
    os.kill(pid, signal.SIGKILL)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(seen + b'\\n' + str(status).encode())
`;

interface Session {
  code: number;
  /** Without escape sequences. */
  text: string;
  raw: string;
}

async function terminal(args: string[], o: { cwd: string; columns?: number; dialogue?: [after: string, typed: string][]; env?: NodeJS.ProcessEnv }): Promise<Session> {
  const result = await run(python!, ['-c', person, String(o.columns ?? 100), JSON.stringify(o.dialogue ?? []), process.execPath, depotScript, ...args], { cwd: o.cwd, env: bareEnvironment({ TERM: 'xterm', HOME: o.cwd, ...o.env }) });
  const [, raw = '', code] = /^([\s\S]*)\n(-?\d+)$/.exec(result.stdout) ?? [];
  return { code: Number(code), raw, text: raw.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '') };
}

const generate = ['key', 'generate', 'signer', '--name', 'Acme', '--email', 'ops@acme.example', '--out', 'acme'];

describe.skipIf(python === undefined)('questions on a terminal', () => {
  test('a passphrase is asked twice and never shown', async () => {
    const cwd = tempDir();
    const { code, text } = await terminal(generate, { cwd, dialogue: [['Passphrase for the new key', 'correct horse\r'], ['The same again', 'correct horse\r']] });
    expect(code, text).toBe(0);
    expect(text).not.toContain('correct horse');
    const { readSecretKey } = await import('../../src/pgp/keys.js');
    await expect(readSecretKey(readFileSync(join(cwd, 'acme.secret.asc')), () => Promise.resolve('correct horse'))).resolves.toMatchObject({ isSecret: true });
  });

  test('two that differ make no key', async () => {
    const cwd = tempDir();
    const { code } = await terminal(generate, { cwd, dialogue: [['Passphrase for the new key', 'one\r'], ['The same again', 'two\r']] });
    expect(code).toBe(17);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('Ctrl-C is an interrupt, with its exit code', async () => {
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

  test('says where the push is, in one line that is gone when the result comes', async () => {
    const acme = await supplier();
    const { code, text, raw } = await terminal(['push', '--config', acme.config], { cwd: acme.directory });
    expect(code, text).toBe(0);
    expect(text).toContain('acme-crm: connecting');
    expect(text.trimEnd().split('\n').slice(-6).map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(['sealed', 'uploaded', 'deposited', 'sha256', 'receipt']));
    expect(raw).not.toContain('\x1b[3');
  });

  // ora counts a line on 0 columns as infinitely many, and clears them one by one: 4 GiB of memory, and no end.
  test('a terminal that does not know its width gets none', async () => {
    const acme = await supplier();
    const { code, text } = await terminal(['push', '--config', acme.config], { cwd: acme.directory, columns: 0 });
    expect(code).toBe(0);
    expect(text).toMatch(/^dataset /m);
    expect(text).not.toContain('connecting');
  });

  test('Ctrl-C, twice, ends the push once: nothing is published and nothing is left', async () => {
    const acme = await supplier([{ command: ['sh', '-c', 'while head -c 100000 /dev/urandom; do sleep 0.1; done'], as: 'endless' }]);
    const { code, text } = await terminal(['push', '--config', acme.config], { cwd: acme.directory, dialogue: [['KiB', '\x03\x03']] });
    expect(code, text).toBe(130);
    expect(text).toContain('depot: error: acme-crm: interrupted; nothing was published');
    expect((acme.server as Awaited<ReturnType<typeof startSshd>>).names()).toEqual([]);
  });
});
