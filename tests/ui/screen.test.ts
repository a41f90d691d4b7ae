import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { labelled } from '../../src/ui/format.js';
import { Screen } from '../../src/ui/screen.js';

afterEach(() => {
  vi.useRealTimers();
});

/** A terminal of this width, which keeps what was written to it. */
function terminal(columns: number): { stream: NodeJS.WriteStream; shown: () => string } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk.toString());
  });
  const moved = (): boolean => true;
  Object.assign(stream, {
    isTTY: true,
    columns,
    rows: 24,
    cursorTo: moved,
    moveCursor: moved,
    clearLine: moved,
    clearScreenDown: moved,
  });
  return { stream: stream as unknown as NodeJS.WriteStream, shown: () => chunks.join('') };
}

const screenOn = (out: ReturnType<typeof terminal>, env: NodeJS.ProcessEnv = {}): Screen =>
  new Screen({
    argv: [],
    env: { TERM: 'xterm', ...env },
    stdin: Object.assign(new PassThrough(), { isTTY: true }) as unknown as NodeJS.ReadStream,
    stdout: out.stream,
    stderr: out.stream,
  });

test('a labelled line wraps between words, aligned with its text; other lines never wrap', () => {
  const out = terminal(40);
  screenOn(out).result({}, [
    labelled('public', 'acme.public.asc   give it to the beneficiary'),
    'a file, or a line to paste, is left as it is, however long',
  ]);
  expect(out.shown()).toBe(
    'public     acme.public.asc   give it to\n           the beneficiary\na file, or a line to paste, is left as it is, however long\n',
  );
});

test('no progress line is drawn while a question waits for its answer', async () => {
  vi.useFakeTimers();
  const out = terminal(80);
  const screen = screenOn(out);
  (await screen.progress())!.phase('verifying');
  const answer = await screen.asking(async () => {
    const before = out.shown();
    await vi.advanceTimersByTimeAsync(1000);
    expect(out.shown()).toBe(before);
    return 'typed';
  });
  const asked = out.shown().length;
  await vi.advanceTimersByTimeAsync(1000);
  await screen.close(new AbortController().signal);
  expect(answer).toBe('typed');
  expect(out.shown().slice(asked)).toContain('verifying');
});

test.each([{ CI: 'true' }, { TERM: 'dumb' }])('with %j, each phase is a line that stays', async (env) => {
  const out = terminal(80);
  const screen = screenOn(out, env);
  const progress = (await screen.progress())!;
  progress.phase('sealing');
  progress.phase('verifying');
  await screen.close(new AbortController().signal);
  expect(out.shown()).toBe('- sealing\n- verifying\n');
});
