/** One line of text, asked for on a terminal: wrapped beside the guide, with Tab for completion and the default shown. */
import { styleText } from 'node:util';
import { TextPrompt, wrapTextWithPrefix } from '@clack/core';
import { S_BAR, S_BAR_END, symbol } from '@clack/prompts';

/** What Tab makes of the text so far: what it becomes, and what it could still be when that is not all. */
export type Complete = (typed: string) => { text: string; candidates: string[] };

export interface LineOptions {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
  signal: AbortSignal;
  message: string;
  /** Shown while nothing is typed; what is typed takes its place, and Tab puts it into the line. */
  placeholder: string | undefined;
  /** What Enter takes when nothing is typed: shown when the question is answered, and put into the line by Tab. */
  fallback: string | undefined;
  complete: Complete | undefined;
  validate: (answer: string) => string | undefined;
}

/** So many lines of candidates: the question must still fit on the screen. */
const mostCandidateLines = 4;

export class LinePrompt extends TextPrompt {
  #candidates: string[] = [];
  readonly #o: LineOptions;

  constructor(o: LineOptions) {
    super({
      input: o.input,
      output: o.output,
      signal: o.signal,
      validate: (value) => o.validate((value ?? '').trim()),
      render: () => this.#drawn(),
    });
    this.#o = o;
    this.on('key', (character) => {
      this.#candidates = [];
      if (character === '\t') this.#tab();
    });
  }

  #tab(): void {
    const typed = this.userInput;
    if (this.cursor < typed.length) return;
    const { complete, placeholder, fallback } = this.#o;
    const offered = placeholder ?? fallback;
    if (typed === '' && offered !== undefined) {
      this.#put(offered);
      return;
    }
    const found = complete?.(typed);
    if (found === undefined) return;
    if (found.text !== typed) this.#put(found.text);
    this.#candidates = found.candidates;
  }

  #put(text: string): void {
    this._clearUserInput();
    this._setUserInput(text, true);
  }

  #drawn(): string {
    const { output, message, placeholder, fallback } = this.#o;
    const gray = styleText('gray', S_BAR);
    const beside = (bar: string, text: string): string => wrapTextWithPrefix(output, text, `${bar}  `);
    const head = `${gray}\n${wrapTextWithPrefix(output, message, `${gray}  `, `${symbol(this.state)}  `)}`;
    const answer = this.userInput === '' ? (fallback ?? '') : this.userInput;
    if (this.state === 'submit') return `${head}\n${beside(gray, styleText('dim', answer))}`;
    if (this.state === 'cancel')
      return `${head}\n${beside(gray, this.userInput === '' ? '' : styleText(['strikethrough', 'dim'], this.userInput))}`;
    const colour = this.state === 'error' ? 'yellow' : 'cyan';
    const bar = styleText(colour, S_BAR);
    const below = this.state === 'error' ? [styleText('yellow', this.error)] : this.#candidateLines();
    return [
      head,
      beside(bar, this.userInput === '' ? emptyLine(placeholder) : this.userInputWithCursor),
      ...below.map((line) => beside(bar, line)),
      styleText(colour, S_BAR_END),
      '',
    ].join('\n');
  }

  #candidateLines(): string[] {
    const width = this.#o.output.columns - 4;
    const lines: string[] = [];
    for (const [i, candidate] of this.#candidates.entries()) {
      const last = lines.at(-1);
      if (last !== undefined && last.length + 2 + candidate.length <= width)
        lines.splice(-1, 1, `${last}  ${candidate}`);
      else if (lines.length < mostCandidateLines - 1) lines.push(candidate.slice(0, width));
      else {
        lines.push(`… and ${this.#candidates.length - i} more`);
        break;
      }
    }
    return lines.map((line) => styleText('dim', line));
  }
}

/** A block for the cursor, on the first character of what stands there. */
function emptyLine(placeholder = ''): string {
  if (placeholder === '') return styleText(['inverse', 'hidden'], '_');
  return styleText('inverse', placeholder[0]!) + styleText('dim', placeholder.slice(1));
}
