/** Where what is saved goes: a place that the person picks, or the browser's downloads. */
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { isNamed } from './names.js';

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
    hint: 'choose a place with enough room, that this account may write to',
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
