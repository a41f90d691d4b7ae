/** What is scheduled, whatever by. */
export interface Job {
  /** Program and arguments; no shell. */
  command: string[];
  at: { hour: number; minute: number };
  /** The account; undefined leaves it to the reader. */
  user: string | undefined;
  configDirectory: string;
  stateDirectory: string;
  /** For descriptions: `acme-crm`, or `all arrangements`. */
  what: string;
  /** What root types first: the account, and its access to what it needs. */
  prepare: string[];
  /** Credentials that systemd has for depot on this machine. */
  credentials: { name: string; file: string; encrypted: boolean }[];
  requires?: string | undefined;
  onFailure?: string | undefined;
}

/** A file to make, and what to type then. */
export interface Printed {
  files: { path: string; contents: string }[];
  paste: string[];
}
