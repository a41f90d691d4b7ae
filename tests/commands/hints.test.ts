/** What depot says to somebody whose command line was wrong: what is wrong, and what to type. Nothing here needs a server. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { supplied, told } from './supplied.js';

describe('the command line', () => {
  test.each([
    [['psh', '--help'], 'unknown command "psh"', 'check the spelling: did you mean push?'],
    [['receipts', 'help', 'lst'], 'unknown command "lst"', 'check the spelling: did you mean list?'],
    [['help', 'psh'], 'unknown command "psh"', 'check the spelling: did you mean push?'],
    [['key', 'gen'], 'unknown command "gen"', 'check the spelling: did you mean generate?'],
    [['key', 'gen', '--help'], 'unknown command "gen"', 'check the spelling: did you mean generate?'],
    [['key', 'zzz'], 'unknown command "zzz"', 'see the commands: depot key --help'],
    [
      ['schedule', 'print', 'cronn'],
      'the kind of schedule must be one of systemd, cron, launchd, windows, not "cronn"',
      'check the spelling: did you mean cron?',
    ],
    [
      ['verify', 'x', '--agent-sha256', 'abc'],
      '--agent-sha256 is a SHA-256 of 64 hexadecimal digits, not "abc"',
      'give all 64 digits, as sha256sum FILE prints them',
    ],
    [
      ['receipts', 'list', '--from', '2026-11-02', '--to', '2026-11-01'],
      '--from 2026-11-02 is after --to 2026-11-01',
      'swap the two',
    ],
    [['push', '--bwlimit', '5M'], 'unknown option "--bwlimit"', 'write --bandwidth-limit 5MiB/s'],
    [['push', '--limit-upload=5000'], 'unknown option "--limit-upload=5000"', 'write --bandwidth-limit 5MiB/s'],
    [['push', '--rate', '5M'], 'unknown option "--rate"', 'write --bandwidth-limit 5MiB/s'],
    [['init', '--identity-file', 'id'], 'unknown option "--identity-file"', 'write --private-key'],
    [['status', '--bwlimit', '5M'], 'unknown option "--bwlimit"', 'see its options: depot help status'],
    [['push', '--jbos', '2'], 'unknown option "--jbos"', 'check the spelling: did you mean --jobs?'],
    [['init', 'acme', 'crm'], 'depot init takes no arguments: "acme", "crm"', 'see its options: depot help init'],
    [
      ['key', 'show', 'a.asc', 'b.asc'],
      'depot key show takes no more arguments: "b.asc"',
      'see its options: depot help key show',
    ],
    [
      ['receipts', 'note', 'x', '--destroyed', 'yesterday'],
      '--destroyed is a date like 2026-11-22, not "yesterday"',
      'for example: --destroyed 2026-11-22',
    ],
    [
      ['verify', 'x.receipt.json'],
      'x.receipt.json looks like a receipt, but the suitcase belongs here',
      'give it with --receipt: depot verify --receipt x.receipt.json --signer FILE',
    ],
    [
      ['verify', '--receipt', 'x.tar.pgp'],
      '--receipt x.tar.pgp: that looks like a suitcase',
      'swap the two: depot verify x.tar.pgp --receipt <id>.receipt.json --signer FILE',
    ],
    [
      ['verify', 'x; id.receipt.json'],
      'x; id.receipt.json looks like a receipt, but the suitcase belongs here',
      "give it with --receipt: depot verify --receipt 'x; id.receipt.json' --signer FILE",
    ],
    [
      ['verify', '--receipt', "$(id)'.pgp"],
      "--receipt $(id)'.pgp: that looks like a suitcase",
      "swap the two: depot verify '$(id)'\\''.pgp' --receipt <id>.receipt.json --signer FILE",
    ],
    [
      ['verify', '--receipt', 'x.receipt.json.asc'],
      '--receipt x.receipt.json.asc: that looks like the signature',
      'name the receipt: --receipt x.receipt.json',
    ],
  ])('depot %j is refused, with a hint at what was meant', async (args, what, hint) => {
    const { code, stdout, stderr } = await depotHere(args, { cwd: tempDir() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`depot: error: ${what}\n${hint === '' ? '' : `depot: hint: ${hint}\n`}`);
  });

  test('a hint quotes a directory with an odd name for the shell', async () => {
    expect(told(await depotHere(['verify', '/none `id`/x.tar.pgp']))).toEqual([
      'depot: error: cannot read /none `id`/x.tar.pgp: there is no such file',
      "depot: hint: see what is there: ls -l '/none `id`'",
    ]);
  });

  test('--help and help work for commands that exist', async () => {
    for (const args of [
      ['push', '--help'],
      ['help', 'push'],
      ['key', 'generate', '--help'],
      ['key', '--help'],
      ['--help', 'push'],
      ['--config', 'x', '--help'],
    ]) {
      const { code, stdout } = await depotHere(args);
      expect([code, stdout.slice(0, 12)], args.join(' ')).toEqual([0, 'Usage: depot']);
    }
  });

  // In a process of its own: whether it was wrong use was read off the exit status that the process had so far.
  test.each([
    [['help'], 'depot <command> [options]'],
    [['help', 'status'], 'depot status '],
    [['receipts', 'help'], 'depot receipts [options]'],
    [['receipts', 'help', 'list'], 'depot receipts list '],
    [['help', 'receipts'], 'depot receipts [options]'],
  ])('depot %j prints the help that --help prints, and exits with 0', async (args, of) => {
    const { code, stdout, stderr } = await depot(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.startsWith(`Usage: ${of}`), stdout).toBe(true);
    expect(stdout).toBe((await depot([...args.filter((word) => word !== 'help'), '--help'])).stdout);
  });

  test('verify recognises OpenPGP data where a receipt is expected', async () => {
    const { supplier, depot, path } = await supplied();
    writeFileSync(path('r.json'), Buffer.from('c15e03', 'hex'));
    const { code, stdout } = await depot(['verify', '--receipt', path('r.json'), '--signer', supplier.signerPublic]);
    expect(code).toBe(21);
    expect(stdout).toContain(
      'r.json is OpenPGP data, such as a suitcase or a signature, not a receipt; name the file <id>.receipt.json',
    );
  });

  test('receipts show takes only a deposit id, and says so if it is given an arrangement', async () => {
    const { supplier, depot } = await supplied();
    for (const [given, is] of [
      ['acme-crm', 'an arrangement, not a'],
      ['acme', 'not a'],
    ]) {
      const result = await depot(['receipts', 'show', given]);
      expect([result.code, ...told(result)]).toEqual([
        2,
        `depot: error: "${given}" is ${is} deposit id`,
        `depot: hint: to find the id of a deposit: depot receipts list acme-crm --config ${supplier.config}`,
      ]);
    }
  });

  test('with several arrangements, one must be named; only push offers --all instead', async () => {
    const { supplier, depot } = await supplied();
    const config = parse(readFileSync(supplier.config, 'utf8')) as { arrangements: Record<string, unknown> };
    writeFileSync(
      supplier.config,
      JSON.stringify({ ...config, arrangements: { ...config.arrangements, other: config.arrangements['acme-crm'] } }),
    );
    for (const [args, more] of [
      [['push'], '; or take --all'],
      [['login'], ''],
      [['trust'], ''],
      [['kit', '--out', 'kit'], ''],
    ] as const) {
      const result = await depot([...args]);
      expect([result.code, ...told(result)], args.join(' ')).toEqual([
        2,
        `depot: error: ${supplier.config} has 2 arrangements`,
        `depot: hint: name one of: acme-crm, other${more}`,
      ]);
    }
  });

  test('receipts verify --against names a directory that does not exist', async () => {
    const { supplier, depot } = await supplied();
    const gone = join(supplier.directory, 'gone');
    const result = await depot(['receipts', 'verify', '--against', gone]);
    expect([result.code, ...told(result)]).toEqual([
      5,
      `depot: error: --against ${gone}: there is no such directory`,
      'depot: hint: give the directory that has the receipts that others hold',
    ]);
  });

  test('--json with --quiet prints only the document, and --quiet alone prints nothing', async () => {
    const { supplier, depot } = await supplied();
    mkdirSync(supplier.state, { recursive: true });
    for (const args of [
      ['status'],
      ['receipts', 'list'],
      ['key', 'show', supplier.signerPublic],
      ['schedule', 'print', 'cron', '--at', '01:30'],
    ]) {
      const { code, stdout, stderr } = await depot([...args, '--json', '--quiet']);
      expect([code, stderr], args.join(' ') + stdout).toEqual([0, '']);
      expect(JSON.parse(stdout), args.join(' ')).toMatchObject({ ok: true });
      expect((await depot([...args, '--quiet'])).stdout, args.join(' ')).toBe('');
    }
    const dryRun = await supplier.depot(['push', '--dry-run', '--json', '--quiet']);
    expect(dryRun.stderr).toBe('');
    expect(json(dryRun)).toMatchObject({ ok: true, results: [{ ok: true }] });
  });
});
