import { rows as afterCrash } from './rows/after-crash.js';
import { rows as commit } from './rows/commit.js';
import { rows as connect } from './rows/connect.js';
import { rows as data } from './rows/data.js';
import { rows as direct } from './rows/direct.js';
import { rows as disk } from './rows/disk.js';
import { rows as increments } from './rows/increments.js';
import { rows as local } from './rows/local.js';
import { rows as openssh } from './rows/openssh.js';
import { rows as sidecars } from './rows/sidecars.js';
import { rows as sources } from './rows/sources.js';
import { rows as spoolFile } from './rows/spool-file.js';
import { rows as spool } from './rows/spool.js';
import { rows as stopped } from './rows/stopped.js';
import type { Row } from './row.js';

/** Every row of the tables, in the order of a push. The heading is also the name of the group's tests. */
export const groups: { heading: string; file: string; rows: readonly Row[] }[] = [
  { heading: 'The way to the agent', file: 'connect', rows: connect },
  { heading: 'On the way', file: 'data', rows: data },
  { heading: 'What the sources do', file: 'sources', rows: sources },
  { heading: 'Stopped on the way', file: 'stopped', rows: stopped },
  { heading: 'Close, rename and what comes of them', file: 'commit', rows: commit },
  { heading: 'After a crash around the rename', file: 'after-crash', rows: afterCrash },
  { heading: 'Beside the suitcase', file: 'sidecars', rows: sidecars },
  { heading: 'The disk of the state directory', file: 'disk', rows: disk },
  { heading: 'This machine', file: 'local', rows: local },
  { heading: 'Published directly', file: 'direct', rows: direct },
  { heading: 'The spool itself', file: 'spool-file', rows: spoolFile },
  { heading: 'From a spool', file: 'spool', rows: spool },
  { heading: 'With increments', file: 'increments', rows: increments },
  { heading: 'Against OpenSSH', file: 'openssh', rows: openssh },
];

/** The tables of docs/reliability.md, as the tests hold them. */
export function tables(): string {
  return groups
    .map(({ heading, file, rows }) =>
      [
        `### ${heading}`,
        '',
        `Tests: \`tests/reliability/${file}.test.ts\`, rows: \`tests/reliability/rows/${file}.ts\`.`,
        '',
        '| fault | how it is provoked | exit | `published` | at the agent | the next run | test |',
        '|---|---|---|---|---|---|---|',
        ...rows.map(
          (row) =>
            `| ${[row.fault, row.provoked, exitOf(row), row.published, row.left, nextOf(row), row.name].map(cell).join(' | ')} |`,
        ),
        '',
      ].join('\n'),
    )
    .join('\n');
}

function exitOf({ exit }: Row): string {
  return exit === 'killed' ? '–' : String(exit);
}

function nextOf({ next }: Row): string {
  return `${next.does}${next.exit === undefined || next.exit === 0 ? '' : ` (${next.exit})`} → ${next.left}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
