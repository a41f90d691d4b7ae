/** What the YAML parser finds wrong, in words for somebody who does not know its terms, and where it begins. */
import { type Document, isCollection, isPair, isScalar, type YAMLError } from 'yaml';

/** Offset in the text, and what is wrong there. */
export interface Mistake {
  offset: number;
  message: string;
}

const indentWords = 'this line is indented differently from those that it belongs to';

/** The parser notices what is left open only where something else begins: the place is that of the opening. */
export function plainMistake({ code, message, pos: [at] }: YAMLError, text: string, document: Document): Mistake {
  // As text: the parser has more codes, whose own words will do.
  switch (code as string) {
    case 'TAB_AS_INDENT':
      return { offset: at, message: 'there is a tab in the indentation: use spaces' };
    case 'BAD_INDENT':
      return /^Flow /.test(message) ? openBracket(at, text, document) : { offset: at, message: indentWords };
    case 'MISSING_CHAR':
      if (message.startsWith('Missing closing')) return openQuote(at, message.includes('"') ? '"' : "'", document);
      return (
        noColon(at, text) ?? { offset: at, message: 'there is no value after this: a key needs a colon and a space' }
      );
    case 'MULTILINE_IMPLICIT_KEY':
      return noColon(at, text) ?? { offset: at, message: `a colon is missing here, or ${indentWords}` };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { offset: at, message: `put the value into quotes, since it has a colon in it; or ${indentWords}` };
    case 'BAD_SCALAR_START':
      return {
        offset: at,
        message: `put the value into quotes, since it begins with ${text[at] ?? 'such a character'}`,
      };
    case 'BAD_DQ_ESCAPE':
      return { offset: at, message: 'in "…" a backslash has a meaning: write \'…\' instead, or two backslashes' };
    default:
      return { offset: at, message };
  }
}

/** Not yaml's own `visit`, which calls itself: deep nesting would exhaust the stack. */
function* nodesOf({ contents }: Document): Generator {
  const left: unknown[] = [contents];
  while (left.length > 0) {
    const node = left.pop();
    yield node;
    if (isPair(node)) left.push(node.key, node.value);
    else if (isCollection(node)) for (const item of node.items) left.push(item);
  }
}

function openBracket(at: number, text: string, document: Document): Mistake {
  let opened = -1;
  for (const node of nodesOf(document)) {
    if (!isCollection(node) || node.flow !== true || !node.range) continue;
    const [from, to] = node.range;
    // A pair in a list in brackets is a mapping without any of its own.
    const closes = text[from] === '{' ? '}' : text[from] === '[' ? ']' : null;
    if (closes === null) continue;
    // Where a mapping goes on behind it, its range ends with white space.
    if (
      from < at &&
      from > opened &&
      text
        .slice(Math.max(from, to - 1000), to)
        .trimEnd()
        .at(-1) !== closes
    )
      opened = from;
  }
  if (opened === -1) return { offset: at, message: indentWords };
  const [opening, closing] = text[opened] === '{' ? ['{', '}'] : ['[', ']'];
  return text[at] === closing
    ? { offset: at, message: `indent this ${closing} further than the line with its ${opening}` }
    : { offset: opened, message: `this ${opening} is not closed: there is no ${closing} for it` };
}

function openQuote(at: number, quote: '"' | "'", document: Document): Mistake {
  let opened = -1;
  for (const node of nodesOf(document)) {
    if (!isScalar(node) || !node.range || node.type !== (quote === '"' ? 'QUOTE_DOUBLE' : 'QUOTE_SINGLE')) continue;
    const [from] = node.range;
    if (from <= at && from > opened) opened = from;
  }
  return {
    offset: opened === -1 ? at : opened,
    message: `this ${quote} is not closed: there is no other ${quote} for it`,
  };
}

/** `key:value`, which is one word to YAML. */
function noColon(at: number, text: string): Mistake | null {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const [line = ''] = text.slice(start).split('\n', 1);
  const [, before = '', key] = /^([\s-]*)([A-Za-z][\w-]*:)(?=[^\s:/])/.exec(line) ?? [];
  return key === undefined ? null : { offset: start + before.length, message: `put a space after the colon of ${key}` };
}
