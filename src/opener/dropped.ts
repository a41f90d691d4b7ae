/** What was dropped onto the page: files, and folders, of which those count that lie directly in them. */

interface Dropped {
  files: File[];
  /** Beside what is wanted there may be other files. */
  hasFolder: boolean;
}

/** The File System Access API, which only browsers based on Chromium have; elsewhere a folder cannot be read. */
interface Item extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/**
 * Asks for everything before it waits: afterwards a browser tells nothing any more. `webkitGetAsEntry` would not do, since
 * Chromium reads no folder through it for a page that is a file itself.
 */
export async function droppedFiles({ items }: DataTransfer): Promise<Dropped> {
  const given = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item: Item) => ({ file: item.getAsFile(), handle: item.getAsFileSystemHandle?.() }));
  const files: File[] = [];
  let hasFolder = false;
  for (const { file, handle } of given) {
    const found = await handle;
    if (found?.kind === 'directory') {
      hasFolder = true;
      for await (const one of (found as FileSystemDirectoryHandle).values())
        if (one.kind === 'file') files.push(await one.getFile());
    } else if (file !== null) files.push(file);
  }
  return { files, hasFolder };
}
