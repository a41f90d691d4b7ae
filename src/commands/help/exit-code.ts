/** What `depot help 13` and `depot help login-refused` say: the first thing that somebody types at night. */
import { packageFile } from '../../installation.js';
import { type ExitStatus, exits, exitStatuses } from '../../texts/exits.js';
import { usage } from '../flags.js';
import { wrapped } from '../../ui/wrap.js';
import { columns } from './rows.js';

/** Null for words that mean something else. @throws DepotError 'usage' for a number that depot does not exit with */
export function exitCodePage(words: readonly string[]): string | null {
  const [word = '', ...more] = words[0] === 'exit-codes' ? words.slice(1) : words;
  if (word === '' || more.length > 0) return null;
  const exit = exitStatuses.find((one) => String(one) === word || codesOf(one).includes(word));
  if (exit !== undefined) return pageOf(exit);
  if (!/^\d+$/.test(word)) return null;
  throw usage(`depot never exits with ${word}`, 'see what it exits with: «depot help exit-codes»');
}

const codesOf = (exit: ExitStatus): readonly string[] => exits[exit].codes;

/** The section of docs/exit-codes.md, without its marks. */
function pageOf(exit: ExitStatus): string {
  const section = packageFile('docs/exit-codes.md')
    .toString()
    .split(/^## /m)
    .find((one) => /^([\d, ]+): /.exec(one)?.[1]?.split(', ').includes(String(exit)) === true);
  const paragraphs = (section ?? `${exit}: ${exits[exit].en}`)
    .trim()
    .split(/\n{2,}/)
    .map((text) => plain(text));
  return `${paragraphs.join('\n\n')}\n`;
}

function plain(paragraph: string): string {
  // Items of a list stay on lines of their own.
  const lines = paragraph.replace(/\n(?!\d+\. |- )\s*/g, ' ').split('\n');
  return lines
    .map((line) => line.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', ''))
    .map((text) => wrapped({ text, hang: /^(?:- |\d+\. )?/.exec(text)![0].length }, columns))
    .join('\n');
}
