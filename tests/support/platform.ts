/** What tests have to know of the system that they run on. */
export const onWindows = process.platform === 'win32';
/** The modes of what only its owner may read. Windows has no modes, and Node shows those of something that everybody may. */
export const privateFile = onWindows ? 0o666 : 0o600;
export const privateDirectory = onWindows ? 0o666 : 0o700;
