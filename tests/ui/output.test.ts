import { describe, expect, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { decryptLines } from '../../src/ui/decrypt.js';
import { errorDocument, errorLines, hintLines } from '../../src/ui/errors.js';
import { pushDocument, pushLines, pushSummary, type PushReport, type ShownReceipt } from '../../src/ui/push.js';
import { verifyLines } from '../../src/ui/verify.js';
import { unbroken } from '../../src/ui/wrap.js';

const arrangement = {
  name: 'acme-crm',
  beneficiaries: [{ name: 'Gemeente Voorbeeld', fingerprint: '8F3A0C11D2E4F5061728394A5B6C7D8E9FA091C2' }],
  dataset: [
    { name: 'export', kind: 'directory' },
    { name: 'crm.pgdump', kind: 'command' },
  ],
};
const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
const receipt: ShownReceipt = {
  depositId: id,
  suitcase: { name: `${id}.tar.zst.pgp`, bytes: Math.round(5.1 * 1024 ** 3), sha256: `9f2c7d0b${'0'.repeat(52)}e17b` },
  encryption: {
    packet: 'SEIPDv1',
    aead: null,
    compression: 'zstd',
    recipients: [{ fingerprint: '8F3A0C11D2E4F5061728394A5B6C7D8E9FA091C2' }],
  },
  dataset: { entries: 4812, bytes: Math.round(18.4 * 1024 ** 3), skipped: {}, complete: true },
  transfer: { status: 'acknowledged', remoteSize: 'unreadable', durability: 'acknowledged-only' },
};
const deposit = (r: Partial<ShownReceipt> = {}): PushReport => ({
  deposit: {
    depositId: id,
    suitcase: receipt.suitcase.name,
    receiptPath: `/var/lib/depot/acme-crm/${id}.receipt.json`,
    receipt: { ...receipt, ...r },
    run: { seconds: 373, bytes: receipt.suitcase.bytes },
  },
  newLedger: false,
  files: 4812,
});

describe('a push', () => {
  test('that succeeded says what was sealed, uploaded and deposited, and where the receipt is', () => {
    expect(pushLines(deposit(), arrangement).map(unbroken)).toEqual([
      'dataset    4,811 files and crm.pgdump, 18.4 GiB',
      'sealed     5.1 GiB for Gemeente Voorbeeld (8F3A…91C2), compat, zstd',
      'uploaded   5.1 GiB in 6 min 13 s, 14.0 MiB/s; acknowledged; this server does not show files (normal)',
      `deposited  ${id}.tar.zst.pgp`,
      'sha256     9f2c7d0b…e17b',
      `receipt    /var/lib/depot/acme-crm/${id}.receipt.json`,
    ]);
  });

  test('says what was left out, and that the dataset is not complete', () => {
    const [line] = pushLines(
      deposit({ dataset: { ...receipt.dataset, skipped: { socket: 2, fifo: 0 }, complete: false } }),
      arrangement,
    );
    expect(unbroken(line)).toBe(
      'dataset    4,811 files and crm.pgdump, 18.4 GiB; left out: 2 socket; not complete: a source changed while it was read',
    );
  });

  test('says whether the server showed the size, flushed the file, or never answered at the end', () => {
    const uploaded = (t: ShownReceipt['transfer']): string =>
      unbroken(pushLines(deposit({ transfer: t }), arrangement)[2]).split('; ')[1];
    expect(uploaded({ status: 'acknowledged', remoteSize: 'matched', durability: 'size-checked' })).toBe(
      'acknowledged, size matched',
    );
    expect(uploaded({ status: 'acknowledged', remoteSize: 'matched', durability: 'fsynced' })).toBe(
      'acknowledged, size matched, on disk',
    );
    expect(uploaded({ status: 'unconfirmed', remoteSize: 'unreadable', durability: 'acknowledged-only' })).toBe(
      "the server's last answer was lost",
    );
  });

  test('says that it was skipped or a dry run, and adds up many arrangements', () => {
    expect(pushLines({ skipped: 'the last deposit is 3h old', because: 'recent' }, arrangement).map(unbroken)).toEqual([
      'skipped    acme-crm: the last deposit is 3h old',
    ]);
    expect(
      unbroken(
        pushLines(
          {
            dryRun: {
              entries: 2,
              files: 2,
              bytes: 2048,
              skipped: {},
              excluded: { files: 0, directories: 0, bytes: 0 },
              sources: [],
              complete: true,
              sealedBytes: 1024,
              seconds: 0.4,
              packet: 'SEIPDv2',
              rehearsed: false,
              chain: null,
              full: null,
              compression: 'none',
            },
          },
          arrangement,
        )[1],
      ),
    ).toBe('sealed     1.0 KiB for Gemeente Voorbeeld (8F3A…91C2), modern, not compressed, in 0.4 s');
    const results = [
      { arrangement: 'a', outcome: deposit() },
      { arrangement: 'b', outcome: { skipped: 'x', because: 'recent' as const } },
      { arrangement: 'c', error: new DepotError('unreachable', 'x') },
      { arrangement: 'd', error: new DepotError('terminated', 'x'), begun: false as const },
    ];
    expect(unbroken(pushSummary(results))).toBe(
      'summary    4 arrangements: 1 deposited, 1 skipped, 1 failed, 1 not begun',
    );
  });

  test('has an array of results in JSON, and every field in an error', () => {
    expect(
      pushDocument([
        { arrangement: 'a', outcome: { skipped: 'x', because: 'running' } },
        { arrangement: 'b', error: new DepotError('locked', 'taken', { published: 'no' }) },
      ]),
    ).toEqual({
      ok: false,
      results: [
        { arrangement: 'a', ok: true, skipped: 'x', because: 'running' },
        {
          arrangement: 'b',
          ok: false,
          error: { code: 'locked', exit: 11, message: 'taken', hint: null, published: 'no', depositId: null },
        },
      ],
    });
  });
});

describe('errors', () => {
  test('say what happened, whether anything was published, and what to type', () => {
    const error = new DepotError('unreachable', '10.20.0.5:22 not reachable for 30 min', {
      arrangement: 'acme-crm',
      published: 'no',
      hint: 'bring up the VPN, then: depot push acme-crm',
    });
    expect(errorLines(error)).toEqual([
      'depot: error: acme-crm: 10.20.0.5:22 not reachable for 30 min; nothing was published',
      'depot: hint: bring up the VPN, then: depot push acme-crm',
    ]);
    expect(errorDocument(error)).toEqual({
      ok: false,
      error: {
        code: 'unreachable',
        exit: 14,
        message: '10.20.0.5:22 not reachable for 30 min',
        hint: 'bring up the VPN, then: depot push acme-crm',
        published: 'no',
        depositId: null,
      },
    });
  });

  test('name the deposit if it was published, or possibly was', () => {
    const line = (published: 'yes' | 'unknown'): string =>
      errorLines(new DepotError('unconfirmed', 'x', { published, depositId: id }))[0];
    expect(line('yes')).toBe(`depot: error: x; published as ${id}`);
    expect(line('unknown')).toBe(`depot: error: x; possibly published as ${id}`);
  });

  test('keep their lines apart, and escape control characters', () => {
    expect(
      errorLines(
        new DepotError(
          'config-invalid',
          '2 problems in the configuration\ndepot.yaml:3:1: one\ndepot.yaml:4:1: \x1b[31mtwo',
        ),
      ),
    ).toEqual([
      'depot: error: 2 problems in the configuration',
      '  depot.yaml:3:1: one',
      '  depot.yaml:4:1: \\x1b[31mtwo',
    ]);
  });
});

test('a verification says "failed" and "not checked" in words', () => {
  expect(
    verifyLines({
      ok: false,
      result: 'failed',
      checks: [
        { name: 'receipt', result: 'passed', detail: 'of deposit x' },
        { name: 'suitcase-sha256', result: 'failed', detail: 'differs' },
        { name: 'agent-sha256', result: 'not possible', detail: 'not given' },
      ],
    }).map(unbroken),
  ).toEqual([
    '✓ receipt          of deposit x',
    '✗ suitcase-sha256  failed: differs',
    '– agent-sha256     not checked: not given',
    '',
    'failed: 1 of 3 checks, 1 not checked',
  ]);
});

test('decrypt says whether the origin is proven, and what to add if it is not', () => {
  const opened = { entries: 3, bytes: 2048, out: '/tmp/x', origin: 'not proven' as const, warnings: [] };
  expect(decryptLines(opened, false).map(unbroken)).toEqual([
    'opened     3 entries, 2.0 KiB; every byte authenticated',
    'origin     not proven: anyone with the public key can make a suitcase; give --receipt and --signer',
    'contents   /tmp/x',
  ]);
  expect(unbroken(decryptLines(opened, true)[1])).toBe(
    'origin     not proven: the suitcase matches the receipt, but its signature was not checked; add --signer',
  );
  expect(unbroken(decryptLines({ ...opened, entries: null }, false)[0])).not.toContain('entries');
  expect(decryptLines({ ...opened, origin: 'proven', out: null }, true)).toHaveLength(2);
});

test('decrypt of a chain that was salvaged asks for no signer: one may have been given', () => {
  const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
  const counts = { entriesOfNight: null, incomplete: 1, withMissingBytes: 1, maybeOutdated: 0 };
  const salvaged = { of: id, wanted: id, ...counts, missing: ['x'], whole: [] };
  const opened = { entries: 3, bytes: 2048, out: null, origin: 'not proven' as const, warnings: [], salvaged };
  expect(unbroken(decryptLines(opened, true).at(-1)!)).toBe(
    'origin     not proven: no receipt here agrees with what was salvaged',
  );
});

test.each([
  { entries: 12, of: 69, outdated: 0, says: '12 of the 69 entries of that night' },
  { entries: 69, of: 69, outdated: 5, says: '64 of the 69 entries of that night and 5 that may be out of date' },
  { entries: 71, of: 69, outdated: 1, says: '71 entries, where that night has 69' },
  { entries: 69, of: null, outdated: 5, says: '69 entries' },
])(
  'decrypt of $entries entries that were salvaged of $of does not look complete',
  ({ entries, of: entriesOfNight, outdated: maybeOutdated, says }) => {
    const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
    const counts = { entriesOfNight, incomplete: 4 + maybeOutdated, withMissingBytes: 4, maybeOutdated };
    const salvaged = { of: id, wanted: id, ...counts, missing: ['x'], whole: [] };
    const opened = { entries, bytes: 2048, out: null, origin: 'proven' as const, warnings: [], salvaged };
    expect(decryptLines(opened, true).map(unbroken)).toEqual([
      `salvaged   4 entries with missing bytes, ${maybeOutdated} that may be out of date: see DEPOT/gaps.txt`,
      'not here   files that are only in an unusable suitcase; their names are unknown',
      'not usable x',
      'whole      no night',
      `opened     ${says}, 2.0 KiB; every byte that is there is authenticated`,
      'origin     proven of what is here, but the night is not whole: the receipt is signed by the given signer and belongs to these suitcases',
    ]);
  },
);

test('the dataset line counts files and names the output of commands', () => {
  const line = (files: number | null, ...sources: [string, string][]): string =>
    unbroken(
      pushLines(
        { ...deposit(), files },
        { ...arrangement, dataset: sources.map(([name, kind]) => ({ name, kind })) },
      )[0],
    );
  const [tree, a, b]: [string, string][] = [
    ['export', 'directory'],
    ['a.dump', 'command'],
    ['b', 'stdin'],
  ];
  expect(line(1, tree)).toContain(' 1 file, 18');
  expect(line(4812, tree, a, b)).toContain(' 4,810 files, a.dump and b, 18');
  expect(line(1, a)).toContain('dataset    a.dump, 18');
  expect(line(9, tree, a, a, a, a)).toContain(' 5 files and the output of 4 commands, 18');
  // An earlier run sealed it, so the number of files is not known.
  expect(line(null, tree, a)).toContain(' 4,812 entries, 18');
});

test('a command in a hint ends its line, so that the line can be pasted whole', () => {
  expect(hintLines('store it: «depot login acme-crm»; check the user name too')).toEqual([
    'store it: «depot login acme-crm»',
    'check the user name too',
  ]);
  expect(hintLines('create one with: «depot init»; or name one with --config')).toHaveLength(2);
  expect(hintLines('run: «depot push» once')).toHaveLength(1);
  expect(hintLines()).toEqual([]);
});
