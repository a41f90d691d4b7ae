/** HTML that cannot be injected into: what is put into a template is text, unless a template made it. The whole page uses it. */
import { printable } from '../printable.js';

/** A piece of HTML; only this file makes one. */
export class Markup {
  readonly #html: string;

  private constructor(html: string) {
    this.#html = html;
  }

  toString(): string {
    return this.#html;
  }

  static join(strings: readonly string[], values: readonly Content[]): Markup {
    return new Markup(strings.map((text, i) => (i < values.length ? `${text}${inserted(values[i])}` : text)).join(''));
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

function inserted(value: Content): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Markup) return value.toString();
  if (Array.isArray(value)) return (value as readonly Content[]).map(inserted).join('');
  return escape(printable(String(value)));
}

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
