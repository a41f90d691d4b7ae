/** Where what is saved goes: a place that the person picks, or the browser's downloads; and what names a browser takes there. */
import { fromText, toText, localName } from '../dataset/bytestring.js';
import { refused } from '../dataset/tar/format.js';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';

/** What browsers based on Chromium have. */
export interface Pickers {
  showDirectoryPicker?: (o: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
  showSaveFilePicker?: (o: { suggestedName?: string }) => Promise<FileSystemFileHandle>;
}

/** What the person chose; null when they thought better of it, or the browser refuses to ask, which `refused` is told. */
export async function chosen<T>(ask: () => Promise<T>, refused: (error: unknown) => void): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isNamed(error, 'AbortError')) refused(outOfBrowser(error));
    return null;
  }
}

/** The browser's own refusals, in words. */
export function outOfBrowser(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  const code = error.name === 'QuotaExceededError' ? 'local-disk-full' : 'local-not-writable';
  return new DepotError(code, `the browser could not save: ${printable(error.message)}`, {
    hint: 'choose a place with enough room that this account may write to',
    cause: error,
  });
}

/** A browser suggests only names that are safe on every system. */
export function safeName(path: string): string {
  const name = path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/[^\p{L}\p{N}._ ()-]+/gu, '_')
    .replace(/^[. ]+|[. ]+$/g, '');
  return name === '' ? 'file' : name.slice(0, 120);
}

/** Whose rules for names the folder follows that things are saved into. */
export function platform(): NodeJS.Platform {
  const agent = navigator.userAgent;
  return agent.includes('Windows') ? 'win32' : agent.includes('Mac OS') ? 'darwin' : 'linux';
}

/** Gives the browser a file to keep. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = safeName(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const MOST_OF_ONE_NAME = 1000;

/**
 * Asks for `name`; where the browser does not take it, for it with ever more of it as `%` and hex digits. Chromium
 * takes on no system what is awkward on one of them: `notes~`, `x.url`, `desktop.ini`, `con`, a dot at the end,
 * characters that do not show.
 */
export async function allowed<T>(name: string, ask: (name: string) => Promise<T>): Promise<T> {
  const safe = toText(localName(fromText(name), 'win32'))!.replace(/[^\p{L}\p{N}%._ ()-]|^[. ]|[. ]$/gu, escaped);
  let refusal: unknown;
  for (const spelling of [name, safe, safe.replaceAll('.', escaped)]) {
    try {
      return await ask(spelling);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

function escaped(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}

/** The name as the browser takes it, or where something has it, perhaps in other case, with a number. */
export async function freeName(directory: FileSystemDirectoryHandle, name: string): Promise<string> {
  return allowed(name, async (spelling) => {
    for (let n = 1; n <= MOST_OF_ONE_NAME; n++) {
      const tried = n === 1 ? spelling : `${spelling}~${n}`;
      if (!(await exists(directory, tried))) return tried;
    }
    throw refused(`the archive holds more than ${MOST_OF_ONE_NAME} files of one name`);
  });
}

async function exists(directory: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await directory.getFileHandle(name);
    return true;
  } catch (error) {
    if (isNamed(error, 'NotFoundError')) return false;
    if (isNamed(error, 'TypeMismatchError')) return true;
    throw error;
  }
}

/** Whether it is this error of the browser's. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name;
}
