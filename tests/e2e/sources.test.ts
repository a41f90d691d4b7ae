/** What cannot be a whole dataset is no deposit (law 3 of docs/architecture.md): exit 3, nothing published, and the next run is an ordinary one. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { eventually, mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, Supplier, type SupplierOptions } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const ssh = peers('sshd', 'ssh-keygen');
let server: Sshd;
beforeAll(async () => {
  if (ssh !== undefined) server = await startSshd();
});

async function supplierWith(options: SupplierOptions): Promise<Supplier> {
  const supplier = await Supplier.create(server, options);
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n1;Voorbeeld\n');
  return supplier;
}

async function opened(supplier: Supplier, deposit: Deposit): Promise<string> {
  const out = freshPath();
  await mustDepot([
    'decrypt',
    join(server.incoming, deposit.suitcase),
    '--key',
    supplier.recipientKey,
    '--receipt',
    deposit.receiptFile,
    '--signer',
    supplier.signerPublic,
    '--out',
    out,
  ]);
  return out;
}

interface Refused {
  what: string;
  options: SupplierOptions;
  code: string;
  message: RegExp;
  before?: (supplier: Supplier) => unknown;
  repair: SupplierOptions;
}

const good: SupplierOptions = { dataset: [{ directory: 'data' }], arrangement: {} };

const refused: Refused[] = [
  {
    what: 'a command that fails after half its output',
    options: {
      dataset: [
        {
          command: ['sh', '-c', 'head -c 3000000 /dev/zero; echo "pg_dump: error: connection lost" >&2; exit 3'],
          as: 'crm.sql',
        },
      ],
    },
    code: 'source-failed',
    message: /crm\.sql.*3/s,
    repair: good,
  },
  {
    what: 'a command ended by a signal',
    options: { dataset: [{ command: ['sh', '-c', 'echo half; kill -SEGV $$'], as: 'crm.sql' }] },
    code: 'source-failed',
    message: /SIGSEGV/,
    repair: good,
  },
  {
    what: 'a command that is not there',
    options: { dataset: [{ command: ['pg_dump_that_is_not_there'], as: 'crm.sql' }] },
    code: 'source-failed',
    message: /pg_dump_that_is_not_there/,
    repair: good,
  },
  {
    what: 'a command that hangs past its timeout',
    options: {
      dataset: [{ command: ['sh', '-c', 'echo half; exec tail -f /dev/null'], as: 'crm.sql', timeout: '1s' }],
    },
    code: 'source-timed-out',
    message: /1 s/,
    repair: good,
  },
  {
    what: 'a command that prints nothing',
    options: { dataset: [{ command: ['true'], as: 'crm.sql' }] },
    code: 'source-empty',
    message: /crm\.sql/,
    repair: { dataset: [{ command: ['true'], as: 'crm.sql', allowEmpty: true }] },
  },
  {
    what: 'an empty file',
    options: { dataset: [{ file: 'empty.sql' }] },
    code: 'source-empty',
    message: /empty\.sql/,
    before: (s) => writeFileSync(join(s.directory, 'empty.sql'), ''),
    repair: { dataset: [{ file: 'empty.sql', allowEmpty: true }] },
  },
  {
    what: 'a directory with nothing in it',
    options: { dataset: [{ directory: 'nothing' }] },
    code: 'source-empty',
    message: /nothing/,
    before: (s) => mkdirSync(join(s.directory, 'nothing')),
    repair: { dataset: [{ directory: 'nothing', allowEmpty: true }] },
  },
  {
    what: 'a file that is not there',
    options: { dataset: [{ file: 'dump.sql' }] },
    code: 'source-failed',
    message: /dump\.sql/,
    repair: good,
  },
  {
    what: 'a directory that is not there',
    options: { dataset: [{ directory: 'elsewhere' }] },
    code: 'source-failed',
    message: /elsewhere/,
    repair: good,
  },
  {
    what: 'less than minSize',
    options: { arrangement: { minSize: '1MiB' } },
    code: 'source-too-small',
    message: /1048576|1\.0 MiB/,
    repair: { arrangement: { minSize: '1' } },
  },
  {
    what: 'a prepare that fails',
    options: { dataset: [{ prepare: ['sh', '-c', 'echo "BACKUP failed" >&2; exit 1'], file: 'depot.yaml' }] },
    code: 'source-failed',
    message: /BACKUP failed|prepare/,
    repair: good,
  },
];

describe.skipIf(!ssh)('an incomplete dataset is not published', () => {
  test.each(refused)('$what', async ({ options, code, message, before, repair }) => {
    const supplier = await supplierWith(options);
    await before?.(supplier);
    const names = server.names();
    const { result, code: exit, stderr } = await supplier.push();
    expect(result.error, stderr).toMatchObject({ code, exit: 3, published: 'no' });
    expect(exit).toBe(3);
    expect(result.error!.message).toMatch(message);
    expect(server.names()).toEqual(names);
    expect(supplier.stateFiles('pending')).toEqual([]);
    expect(supplier.runs().at(-1)).toMatchObject({ exit: 3, code, published: 'no' });

    supplier.writeConfig(repair);
    const deposit = await supplier.deposit();
    expect(server.names().filter((name) => !names.includes(name))).toHaveLength(4);
    await opened(supplier, deposit);
  });

  test("the last lines of a failed command's stderr are shown, without control characters", async () => {
    const supplier = await supplierWith({
      dataset: [
        {
          command: ['sh', '-c', 'for i in $(seq 30); do echo "line $i" >&2; done; printf "\\033[31mred" >&2; exit 1'],
          as: 'x',
        },
      ],
    });
    const { stderr, code } = await supplier.depot(['push']);
    expect(code).toBe(3);
    expect(stderr).toContain('line 30');
    expect(stderr).not.toMatch(/line 9\b/);
    expect(stderr).not.toContain('\x1b');
    expect(stderr).toMatch(/depot: error: acme-crm: .*nothing was published/s);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  /** Pushes, stops the server in the middle of the first file, changes something, and lets it go on. */
  async function pushWhile(supplier: Supplier, change: (first: string, last: string) => void) {
    const [first, last] = [join(supplier.data, 'a-first.bin'), join(supplier.data, 'z-last.bin')];
    // More than depot holds in memory, so the reading of it stands still when the server does.
    writeFileSync(first, 'head');
    truncateSync(first, 128 << 20);
    writeFileSync(last, 'short');
    const names = server.names();
    const pushing = supplier.push();
    const partial = await eventually(
      () => server.names().find((n) => n.endsWith('.partial') && !names.includes(n)),
      15_000,
      'the partial file',
    );
    await eventually(() => statSync(join(server.incoming, partial)).size > 0);
    server.signalSessions('SIGSTOP');
    change(first, last);
    server.signalSessions('SIGCONT');
    const { result, stderr } = await pushing;
    return { result, stderr, published: server.names().filter((name) => !names.includes(name)) };
  }

  const changes: [string, string, (first: string, last: string) => void][] = [
    ['grows', 'a-first.bin', (first) => appendFileSync(first, 'more')],
    ['shrinks', 'a-first.bin', (first) => truncateSync(first, 1000)],
    [
      'is written to in place',
      'a-first.bin',
      (first) => {
        const handle = openSync(first, 'r+');
        writeSync(handle, 'tail', (128 << 20) - 4);
        closeSync(handle);
      },
    ],
    [
      'is replaced',
      'a-first.bin',
      (first) => {
        writeFileSync(`${first}.new`, 'new');
        renameSync(`${first}.new`, first);
      },
    ],
    ['vanishes before its turn', 'z-last.bin', (_, last) => rmSync(last)],
  ];

  test.each(changes)(
    'a file that %s while the dataset is read is named, and nothing is published',
    async (_, name, change) => {
      const supplier = await supplierWith({ arrangement: { compression: 'none' } });
      const { result, published } = await pushWhile(supplier, change);
      expect(result.error).toMatchObject({ exit: 3, published: 'no' });
      expect(result.error!.message).toContain(name);
      expect(published).toEqual([]);
    },
  );

  test('onChange: warn publishes what was read, and the receipt says that it is not complete', async () => {
    const supplier = await supplierWith({
      dataset: [{ directory: 'data', onChange: 'warn' }],
      arrangement: { compression: 'none' },
    });
    const { result, stderr } = await pushWhile(supplier, (first) => appendFileSync(first, 'more'));
    expect(result.deposit?.receipt.dataset.complete, stderr).toBe(false);
    expect(stderr).toContain('a-first.bin');
  });
});

