/** What comes of the rows at each server; what is not said is exit 0, and the receipt's SHA-256 at the agent. */
import { rows, type Row } from './rows.js';
import { programs } from './programs.js';

export interface Expected {
  /** In the table's head. */
  short: string;
  /** What `version()` of the program says. */
  version: string;
  /** For the documents, where the version alone does not tell. */
  from: string;
  /** What `doctor --write-test` proposes where nothing is set. */
  advice: string[];
  /** Whether it opens a file again of which a lost connection wrote a part; otherwise a push begins again, under a new id. */
  goesOn: boolean;
  /** What an upload gets after the write test, of 4 that are asked for. */
  lanes: 1 | 4;
  /** For a while it shows a file that was taken behind its back, and fails when it comes back to one that it has closed or renamed. */
  shows?: 'what was taken';
  /** Files that it leaves, whatever a client does: docs/servers.md says why. */
  mayStay?: RegExp;
}

const sftpgo = (mode: 0 | 1 | 2): Pick<Expected, 'short' | 'version' | 'from'> => ({
  short: `SFTPGo ${mode}`,
  version: 'asyncssh 2.24.1',
  from: 'a server on AsyncSSH 2.24.1 that does with files what SFTPGo does',
});
const debian = 'Debian 12';
type Kind = Pick<Expected, 'advice' | 'goesOn' | 'lanes'>;
const resumes: Kind = { advice: [], goesOn: true, lanes: 4 };
const begins: Kind = { advice: ['spool: true', 'lanes: 1'], goesOn: false, lanes: 1 };

/** Its own names, which a server that is killed does not take up again. */
const unnamed = /^\.sftpgo-upload\./;

export const expected: Record<string, Expected> = {
  openssh: { short: 'OpenSSH', version: 'OpenSSH_9.2', from: debian, ...resumes },
  proftpd: { short: 'ProFTPD', version: 'ProFTPD Version 1.3.8', from: debian, ...resumes },
  asyncssh: { short: 'AsyncSSH', version: 'asyncssh 2.24.1', from: 'PyPI', ...resumes },
  paramiko: { short: 'Paramiko', version: 'paramiko 5.1.0', from: 'PyPI', ...resumes },
  gosftp: { short: 'pkg/sftp', version: 'pkg/sftp v1.13.6', from: 'Go module proxy', ...resumes },
  'rclone-off': { short: 'rclone', version: 'rclone v1.60.1-DEV', from: debian, ...begins, shows: 'what was taken' },
  'rclone-writes': {
    short: 'rclone, cache',
    version: 'rclone v1.60.1-DEV',
    from: debian,
    ...begins,
    mayStay: /^depot-test-/,
    shows: 'what was taken',
  },
  'sftpgo-standard': { ...sftpgo(0), ...resumes },
  'sftpgo-atomic': { ...sftpgo(1), ...begins, mayStay: unnamed },
  'sftpgo-resume': { ...sftpgo(2), ...begins, mayStay: unnamed },
};

/** All the exits that there can be: of a file that is taken before its rename, nothing is certain. */
export function exits({ id, collected }: Row, { shows }: Expected): readonly number[] {
  if (collected !== undefined && shows !== undefined) return [0, 15, 18, 30];
  if (id === 'taken-early') return [18, 0, 30];
  return id === 'advised' ? [18, 0] : [0];
}

/** The table of docs/servers.md that says what was tried with what. */
export function serversTable(): string {
  return table(
    ['server', 'version tried', 'from', 'what `doctor --write-test` proposes', 'after a lost connection a push'],
    Object.entries(expected).map(([id, { version, from, advice, goesOn }]) => [
      programs[id].name,
      version,
      from,
      advice.length === 0 ? 'nothing' : advice.map((set) => `\`${set}\``).join(', '),
      goesOn ? 'goes on' : 'begins again, under a new id',
    ]),
  );
}

/** The table of rows: the exit code at each server. */
export function rowsTable(): string {
  const servers = Object.values(expected);
  return table(
    ['tried', ...servers.map(({ short }) => short)],
    rows.map((row) => [row.title, ...servers.map((server) => cell(row, server))]),
  );
}

function cell(row: Row, server: Expected): string {
  const { goesOn, lanes } = server;
  if (row.collected !== undefined) {
    const [last, ...others] = [...exits(row, server)].reverse();
    return others.length === 0 ? String(last) : `${others.reverse().join(', ')} or ${last}`;
  }
  if (row.remote?.['lanes'] === 4 && lanes === 1) return row.fault !== undefined ? '0, 1 lane, again' : '0, 1 lane';
  if (row.fault === undefined) return '0';
  if (goesOn) return '0, goes on';
  // From a spool the same suitcase is sent again, and only what has its final name from the start needs another id.
  return row.arrangement?.['spool'] === true && row.remote?.['publish'] !== 'direct' ? '0, sent again' : '0, again';
}

function table(head: string[], lines: string[][]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
