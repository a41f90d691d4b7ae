/**
 * Every way that depot can end: the exit status, its codes, what it means, and what to do. Errors, `--help`, status, the report and
 * docs/exit-codes.md all read it here. Scripts depend on numbers and codes: codes are added, never renamed or moved to another number.
 */

interface Exit {
  codes: readonly string[];
  /** The words before the first comma, colon or bracket also stand alone, in lists. */
  en: string;
  nl: string;
  do: string;
  /** Whether a deposit is at the agent: `no` where nothing is said, `–` where none is under way. */
  published?: string;
}

export const exits = {
  0: {
    codes: [],
    en: 'done, or nothing to do',
    nl: 'gelukt, of niets te doen',
    do: 'nothing',
    published: 'yes, or there was nothing to publish',
  },
  1: {
    codes: ['internal'],
    en: 'a defect in depot',
    nl: 'een fout in depot',
    do: 'report it',
    published: 'see the message',
  },
  2: {
    codes: ['usage'],
    en: 'wrong use of the command line',
    nl: 'verkeerd gebruik van de opdrachtregel',
    do: 'follow the hint',
  },
  3: {
    codes: [
      'source-failed',
      'source-changed',
      'source-timed-out',
      'source-empty',
      'source-too-small',
      'source-shrunk',
      'source-client-too-old',
    ],
    en: 'a source failed, changed, timed out, was empty or shrank',
    nl: 'een bron gaf een fout, veranderde, duurde te lang, was leeg of kromp',
    do: 'check the source',
  },
  4: {
    codes: ['some-failed'],
    en: 'some arrangements failed',
    nl: 'een deel van de regelingen is mislukt',
    do: 'see each',
    published: 'see each',
  },
  5: {
    codes: [
      'local-disk-full',
      'local-not-writable',
      'local-unreadable',
      'local-limit',
      'index-damaged',
      'output-exists',
      'state-insecure',
      'schedule-failed',
    ],
    en: 'a problem on this machine: disk full, no access, output exists',
    nl: 'een probleem op deze machine: schijf vol, geen toegang, uitvoer bestaat al',
    do: 'make room, or give access',
  },
  10: {
    codes: ['config-invalid', 'config-not-found', 'config-insecure', 'config-unreadable', 'arrangement-ended'],
    en: 'configuration not usable',
    nl: 'configuratie niet bruikbaar',
    do: 'correct depot.yaml',
  },
  11: {
    codes: ['locked'],
    en: 'another push of this arrangement is running',
    nl: 'er loopt al een deponering van deze regeling',
    do: 'let it finish',
  },
  12: {
    codes: ['login-refused'],
    en: 'login refused',
    nl: 'aanmelding geweigerd',
    do: 'check user name, password and key',
  },
  13: {
    codes: ['host-key-unknown', 'host-key-changed'],
    en: 'host key unknown or changed',
    nl: 'sleutel van de server onbekend of veranderd',
    do: 'compare it with the agent, then `depot trust`, or correct `hostKey:`',
  },
  14: {
    codes: ['unreachable'],
    en: 'server not reachable (is the VPN up?)',
    nl: 'server niet bereikbaar',
    do: 'follow the hint: usually, bring up the VPN',
  },
  15: {
    codes: ['remote-permission', 'remote-no-space', 'remote-exists', 'remote-no-directory', 'remote-refused'],
    en: 'server refused: permission, space, quota, or the file exists',
    nl: 'geweigerd door de server',
    do: 'ask the agent',
  },
  16: {
    codes: ['connection-lost'],
    en: 'connection lost, or no progress, for longer than retryFor',
    nl: 'verbinding verloren',
    do: 'run it again',
  },
  17: {
    codes: ['secret-missing', 'secret-insecure', 'passphrase-wrong'],
    en: 'a secret is missing, or a passphrase is wrong',
    nl: 'een geheim ontbreekt, of een wachtwoordzin is onjuist',
    do: '`depot login`, or check the passphrase',
  },
  18: {
    codes: ['unconfirmed'],
    en: "the server's last answer was lost: possibly deposited",
    nl: 'het laatste antwoord van de server ging verloren: mogelijk gedeponeerd',
    do: 'run it again: the next run settles it',
    published: 'unknown',
  },
  20: {
    codes: ['recipient-unusable', 'signer-unusable', 'key-unreadable'],
    en: 'recipient or signing key not usable',
    nl: 'sleutel van ontvanger of ondertekenaar niet bruikbaar',
    do: 'renew the key',
  },
  21: {
    codes: ['verification-failed', 'rehearsal-failed'],
    en: 'verification failed: changed, cut off, or wrong signature',
    nl: 'verificatie mislukt',
    do: 'do not trust the file',
    published: '–',
  },
  22: {
    codes: ['not-addressed'],
    en: 'this key does not open this suitcase',
    nl: 'deze sleutel opent deze koffer niet',
    do: 'use the right key',
    published: '–',
  },
  23: {
    codes: ['archive-refused'],
    en: 'hostile or malformed archive refused',
    nl: 'archief geweigerd',
    do: 'do not trust the file',
    published: '–',
  },
  24: {
    codes: ['incomplete'],
    en: 'no check failed, but not everything could be checked',
    nl: 'niet alles kon worden gecontroleerd',
    do: 'supply what is missing',
    published: '–',
  },
  30: {
    codes: ['sidecars-pending', 'receipt-not-written'],
    en: 'deposited, but receipt or sidecars not written or delivered',
    nl: 'gedeponeerd, maar de vastlegging was niet volledig',
    do: 'run it again',
    published: 'yes',
  },
  31: {
    codes: ['stale'],
    en: 'stale: last deposit too old, or last push killed',
    nl: 'verouderd',
    do: 'find out why',
    published: '–',
  },
  32: {
    codes: ['ledger-broken'],
    en: 'ledger broken',
    nl: 'grootboek klopt niet',
    do: 'compare it with receipts held elsewhere',
    published: 'see the message',
  },
  129: {
    codes: ['hung-up'],
    en: 'hung up (SIGHUP)',
    nl: 'terminal gesloten',
    do: 'run it again',
    published: 'see the message',
  },
  130: {
    codes: ['interrupted'],
    en: 'interrupted (Ctrl-C)',
    nl: 'afgebroken',
    do: 'run it again',
    published: 'see the message',
  },
  137: {
    codes: ['killed'],
    en: 'killed, or the machine went down',
    nl: 'hard gestopt, of de machine viel uit',
    do: 'run it again: the next run settles it',
    published: 'unknown',
  },
  143: {
    codes: ['terminated'],
    en: 'terminated (SIGTERM)',
    nl: 'beëindigd',
    do: 'run it again',
    published: 'see the message',
  },
} as const satisfies Record<number, Exit>;

export type ExitStatus = keyof typeof exits;
export type ErrorCode = (typeof exits)[ExitStatus]['codes'][number];

export const exitStatuses = Object.keys(exits).map(Number) as ExitStatus[];

/** Code → exit status. */
export const exitStatus = Object.fromEntries(
  exitStatuses.flatMap((exit) => exits[exit].codes.map((code) => [code, exit])),
) as Readonly<Record<ErrorCode, ExitStatus>>;

/** What an exit status in a record means; a record may be of a later version, which knows more. */
export function exitMeaning(exit: number): Pick<Exit, 'en' | 'nl' | 'do'> {
  return (
    (exits as Partial<Record<number, Exit>>)[exit] ?? {
      en: 'an unknown exit code',
      nl: 'een onbekende exitcode',
      do: 'look it up with the newer depot that wrote the record',
    }
  );
}

/** The words that also stand alone, in lists. */
export function shortMeaning(exit: number): string {
  return exitMeaning(exit).en.replace(/ \(.*|[,:].*/, '');
}
