/** HTML that cannot be injected into: what is put into a template is text, unless a template made it. The whole page uses it. */
import { printable } from '../printable.js';

/** HTML that is made when it is written. */
type Later = () => Iterable<string>;

/** A piece of HTML; only this file makes one. */
export class Markup {
  readonly #pieces: readonly (string | Later)[];

  private constructor(pieces: readonly (string | Later)[]) {
    this.#pieces = pieces;
  }

  /** In order, piece by piece. */
  *chunks(): Generator<string, void> {
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') yield piece;
      else yield* piece();
    }
  }

  toString(): string {
    return [...this.chunks()].join('');
  }

  static join(strings: readonly string[], values: readonly Content[]): Markup {
    const pieces: (string | Later)[] = [];
    let text = '';
    const add = (value: Content): void => {
      if (value === null || value === undefined) return;
      if (Array.isArray(value)) (value as readonly Content[]).forEach(add);
      else if (!(value instanceof Markup)) text += escape(printable(String(value)));
      else {
        for (const piece of value.#pieces) {
          if (typeof piece === 'string') text += piece;
          else {
            pieces.push(text, piece);
            text = '';
          }
        }
      }
    };
    for (const [i, one] of strings.entries()) {
      text += one;
      if (i < values.length) add(values[i]);
    }
    return new Markup([...pieces, text]);
  }

  /** Of many items, such as the rows of a long table: each is made when it is written, and not kept. */
  static each<T>(items: readonly T[], make: (item: T) => Markup): Markup {
    return new Markup([
      function* () {
        for (const item of items) yield* make(item).chunks();
      },
    ]);
  }
}

/** What a template takes: text and numbers are escaped, lists are put one after the other, null is nothing. */
export type Content = string | number | Markup | null | undefined | readonly Content[];

/** The template tag: what stands in the template is HTML, what is put into it is text. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  return Markup.join(strings, values);
}

/** Text of several lines as it is, for a `pre`: line breaks stay, other control characters are shown. */
export function verbatim(text: string): Markup {
  return Markup.join(['', ''], [text.split('\n').flatMap((line, i) => (i === 0 ? [line] : [newline, line]))]);
}

const newline = Markup.join(['\n'], []);

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** For text and for quoted attributes alike. */
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => entities[c]!);
}

/** A text in both languages; the page shows one of them. */
export function both(en: Content, nl: Content): Markup {
  return html`<span class="en" lang="en">${en}</span><span class="nl" lang="nl">${nl}</span>`;
}
