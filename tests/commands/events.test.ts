/** `--json-events`: lines while it goes on, and the document of `--json` as the last one. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { schemaText } from '../../src/commands/schema.js';
import type { Finished } from '../support/process.js';
import { startScriptedServer, type ScriptedOptions, type ScriptedServer } from '../support/scripted-server.js';
import { nowhere, Supplier } from '../support/supplier.js';

const isEvent = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
}).compile(JSON.parse(schemaText('event-1')) as object);

interface Event {
  event: string;
  time: string;
  arrangement?: string;
  [field: string]: unknown;
}

/** Each line is an event of the schema, in the order of time; the last one, and no other, is the result. */
function eventsOf({ stdout, stderr }: Finished): Event[] {
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
  for (const event of events)
    expect(isEvent(event), `${JSON.stringify(event)} ${JSON.stringify(isEvent.errors)}`).toBe(true);
  const times = events.map(({ time }) => time);
  expect(times).toEqual([...times].sort());
  expect(
    events.filter(({ event }) => event === 'result'),
    stderr,
  ).toEqual([events.at(-1)]);
  return events;
}

async function scene(options: ScriptedOptions = {}): Promise<{ server: ScriptedServer; supplier: Supplier }> {
  const server = await startScriptedServer({ software: 'OpenSSH_9.2', ...options });
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { arrangement: { compression: 'none' } },
  );
  writeFileSync(join(supplier.data, 'export.bin'), randomBytes(3_000_000));
  return { server, supplier };
}

test('a push tells its phases, how far it is, and a connection that was lost, and ends with the document', async () => {
  let [lost, closed] = [false, 0];
  const { supplier } = await scene({
    script(r) {
      if (r.type !== 'write' || r.nth !== 30) return undefined;
      lost = true;
      return { then: 'drop' };
    },
    beforeLogin: () => (lost && closed++ < 1 ? 'close' : undefined),
  });
  const finished = await supplier.depot(['push', '--json-events', '--bandwidth-limit', '1500KiB/s']);
  expect(finished.code, finished.stderr).toBe(0);
  const events = eventsOf(finished);
  const names = (event: string): Event[] => events.filter((one) => one.event === event);
  const phases = [...new Set(names('phase').map(({ phase }) => phase))];
  expect(phases).toEqual(['connecting', 'sealing', 'uploading', 'finishing']);
  const progress = names('progress');
  expect(progress.length).toBeGreaterThan(1);
  expect(progress.at(-1)).toMatchObject({ datasetBytes: 3_000_000, estimated: false });
  expect(names('waiting')[0]).toMatchObject({ address: expect.stringMatching(/^127\.0\.0\.1:/) as string });
  expect(names('reconnect')).toHaveLength(1);
  expect(names('warning')[0]).toMatchObject({ act: false, message: expect.stringContaining('trying until') as string });
  expect(events.slice(0, -1).every(({ arrangement }) => arrangement === 'acme-crm')).toBe(true);
  expect(names('ended')).toEqual([expect.objectContaining({ ok: true, code: null })]);
  expect(events.at(-1)).toMatchObject({ ok: true, results: [{ arrangement: 'acme-crm', ok: true }] });
});

test('of several arrangements each event has its own', async () => {
  const { supplier } = await scene();
  const config = readFileSync(supplier.config, 'utf8');
  const [, body = ''] = /\n {2}acme-crm:\n((?: {4}.*\n?)+)/.exec(config) ?? [];
  writeFileSync(supplier.config, config.replace(/\n {2}acme-crm:\n/, `\n  acme-hr:\n${body.trimEnd()}\n  acme-crm:\n`));
  const events = eventsOf(await supplier.depot(['push', '--all', '--jobs', '2', '--json-events']));
  for (const name of ['acme-crm', 'acme-hr'])
    expect(events.filter(({ arrangement }) => arrangement === name).map(({ event }) => event)).toEqual(
      expect.arrayContaining(['phase', 'progress', 'ended']),
    );
});

test('a failure ends with the document of the failure, also one of the command line', async () => {
  const supplier = await Supplier.create(nowhere, { remote: { retryFor: '0s' } });
  writeFileSync(join(supplier.data, 'x'), 'x');
  const failed = await supplier.depot(['push', '--json-events']);
  expect(failed.code).toBe(14);
  expect(eventsOf(failed).slice(-2)).toMatchObject([
    { event: 'ended', ok: false, code: 'unreachable' },
    { event: 'result', ok: false, results: [{ error: { code: 'unreachable' } }] },
  ]);
  const wrong = await supplier.depot(['push', '--json-events', '--jobs', 'many']);
  expect(wrong.code).toBe(2);
  expect(eventsOf(wrong)).toMatchObject([{ event: 'result', ok: false, error: { code: 'usage' } }]);
});

test('the result is the document that --json gives', async () => {
  const { server, supplier } = await scene();
  expect((await supplier.depot(['push'])).code).toBe(0);
  const suitcase = join(supplier.directory, 'x.tar.pgp');
  writeFileSync(suitcase, [...server.files].find(([name]) => name.endsWith('.pgp'))![1]);
  const verify = ['verify', suitcase, '--key', supplier.recipientKey, '--deep', '--no-signature'];
  for (const [args, phase] of [
    [verify, 'verifying'],
    [['receipts', 'verify', '--signer', supplier.signerPublic], 'verifying'],
    [['status'], null],
  ] as const) {
    const events = eventsOf(await supplier.depot([...args, '--json-events']));
    const result: Partial<Event> = { ...events.at(-1)! };
    delete result.event;
    delete result.time;
    const document = JSON.parse((await supplier.depot([...args, '--json'])).stdout) as object;
    const withoutAges = (value: object): unknown => JSON.parse(JSON.stringify(value).replace(/"age[^,}]*/g, '""'));
    expect(Object.keys(result)).toEqual(Object.keys(document));
    if (phase !== null) {
      expect(withoutAges(result)).toEqual(withoutAges(document));
      expect(events[0]).toMatchObject({ event: 'phase', phase });
    }
  }
  const opened = eventsOf(
    await supplier.depot([
      'decrypt',
      suitcase,
      '--key',
      supplier.recipientKey,
      '--out',
      join(supplier.directory, 'o'),
      '--json-events',
    ]),
  );
  expect(opened[0]).toMatchObject({ event: 'phase', phase: 'decrypting' });
  expect(opened.find(({ event }) => event === 'progress')).toMatchObject({ fileBytes: readFileSync(suitcase).length });
});
