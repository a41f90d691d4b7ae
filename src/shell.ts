/** Words and lines to type: for sh, and on Windows for cmd.exe and PowerShell alike. */
import type { Parsed } from './names/parsed.js';
import { printable } from './printable.js';

/** A word as the shell takes it apart again. */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return windowsWord(word);
  return /^[A-Za-z0-9_./:@=+,%-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

/** The same in safe letters, for a line to paste from a message: somebody else's file may be called `x; rm -rf ~`. */
export function typedWord(word: string, platform: NodeJS.Platform = process.platform): string {
  return printable(shellWord(word, platform));
}

/**
 * In double quotes, which both shells know. PowerShell reads `$`, a backtick and curly quotes in them too, and cmd.exe a
 * quote: no spelling is safe in both, so these become escapes as in `printable`; the line then finds no file, and does no harm.
 */
function windowsWord(word: string): string {
  const path = /^(?:[A-Za-z]:[\\/]|\\\\)/.test(word) ? word.replace(/\//g, '\\') : word;
  const safe = path.replace(/["$`\u201c-\u201f]/g, (c) => {
    const code = c.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code}`;
  });
  if (safe === path && /^[A-Za-z0-9_.:=+\\/][A-Za-z0-9_.:=+\\/~-]*$|^-[A-Za-z0-9_.:=+\\/-]+$/.test(safe)) return safe;
  // Before the closing quote, a backslash would take its meaning.
  return `"${safe.replace(/\\+$/, '$&$&')}"`;
}

/** Shows what lies at a path. */
export function lookLine(path: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'win32' ? 'dir' : 'ls -l'} ${typedWord(path, platform)}`;
}

/** Makes a directory with those above it. */
export function mkdirLine(path: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'win32' ? 'mkdir' : 'mkdir -p'} ${typedWord(path, platform)}`;
}

/** Removes a directory with all that is in it. PowerShell's own rmdir takes other flags. */
export function removeLine(path: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'win32' ? 'cmd /c rmdir /s /q' : 'rm -r'} ${typedWord(path, platform)}`;
}

/** For whoever finds a directory empty: a question, with the line that answers it where there is one. */
export function isMounted(path: string, platform: NodeJS.Platform = process.platform): string {
  return `is its file system mounted?${platform === 'linux' ? ` ${mountLine(path, platform)}` : ''}`;
}

/** Shows the file system that a path lies on, and how it is mounted. */
export function mountLine(path: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'linux' ? 'findmnt --target' : 'df'} ${typedWord(path, platform)}`;
}

export function moveLine(from: string, to: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'win32' ? 'move' : 'mv'} ${typedWord(from, platform)} ${typedWord(to, platform)}`;
}

/** A part of a word, or the space between two. A backslash is a plain character on Windows, where paths have it. */
const pieces = {
  posix: /(\\.|[^\s'"\\|&;<>()$`*?]+|'[^']*'|"(?:[^"\\$`]|\\.)*")|(\s+)/y,
  win32: /([^\s'"|&;<>()$`*?]+|'[^']*'|"[^"]*")|(\s+)/y,
};

/**
 * A command as it is typed, taken apart into program and arguments as a shell does it. No shell runs it: what only a shell knows
 * is refused, since as a plain argument it would silently do something else.
 */
export function commandWords(line: string, platform: NodeJS.Platform = process.platform): Parsed<string[]> {
  const piece = pieces[platform === 'win32' ? 'win32' : 'posix'];
  const words: string[] = [];
  let word: string | null = null;
  for (piece.lastIndex = 0; piece.lastIndex < line.length; ) {
    const at = piece.lastIndex;
    const [, text, space] = piece.exec(line) ?? [];
    if (text !== undefined) word = (word ?? '') + bare(text, platform);
    else if (space === undefined) return { wrong: wrongAt(line[at]!) };
    else if (word !== null) {
      words.push(word);
      word = null;
    }
  }
  if (word !== null) words.push(word);
  return words.length === 0 || words[0] === '' ? { wrong: 'there is no program in it' } : { value: words };
}

function wrongAt(met: string): string {
  return /['"\\]/.test(met)
    ? `the ${met} in it has no end, or has $ or a backtick after it`
    : `no shell runs it, so ${printable(met)} has no meaning: put it between '…', or into a script`;
}

function bare(text: string, platform: NodeJS.Platform): string {
  const inner = /^['"]/.test(text) ? text.slice(1, -1) : text;
  return platform === 'win32' || text.startsWith("'") ? inner : inner.replace(/\\(.)/g, '$1');
}
