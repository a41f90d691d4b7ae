/** Words and lines to type: for sh, and on Windows for cmd.exe and PowerShell alike. */
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

export function moveLine(from: string, to: string, platform: NodeJS.Platform = process.platform): string {
  return `${platform === 'win32' ? 'move' : 'mv'} ${typedWord(from, platform)} ${typedWord(to, platform)}`;
}
