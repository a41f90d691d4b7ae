/**
 * Where depot talks. The rules:
 *
 * - stdout is the result, stderr is the rest: errors, hints, warnings, progress, questions.
 * - `--json`: one document on stdout, for errors too. `--quiet`: nothing on plain success; warnings are held back and shown only
 *   when the run fails, but for those that somebody must act on. Both: the document, and those.
 * - `--json-events`: lines on stdout while it goes on, and that document as the last of them.
 * - `--verbose` and DEPOT_LOG: a log on stderr, one line each, above the progress line; whatever `--json` and `--quiet` say.
 * - An error says what, whether anything was published, and what to type next, which works as typed (typed.ts). No stack traces without DEPOT_DEBUG=1.
 * - Words carry the meaning. Colour only repeats it, and only on a terminal without NO_COLOR and `--no-color`.
 * - On a terminal, prose and rows of tables are broken between words; files and lines to type are not. Elsewhere nothing is broken.
 * - Nothing asks a question unless a person sits there: stdin and stderr are terminals, and no `--json`.
 */
import { styleText } from 'node:util';
import type { DepotError, ErrorDetails } from '../errors.js';
import { printable } from '../printable.js';
import { Events } from './events.js';
import { listenToLog } from '../log.js';
import { errorDocument, errorLines, hintLines } from './errors.js';
import { logLevelOf, logText } from './log.js';
import { notWritten, Watched } from './output.js';
import type { Progress } from './progress.js';
import { TypedLines, unmarked } from './typed.js';
import { type Hanging, type Line, wrapped } from './wrap.js';

export interface Streams {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const narrowest = 20;
const patienceMs = 1000;

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

export class Screen {
  readonly json: boolean;
  /** What happens is told line by line, before that document. */
  readonly events: boolean;
  readonly quiet: boolean;
  /** A person can be asked. */
  readonly interactive: boolean;
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
  readonly #stdout: NodeJS.WriteStream;
  readonly #out: Watched;
  readonly #err: Watched;
  #done: ErrorDetails = {};
  #closed = false;
  /** The document was given. */
  #answered = false;
  /** It was bad news. */
  #failed = false;
  /** The cause of the error that was told. */
  #toldOf: unknown = null;
  readonly #color: boolean;
  readonly #redraws: boolean;
  readonly #typed: TypedLines;
  readonly #verbose: boolean;
  readonly #env: NodeJS.ProcessEnv;
  #held: string[] = [];
  #progress: Progress | null = null;

  /** Looks at `argv` itself, because an error in parsing the flags is to be told in the way that the flags ask for. */
  constructor(p: Streams) {
    const end = p.argv.indexOf('--');
    const flags = new Set(end === -1 ? p.argv : p.argv.slice(0, end));
    this.events = flags.has('--json-events');
    this.json = this.events || flags.has('--json');
    // -qv is both.
    const short = [...flags].filter((flag) => /^-[qv]+$/.test(flag)).join('');
    this.quiet = flags.has('--quiet') || short.includes('q');
    this.#verbose = flags.has('--verbose') || short.includes('v');
    this.#env = p.env;
    this.stdin = p.stdin;
    this.stderr = p.stderr;
    this.#stdout = p.stdout;
    this.#out = new Watched(p.stdout);
    this.#err = new Watched(p.stderr);
    this.#typed = new TypedLines(p.argv);
    this.interactive = !this.json && p.stdin.isTTY && p.stderr.isTTY;
    this.#color = !flags.has('--no-color') && !p.env.NO_COLOR && p.env.TERM !== 'dumb';
    this.#redraws = p.env.TERM !== 'dumb' && p.env.CI === undefined;
  }

  /** The result of a command: the document with `--json`, else the lines; with `--quiet` only those to `act` on. Only a line with a hang is ever broken. */
  result(document: object, lines: readonly Line[], act: readonly Line[] = []): void {
    this.#print(document, this.quiet ? act : lines);
  }

  /** A result that is bad news (a failed check, a stale arrangement): shown with `--quiet` too. */
  failure(document: object, lines: readonly Line[]): void {
    this.#failed = true;
    this.#release();
    this.#print(document, lines);
  }

