/** Finds what a document tells its reader to type. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/cli.js';

/** Every page in Markdown that is followed. docs/decisions tells what was done once, CHANGELOG what changed, bench/README.md how to measure for hours. */
export const pages: string[] = [
  ...readdirSync(checkout).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(checkout, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('docs', name))
    .filter((name) => name.endsWith('.md')),
].filter((name) => name !== 'CHANGELOG.md' && !name.startsWith('docs/decisions/'));

/** `sh`, `bat`, `powershell`: of a block with this language; `indented`: by four blanks; `text`: between backticks in a sentence. */
export type Kind = 'sh' | 'bat' | 'powershell' | 'indented' | 'text';

export interface CommandLine {
  page: string;
  kind: Kind;
  line: string;
}

const languages: Readonly<Record<string, Kind>> = {
  sh: 'sh',
  bash: 'sh',
  console: 'sh',
  bat: 'bat',
  cmd: 'bat',
  powershell: 'powershell',
};
/** What is no language of commands, or a whole script to be saved. */
const others = ['', 'yaml', 'json', 'js', 'sql', 'text', 'shell'];
/** What a line begins with that is to be typed, outside of blocks that hold nothing else. */
const program =
  /^(?:\(|(?:[A-Z_]+=\S+ )?(?:depot|npm|npx|node|git|gpg|sq|rsop|sha256sum|ssh-keygen|ssh-keyscan|systemctl|schtasks|icacls|runuser|sudo|install|docker|podman|kubectl|tar|chown|chmod|useradd|apt-get|go|python3|export|ln|sh|bash|curl|crontab|psql|pg_dump|pg_restore|mariadb|mysql|sqlite3|sqlcmd|promtool)(?= |$))/;

/** Every command line of a page, in its order and once; lines that go on in the next one are joined. */
export function commandLines(page: string): CommandLine[] {
  const found: CommandLine[] = [];
  const add = (kind: Kind, text: string): void => {
    // A comment stands after two blanks at least, and the line of another shell begins with its own sign.
    const line = text.replace(/(?:^| {2,})(?:#|REM )\s?.*$/, '').trim();
    if (line !== '' && !found.some((one) => one.line === line && one.kind === kind)) found.push({ page, kind, line });
  };
  const prose: string[] = [];
  let block: string | null = null;
  let begun = '';
  for (const raw of readFileSync(join(checkout, page), 'utf8').split('\n')) {
    const fence = /^ *```(\S*)/.exec(raw);
    if (fence !== null) {
      if (block === null && !(fence[1] in languages) && !others.includes(fence[1]))
        throw new Error(`${page}: is ${fence[1]} a language of commands? Say so in ${import.meta.filename}`);
      block = block === null ? fence[1] : null;
    } else if (block !== null && block in languages) {
      begun += begun === '' ? raw : `\n${raw}`;
      if (/(?:&&|\\|\|)$/.test(raw)) continue;
      add(languages[block], begun);
      begun = '';
    } else if (block !== null || /^ {4}/.test(raw)) {
      if (block !== 'shell' && program.test(raw.trim())) add(block === null ? 'indented' : 'sh', raw);
    } else prose.push(raw);
  }
  for (const [, text] of prose.join('\n').matchAll(/`([^`]+)`/g)) {
    const line = text.replace(/\s+/g, ' ').replaceAll('\\|', '|');
    if (line.includes(' ') && program.test(line)) add('text', line);
  }
  return found;
}
