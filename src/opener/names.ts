/** Names below a folder that a browser writes to: what it takes, and what is free. */
import { fromText, toText } from '../dataset/bytestring.js';
import { localName } from '../dataset/extract/local-name.js';
import { refused } from '../dataset/tar/refused.js';

const MOST_OF_ONE_NAME = 1000;

/**
 * Asks for `name`; where the browser does not take it, for it with ever more of it as `%` and hex digits. Chromium takes on no system
 * what is awkward on one of them: `notes~`, `x.url`, `desktop.ini`, `con`, a dot at the end, characters that do not show.
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
    (octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`,
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
