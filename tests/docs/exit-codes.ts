/** The parts of docs/exit-codes.md that come from src/texts/exits.ts: the table, and the codes of each section. */
import { type ExitStatus, exits, exitStatuses } from '../../src/texts/exits.js';

export const file = new URL('../../docs/exit-codes.md', import.meta.url);

/** The page with these parts as they must be. Throws when an exit status has no section. */
export function withExitCodes(page: string): string {
  const headings = new Map(
    [...page.matchAll(/^## ([\d, ]+): .*$/gm)].flatMap(([line, numbers]) =>
      numbers.split(', ').map((number) => [Number(number), line.slice(3)] as const),
    ),
  );
  const rows = exitStatuses.map((exit) => {
    const heading = headings.get(exit);
    if (heading === undefined) throw new Error(`docs/exit-codes.md has no section for exit status ${exit}`);
    const { en, do: what, ...more } = exits[exit];
    const anchor = heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-');
    return `| [${exit}](#${anchor}) | ${en} | ${'published' in more ? more.published : 'no'} | ${what} |`;
  });
  return page
    .replace(/(?<=^\| exit \|.*\n\|[-|]+\n)(?:\|.*\n)+/m, `${rows.join('\n')}\n`)
    .replace(/(?<=^## ([\d, ]+): .*\n\n)Codes:.*(?=\n)/gm, (_, numbers: string) => {
      const codes = numbers.split(', ').flatMap((number) => exits[Number(number) as ExitStatus].codes);
      return `Codes: ${codes.map((code) => `\`${code}\``).join(', ')}`;
    });
}
