/** What docs/configuration.md and the JSON Schema say about each key of depot.yaml; those of sources and databases are in source-words.ts, those of `remote:` in remote-words.ts. A key without its words does not compile. */
import type { arrangement, beneficiary, incremental, shrinkage } from '../../src/config/arrangement.js';
import type { Keys } from '../../src/config/mapping.js';
import type { ping } from '../../src/config/ping.js';
import type { notify, supplier, top } from '../../src/config/schema.js';
import type { ErrorCode } from '../../src/texts/exits.js';

export interface Words {
  about: string;
  /** As it would stand in the file. */
  example: string;
  /** Values that are wrong, as they would stand in the file; the page shows what depot says to each. */
  wrong: readonly string[];
  /** What fails later because of this key, and when. */
  later?: Partial<Record<ErrorCode, string>>;
  /** The first version that has it; 0.1.0 when left out. */
  since?: string;
}

export type WordsFor<M extends { keys: Keys }> = Readonly<Record<keyof M['keys'], Words>>;

export const topWords: WordsFor<typeof top> = {
  version: { about: 'The version of the format of depot.yaml.', example: '1', wrong: ['2', '"1"'] },
  supplier: {
    about: 'Who deposits.',
    example: '{ name: Acme SaaS B.V., signingKey: keys/supplier.secret.asc }',
    wrong: ['Acme'],
  },
  state: {
    about:
      'Where depot keeps receipts, ledgers and run records. Default: `/var/lib/depot` for a configuration in `/etc/depot`, else a directory of the account.',
    example: '/var/lib/depot',
    wrong: ['1'],
    later: { 'local-not-writable': 'depot cannot write there', 'state-insecure': 'other accounts can write there' },
  },
  notify: {
    about: 'What to run after a push, to tell people how it went.',
    example: '{ command: [/usr/local/bin/alert], on: [failure, stale] }',
    wrong: ['{ on: [failure] }'],
  },
  ping: {
    about:
      'A monitor such as Healthchecks, which depot tells over HTTP when a push begins and ends. If it hears nothing, it raises the alarm.',
    example: '{ url: "https://hc.example/ping/KEY/{arrangement}" }',
    wrong: ['https://hc.example/ping/KEY', '{ on: [failure] }'],
  },
  include: {
    about:
      'Files with more arrangements: names or globs, relative to this file. `arrangements:` is the only key in them.',
    example: '["arrangements/*.yaml"]',
    wrong: ['arrangements.yaml', '["!"]'],
    later: { 'config-insecure': 'other accounts can write one of the files' },
  },
  remote: {
    about: "The agent's server, for all arrangements. The `remote:` of an arrangement overrides single keys.",
    example: '{ host: sftp.agent.example, username: acme, directory: /incoming }',
    wrong: ['sftp.agent.example'],
  },
  arrangements: {
    about:
      'What is deposited for whom: a mapping of names to arrangements. A name has `a-z`, `0-9` and hyphens, 41 at most.',
    example:
      '{ acme-crm: { beneficiaries: [{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }], dataset: [{ directory: /srv/crm/export }] } }',
    wrong: ['[acme-crm]', '{ Acme: { beneficiaries: [], dataset: [] } }'],
  },
};

export const supplierWords: WordsFor<typeof supplier> = {
  name: { about: 'Your name, as receipts show it.', example: 'Acme SaaS B.V.', wrong: ['" "', '42'] },
  signingKey: {
    about: 'The secret key that signs receipts.',
    example: 'keys/supplier.secret.asc',
    wrong: ['~root/supplier.secret.asc'],
    later: {
      'key-unreadable': 'the file is not a secret key',
      'secret-insecure': 'other accounts can read the file',
      'signer-unusable': 'the key is expired, revoked, too weak, or cannot sign',
    },
  },
  signingKeyPassphraseFile: {
    about: 'A file with the passphrase of the signing key. Only the account that runs depot may be able to read it.',
    example: 'secrets/passphrase',
    wrong: ['""'],
    later: {
      'secret-missing': 'there is no such file, or it is empty',
      'secret-insecure': 'other accounts can read the file',
      'passphrase-wrong': 'it does not unlock the key',
    },
  },
  signingKeyPassphraseCommand: {
    about: 'A command that prints the passphrase of the signing key.',
    example: '[pass, show, depot/signing-key]',
    wrong: ['pass show depot/signing-key'],
    later: { 'secret-missing': 'it fails or prints nothing', 'passphrase-wrong': 'it does not unlock the key' },
  },
  formerSigningKeys: {
    about: 'Public keys that signed earlier receipts, which remain valid.',
    example: '[keys/2024.public.asc]',
    wrong: ['keys/2024.public.asc'],
  },
};

export const notifyWords: WordsFor<typeof notify> = {
  command: {
    about:
      'A command that gets the run record as one line of JSON on standard input. Whatever it does, the deposit stays the same.',
    example: '[/usr/local/bin/alert]',
    wrong: ['mail -s depot ops'],
  },
  on: {
    about: 'When to run it. `failure` includes a push that was killed.',
    example: '[failure, stale, shrink]',
    wrong: ['[failed]', '[]'],
  },
};

export const pingWords: WordsFor<typeof ping> = {
  url: {
    about:
      'The address: as it is after a success, with `/start` at its end when a push begins, and with `/<exit code>` after a failure. Anyone who knows it can report in your name.',
    example: '"https://hc.example/ping/KEY/{arrangement}"',
    wrong: ['hc.example/ping', '"https://acme:secret@hc.example/ping"', '"https://{arrangement}.hc.example"'],
  },
  on: {
    about:
      'What to report. A push that was not needed (`--if-older-than`, `--if-none-since`) is a success. `failure` includes what `depot status` finds: `31` for stale, `137` for killed.',
    example: '[success, failure]',
    wrong: ['[stale]', '[]'],
  },
};

