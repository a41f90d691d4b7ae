/** Open flags of SFTP version 3 (draft section 6.3). */
export const OpenFlag = { READ: 0x01, WRITE: 0x02, CREATE: 0x08, TRUNCATE: 0x10, EXCLUSIVE: 0x20 } as const;

/** For the log: `write,create,exclusive`. */
export function flagsText(flags: number): string {
  const set = Object.entries(OpenFlag).filter(([, bit]) => (flags & bit) !== 0);
  return set.map(([name]) => name.toLowerCase()).join(',');
}
