import { bareEnvironment, depotScript } from './cli.js';
import { peer } from './peers.js';
import { run } from './process.js';

/**
 * A terminal of this width with a user: when the program has written the first text of a pair (since the last answer),
 * the second is typed; if the second is empty, the program only has to write the first. Prints what the terminal got,
 * then the exit status.
 */
const person = `
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
width, dialogue, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24 if width else 0, width, 0, 0))
    os.execv(command[0], command)
seen, since, end = b'', 0, time.time() + 110
while time.time() < end and len(seen) < 5000000:
    if select.select([fd], [], [], 0.05)[0]:
        try: got = os.read(fd, 65536)
        except OSError: break
        if not got: break
        seen += got
    while dialogue and dialogue[0][0].encode() in seen[since:]:
        after, typed = dialogue.pop(0)
        since = len(seen) if typed else seen.index(after.encode(), since) + len(after.encode())
        if typed:
            os.write(fd, typed.encode())
            break
else:
    os.kill(pid, signal.SIGKILL)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(seen + b'\\n' + str(status).encode())
`;

export interface Session {
  code: number;
  /** Without escape sequences. */
  text: string;
  raw: string;
}

/** A pair of a dialogue: once the program has written the first text, the second is typed. */
export type Turn = [after: string, typed: string];

export async function terminal(
  args: readonly string[],
  o: {
    cwd: string;
    columns?: number;
    dialogue?: Turn[];
    env?: NodeJS.ProcessEnv;
    program?: { node: string; script: string };
  },
): Promise<Session> {
  // The answered question is drawn once more, and would be taken for the next one.
  const twice = o.dialogue?.find(
    ([after, typed], i) => i > 0 && typed !== '' && o.dialogue![i - 1][1] !== '' && o.dialogue![i - 1][0] === after,
  );
  if (twice !== undefined)
    throw new Error(`two answers in a row to ${JSON.stringify(twice[0])}: wait for something between them`);
  const program = o.program ?? { node: process.execPath, script: depotScript };
  const result = await run(
    peer('python3') ?? 'python3',
    ['-c', person, String(o.columns ?? 100), JSON.stringify(o.dialogue ?? []), program.node, program.script, ...args],
    { cwd: o.cwd, env: bareEnvironment({ TERM: 'xterm', HOME: o.cwd, ...o.env }) },
  );
  const [, raw = '', code] = /^([\s\S]*)\n(-?\d+)$/.exec(result.stdout) ?? [];
  return { code: Number(code), raw, text: raw.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '') };
}