export const arrangementWords: WordsFor<typeof arrangement> = {
  beneficiaries: {
    about: 'Whom the dataset is encrypted for. Nobody else can read it.',
    example:
      '[{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }]',
    wrong: ['Gemeente Voorbeeld', '[]'],
  },
  retiredKeys: {
    about: 'Fingerprints of keys that depot must never encrypt for again.',
    example: '["8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C3"]',
    wrong: ['["91C3"]'],
    later: { 'recipient-unusable': "one of them is a beneficiary's key" },
  },
  dataset: {
    about: 'What is deposited.',
    example: '[{ directory: /srv/crm/export }, { postgresql: crm }]',
    wrong: ['/srv/crm/export', '[{ file: a/x }, { file: b/x }]'],
  },
  remote: {
    about: 'Keys of [`remote`](#remote) that differ for this arrangement.',
    example: '{ directory: /incoming/crm }',
    wrong: ['/incoming/crm'],
  },
  specification: {
    about: 'Your own document about the dataset. It goes inside the deposit, where only beneficiaries can read it.',
    example: 'SPECIFICATION.md',
    wrong: ['""'],
    later: { 'source-failed': 'there is no such file' },
  },
  minSize: {
    about: 'The smallest size that the dataset may have, before compression.',
    example: '500MiB',
    wrong: ['5M', '-5'],
    later: { 'source-too-small': 'the dataset is smaller' },
  },
  shrink: {
    about:
      'What to do if a dataset has fewer than half the entries or bytes of the last deposit: `warn` warns, `fail` publishes nothing, `off` does not compare.',
    example: '{ below: 80%, then: fail }',
    wrong: ['fial', '{ then: fail }'],
    later: { 'source-shrunk': 'with `fail`, the dataset shrank' },
  },
  compression: {
    about: "How to compress the dataset; `auto` chooses what this machine and the beneficiaries' programs support.",
    example: 'gzip',
    wrong: ['zst'],
  },
  encryption: {
    about:
      'The form of the encrypted message: `modern` is SEIPD version 2 of RFC 9580, `compat` is version 1, which older programs can read too. `auto` decides by the keys.',
    example: 'compat',
    wrong: ['strong'],
    later: { 'recipient-unusable': 'with `modern`, a key does not state that it can read it' },
  },
  incremental: {
    about:
      'Deposits only what changed since the last deposit. The agent must then keep the whole chain of deposits: agree on that first.',
    example: '{ agentKeeps: 90d }',
    wrong: ['true', '{ fullEvery: 30d }', '{ fullEvery: 60d, agentKeeps: 90d }'],
  },
  spool: {
    about: 'Encrypts to a local file first, so that the upload can be resumed after a crash.',
    example: 'true',
    wrong: ['"no"'],
    later: { 'local-disk-full': 'there is no room for the file' },
  },
  every: {
    about: 'How often you agreed to deposit. The arrangement is stale after 1.25 times this.',
    example: '24h',
    wrong: ['0h', 'daily'],
    later: { stale: '`depot status` finds the last deposit older' },
  },
  ended: {
    about: 'From this day on, depot refuses to push, and the arrangement is never stale.',
    example: '2027-01-31',
    wrong: ['2027-02-30', '31-01-2027'],
    later: { 'arrangement-ended': 'a push is tried on that day or later' },
  },
};

export const beneficiaryWords: WordsFor<typeof beneficiary> = {
  name: { about: 'The name, as receipts and letters show it.', example: 'Gemeente Voorbeeld', wrong: ['" "'] },
  key: {
    about: "The beneficiary's public key.",
    example: 'keys/voorbeeld.asc',
    wrong: ['~root/voorbeeld.asc'],
    later: {
      'key-unreadable': 'the file is not a public key',
      'recipient-unusable': 'the key is expired, revoked, too weak, or cannot encrypt',
    },
  },
  fingerprint: {
    about: 'The full fingerprint, as the beneficiary read it out to you.',
    example: '"8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2"',
    wrong: ['"0123456789ABCDEF"', '"8F3A 91C2 00"'],
    later: { 'recipient-unusable': 'the key in the file has another fingerprint' },
  },
  keyMadeBy: {
    about:
      '`supplier`: you made this key for the beneficiary, so what it proves is only your word; its attestations are shown as self-attested.',
    example: 'supplier',
    wrong: ['agent'],
  },
};

export const incrementalWords: WordsFor<typeof incremental> = {
  fullEvery: {
    about: 'How old the last full deposit may get before depot makes a new one.',
    example: '14d',
    wrong: ['12h', '30'],
  },
  maxIncrements: { about: 'How many increments may follow a full deposit.', example: '30', wrong: ['0', '1000'] },
  agentKeeps: {
    about:
      'How long the agent keeps each deposit, as agreed with it. An increment opens only together with those before it, back to the full deposit, so this must be at least twice `fullEvery`.',
    example: '90d',
    wrong: ['1d', '90'],
  },
  rereadEvery: {
    about: 'How long depot takes a file as unchanged by its size and times, before it reads it again.',
    example: '7d',
    wrong: ['1h'],
  },
};

export const shrinkageWords: WordsFor<typeof shrinkage> = {
  below: {
    about: "The part of the last deposit's entries or bytes below which a dataset counts as shrunk.",
    example: '80%',
    wrong: ['0%', '0.5'],
  },
  then: { about: 'What to do then: `warn` or `fail`.', example: 'fail', wrong: ['stop'] },
};