describe.skipIf(!ssh)('sources of every kind', () => {
  test('a directory with exclude, a file, a command with prepare, cleanup and env, and stdin fit in one suitcase', async () => {
    const supplier = await supplierWith({
      dataset: [
        { directory: 'data', exclude: ['**/*.tmp', 'cache/**'], as: 'export' },
        {
          prepare: ['sh', '-c', 'echo staged > staged.sql'],
          file: 'staged.sql',
          as: 'schema.sql',
          cleanup: ['rm', 'staged.sql'],
        },
        {
          command: ['sh', '-c', 'echo "$GREETING $DEPOT_PASSWORD$CREDENTIALS_DIRECTORY"; head -c 40000000 /dev/zero'],
          as: 'big',
          env: { GREETING: 'hello' },
        },
        { stdin: true, as: 'extra.ndjson' },
      ],
      arrangement: { specification: 'SPECIFICATION.md' },
    });
    writeFileSync(join(supplier.directory, 'SPECIFICATION.md'), '# What it is\n');
    writeFileSync(join(supplier.data, 'scratch.tmp'), 'not this');
    mkdirSync(join(supplier.data, 'cache'));
    writeFileSync(join(supplier.data, 'cache/x'), 'nor this');
    symlinkSync('/etc/hostname', join(supplier.data, 'link'));
    await mustRun('mkfifo', [join(supplier.data, 'fifo')]);
    const pushed = await supplier.push([], {
      input: '{"from":"stdin"}\n',
      env: { DEPOT_PASSWORD: 'secret', CREDENTIALS_DIRECTORY: '/nowhere' },
    });
    expect(pushed.code, pushed.stdout).toBe(0);
    const deposit = { ...pushed.result.deposit!, receiptFile: pushed.result.deposit!.receiptPath };
    expect(pushed.stderr).toContain('fifo');
    expect(Object.values(deposit.receipt.dataset.skipped).reduce((a, b) => a + b, 0)).toBe(1);
    const out = await opened(supplier, deposit);
    expect(readFileSync(join(out, 'data/extra.ndjson'), 'utf8')).toBe('{"from":"stdin"}\n');
    expect(readFileSync(join(out, 'data/schema.sql'), 'utf8')).toBe('staged\n');
    expect(existsSync(join(supplier.directory, 'staged.sql'))).toBe(false);
    expect(readFileSync(join(out, 'data/big')).subarray(0, 7).toString()).toBe('hello \n');
    expect(readFileSync(join(out, 'data/big'))).toHaveLength(40_000_007);
    expect(readFileSync(join(out, 'DEPOT/specification.md'), 'utf8')).toBe('# What it is\n');
    for (const gone of ['scratch.tmp', 'cache/x', 'fifo']) rmSync(join(supplier.data, gone), { recursive: true });
    expect(await differences(supplier.data, join(out, 'data/export'), { ignore: ['mtime'] })).toEqual(
      existsSync(join(out, 'data/export/cache')) ? [] : ['"cache": missing'],
    );
  });

  test('cleanup runs after a failure too, and its own failure does not hide the first', async () => {
    const supplier = await supplierWith({
      dataset: [
        { prepare: ['touch', 'staged'], command: ['false'], as: 'x', cleanup: ['sh', '-c', 'rm staged; exit 9'] },
      ],
    });
    const { result } = await supplier.push();
    expect(result.error).toMatchObject({ code: 'source-failed', published: 'no' });
    expect(existsSync(join(supplier.directory, 'staged'))).toBe(false);
  });

  test('a dry run connects to nothing, --if-older-than skips, and an ended arrangement is refused', async () => {
    const supplier = await supplierWith({});
    supplier.writeConfig({ remote: { host: '192.0.2.1' } });
    const dry = await supplier.depot(['push', '--dry-run', '--json']);
    expect(dry.code, dry.stdout).toBe(0);
    expect(supplier.stateFiles().filter((name) => name.endsWith('.json'))).toEqual([]);
    supplier.writeConfig();
    await supplier.deposit();
    const names = server.names();
    const skipped = await supplier.push(['--if-older-than', '20h']);
    expect(skipped.code).toBe(0);
    expect(skipped.result.skipped).toBeTruthy();
    supplier.writeConfig({ arrangement: { ended: '2020-01-01' } });
    const ended = await supplier.push();
    expect(ended.result.error).toMatchObject({ code: 'arrangement-ended', exit: 10, published: 'no' });
    expect(server.names()).toEqual(names);
  });

  test('a file that this account cannot read is named', async () => {
    const supplier = await supplierWith({});
    const file = join(supplier.data, 'closed');
    writeFileSync(file, 'x');
    chmodSync(file, 0);
    // Root reads everything; a loop of links nobody does.
    symlinkSync('loop', join(supplier.directory, 'loop'));
    supplier.writeConfig({ dataset: process.getuid?.() === 0 ? [{ file: 'loop' }] : [{ directory: 'data' }] });
    const { result } = await supplier.push();
    expect(result.error).toMatchObject({ exit: 3, published: 'no' });
    expect(result.error!.message).toMatch(/closed|loop/);
  });

  test('a directory that the last deposit had, and that is gone or empty now, is looked for among the file systems', async () => {
    const supplier = await supplierWith({ dataset: [{ directory: 'data' }] });
    const hint = async () => (await supplier.push()).result.error!.hint;
    renameSync(supplier.data, `${supplier.data}.away`);
    expect(await hint()).toBe('check the path in the configuration');
    renameSync(`${supplier.data}.away`, supplier.data);
    await supplier.deposit();
    renameSync(supplier.data, `${supplier.data}.away`);
    const mounted = /^it was there for the deposit of \d{4}-\d\d-\d\d; see whether its file system is mounted/;
    expect(await hint()).toMatch(mounted);
    mkdirSync(supplier.data);
    expect(await hint()).toMatch(mounted);
    if (process.platform === 'linux') expect(await hint()).toContain(`: findmnt -T ${supplier.data}`);
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n2;Voorbeeld\n');
    await supplier.deposit();
  });
});
