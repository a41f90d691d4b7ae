/** What the page says, in both languages: the same keys in english.ts and dutch.ts. */
export interface CheckWords {
  title: string;
  passed: string;
  failed: string;
  open: string;
}

export type CheckName =
  | 'receipt'
  | 'receipt-signature'
  | 'suitcase'
  | 'suitcase-structure'
  | 'recipients'
  | 'contents'
  | 'suitcase-size'
  | 'suitcase-sha256'
  | 'key-packets'
  | 'head'
  | 'tail'
  | 'key-proof'
  | 'agent-sha256';

export type FailureName =
  | 'passphrase-wrong'
  | 'secret-missing'
  | 'key-unreadable'
  | 'verification-failed'
  | 'archive-refused'
  | 'local-unreadable'
  | 'local-disk-full'
  | 'local-not-writable'
  | 'output-exists'
  | 'internal';

export interface Words {
  /** Every `data-text` of page.html. */
  texts: Record<
    | 'title'
    | 'intro'
    | 'trust'
    | 'filesTitle'
    | 'drop'
    | 'suitcase'
    | 'suitcaseWhat'
    | 'receipt'
    | 'receiptWhat'
    | 'signature'
    | 'signatureWhat'
    | 'signers'
    | 'signersWhat'
    | 'key'
    | 'keyWhat'
    | 'passphrase'
    | 'passphraseWhat'
    | 'agent'
    | 'agentWhat'
    | 'most'
    | 'mostWhat'
    | 'choose'
    | 'remove'
    | 'check'
    | 'stop'
    | 'resultTitle'
    | 'insideTitle'
    | 'folder'
    | 'archive'
    | 'search'
    | 'name'
    | 'size'
    | 'action'
    | 'withoutTitle'
    | 'without'
    | 'withoutNames'
    | 'limitsTitle'
    | 'licencesTitle'
    | 'licences'
    | 'licencesShow',
    string
  >;
  limits: string[];
  chosen(names: string): string;
  unknown(names: string): string;
  /** Several files were dropped for a row that takes one. */
  several(row: string): string;
  nothing: string;
  badDigest: string;
  /** The choice of how much may come out that leaves it to the page. */
  mostByItself: string;
  checking: string;
  saving: string;
  stopping: string;
  stopped: string;
  /** What was half saved is gone, or lies there under this name. */
  removed: string;
  leftBehind(name: string): string;
  outcome: Record<'passed' | 'failed' | 'not possible', string>;
  verdict: Record<'passed' | 'failed' | 'otherKey' | 'withoutKey' | 'incomplete', string>;
  checks: Record<CheckName, CheckWords>;
  failures: Record<FailureName, string>;
  summary(entries: string, bytes: string, notListed: string | null): string;
  /** The receipt quotes other session key packets than the suitcase has. */
  otherReceipt: string;
  /** Of several receipts this one was taken. */
  otherReceipts(taken: string, others: string): string;
  /** The holder's own public keys, given as the supplier's. */
  ownKeys(names: string): string;
  /** More came out than the bound. */
  tooMuchInside(most: string): string;
  tooMuchSaved(most: string): string;
  originProven: string;
  originNotProven: string;
  noManifest: string;
  canFolder: string;
  /** Before saving: how much there is, and where it stops. */
  room(bytes: string, most: string): string;
  noFolder: string;
  tooLarge: string;
  matching(shown: string, all: string): string;
  save: string;
  saveNamed(name: string): string;
  kinds: Record<'directory' | 'symlink' | 'hardlink', string>;
  saved(name: string): string;
  savedFolder(name: string, files: string, notes: number): string;
}