  /** What somebody must act on (`act`) is no plain success, and said with `--quiet` too. `of`: the arrangement that it is about. */
  warn(message: string, weight?: 'act', of?: string): void {
    this.#emit('warning', { ...(of !== undefined && { arrangement: of }), message, act: weight === 'act' });
    const whose = of === undefined ? '' : `${of}: `;
    const line = `${this.#paint(this.stderr, 'yellow', 'depot: warning:')} ${safe(whose + message)}`;
    if (this.quiet && weight !== 'act') this.#held.push(line);
    else this.#say(line);
  }

  /** Something worth knowing that is neither result nor warning. Scripts are spared it. */
  note(message: string): void {
    if (!this.quiet && !this.json) this.#say(safe(message));
  }

  /** Shows the log where somebody wants it, until the function that this returns is called. */
  showLog(): () => void {
    const { level, wrong } = logLevelOf(this.#verbose, this.#env);
    if (wrong !== undefined) this.warn(`DEPOT_LOG is info or debug, not ${JSON.stringify(wrong)}`);
    if (level === null) return () => undefined;
    return listenToLog(level, (line) => {
      this.stderr.write(`${logText(line, new Date())}\n`);
    });
  }

  /** What to do about a result that is bad news. */
  hint(message: string): void {
    if (!this.json) this.#say(`depot: hint: ${safe(message)}`);
  }

  error(error: DepotError, debug = false): void {
    this.#failed = true;
    this.#release();
    this.#toldOf = error.cause;
    if (this.json) this.#document(errorDocument(error));
    else this.#sayError(error);
    if (debug) this.#say(safe(trace(error)));
  }

  /** See `TypedLines`. */
  pushesAs(as: string): void {
    this.#typed.pushesAs(as);
  }

  /** A hint with its command lines as they are to be typed, each at the end of its line, for whoever reads it elsewhere. */
  typed(hint: string): string {
    return this.#typed.complete(hintLines(hint).join('\n'));
  }

  /** A word of the result in colour, for a terminal. */
  paint(style: Style, text: string): string {
    return this.#paint(this.#stdout, style, text);
  }

  /** For the events of an arrangement, or of a command; null where nobody reads them. */
  eventsOf(arrangement?: string): Events | null {
    return this.events ? new Events((event, fields) => this.#emit(event, fields), arrangement) : null;
  }

  /** Shows progress while a terminal is there and the user did not ask for silence; null otherwise. */
  async progress(): Promise<Progress | null> {
    // A terminal that does not know its width (0 columns, as some wrappers make them) sends ora into an endless loop.
    if (this.json || this.quiet || !this.stderr.isTTY || !(this.stderr.columns > narrowest)) return null;
    const { Progress } = await import('./progress.js');
    this.#progress = new Progress(this.stderr, { color: this.#color, redraws: this.#redraws });
    return this.#progress;
  }

  /** Asks a person something, with no progress line beside the question. */
  async asking<T>(question: () => Promise<T>): Promise<T> {
    const goOn = this.#progress?.pause();
    const answer = await question();
    goOn?.();
    return answer;
  }

  /** An error beside a result that was given already: on stderr, with `--json` too. Returns its exit status. */
  late(error: DepotError, debug = false): number {
    this.#release();
    this.#sayError(error);
    if (debug) this.#say(safe(trace(error)));
    return error.exit;
  }

  /**
   * Waits until everything is written; not long once `signal` is aborted, since a reader that has stopped reading must not
   * outlive Ctrl-C. If the result was not written, says so and returns the exit status of that; null when all is well.
   */
  async close(signal: AbortSignal, debug = false): Promise<number | null> {
    this.#progress?.stop();
    // A command that a signal did not wait for may still go on, and must not answer a second time.
    this.#closed = true;
    const seen = { all: false };
    const written = Promise.all([
      this.#out.written().then(() => {
        seen.all = true;
      }),
      this.#err.written(),
    ]);
    await Promise.race([written, patience(signal)]);
    // Of a failure there is nothing more to say.
    const lost: NodeJS.ErrnoException | null =
      this.#out.lost ?? (seen.all || this.#failed ? null : new Error('nobody reads it'));
    if (lost === null) return null;
    const error = notWritten(lost, this.#done);
    // Whoever stops reading words (`| head`) knows it. A document is for a program, and that a deposit was made must be heard.
    if (lost !== this.#toldOf && (lost.code !== 'EPIPE' || this.json || error.published !== undefined))
      this.late(error, debug);
    return error.exit;
  }

  /** What was done, for the case that the result which says so cannot be written. */
  done(details: ErrorDetails): void {
    this.#done = details;
  }

  #sayError(error: DepotError): void {
    for (const line of errorLines(error))
      this.#say(line.replace(/^depot: error:/, (label) => this.#paint(this.stderr, 'red', label)));
  }

  /** A result that is neither prose nor a document: a script for a shell, metrics. */
  print(text: string): void {
    if (!this.#closed && text !== '') this.#stdout.write(text);
  }

  /** Part of a long result: a line of JSON each with `--json`, else the lines. Waits until there is room for more. @throws DepotError when nobody reads it */
  async part(documents: readonly object[], lines: readonly Line[]): Promise<void> {
    const { lost } = this.#out;
    if (lost !== null) throw notWritten(lost);
    if (this.#closed) return;
    const text = this.json
      ? documents.map((one) => jsonText(one, (text) => text))
      : lines.map((line) => (typeof line === 'string' ? line : this.#fitted(this.#stdout, line)));
    if (text.length > 0 && !this.#stdout.write(`${text.join('\n')}\n`)) await this.#out.drained();
  }

  #print(document: object, lines: readonly Line[]): void {
    this.#progress?.stop();
    if (this.json) this.#document(document);
    else if (lines.length > 0)
      this.print(
        `${lines.map((line) => (typeof line === 'string' ? this.#typed.complete(line) : this.#fitted(this.#stdout, line))).join('\n')}\n`,
      );
  }

  #document(document: object): void {
    if (this.events) this.#emit('result', document);
    else this.#json(document);
    this.#answered = true;
  }

  /** One line. Nothing comes after the result. */
  #emit(event: string, fields: object): void {
    if (this.events && !this.#answered) this.#json({ event, time: new Date().toISOString(), ...fields });
  }

  #json(document: object): void {
    this.print(`${jsonText(document, (text) => this.#typed.complete(text))}\n`);
  }

  /** Writes a line to stderr. While the progress line is there, ora takes it away and puts it back. */
  #say(line: string): void {
    for (const text of line.split('\n'))
      this.stderr.write(
        `${this.#fitted(this.stderr, { text, hang: text.length - text.trimStart().length + (text.includes('depot: ') ? 2 : 0) })}\n`,
      );
  }

  #fitted(stream: NodeJS.WriteStream, line: Hanging): string {
    const text = this.#typed.fill(line.text);
    return unmarked(stream.isTTY ? wrapped({ ...line, text }, stream.columns) : text);
  }

  #release(): void {
    this.#progress?.stop();
    for (const line of this.#held) this.#say(line);
    this.#held = [];
  }

  #paint(stream: NodeJS.WriteStream, style: Style, text: string): string {
    return this.#color && stream.isTTY ? styleText(style, text) : text;
  }
}

/** Resolves a while after the signal; does not keep the process alive. */
function patience(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const start = () => setTimeout(resolve, patienceMs).unref();
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
}

/** JSON that a terminal may show: what `JSON.stringify` leaves raw of what `printable` escapes is escaped, which parsers read as the same text. */
function jsonText(document: object, complete: (text: string) => string): string {
  return JSON.stringify(document, (_, value: unknown) => (typeof value === 'string' ? complete(value) : value)).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Line by line, so that our own line breaks survive and nobody else's control characters do. */
function safe(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Stack and causes, for DEPOT_DEBUG. Never an error's other properties: libraries keep connection options there, with passwords. */
function trace(error: Error): string {
  const out: string[] = [];
  const seen = new Set<unknown>();
  let e: unknown = error;
  for (; e instanceof Error && !seen.has(e); e = e.cause) {
    seen.add(e);
    const code = 'code' in e && (typeof e.code === 'string' || typeof e.code === 'number') ? ` [${e.code}]` : '';
    out.push(`${out.length === 0 ? 'debug' : 'cause'}${code}: ${e.stack ?? `${e.name}: ${e.message}`}`);
  }
  if (e !== undefined && e !== null && !(e instanceof Error)) out.push(`cause: ${typeof e}`);
  return out.join('\n');
}
