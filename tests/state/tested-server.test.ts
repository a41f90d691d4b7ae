import { statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { lanesSeen, lastWriteTest, rememberWriteTest } from '../../src/state/tested-server.js';
import { tempDir } from '../support/cleanup.js';

const passed = {
  server: 'SSH-2.0-SomeServer_1.0',
  hostKey: 'ssh-ed25519 SHA256:abc',
  account: 'acme@10.20.0.5:22',
  directory: '/in',
  at: '2026-11-22T00:36:00.000Z',
  failed: [],
  lanes: 'safe' as const,
};

test('a tested server is remembered until the next test; only a safe one gets several lanes', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  expect(await lastWriteTest(state)).toBeNull();
  await rememberWriteTest(state, passed);
  expect(await lastWriteTest(state)).toEqual(passed);
  expect(await lanesSeen(state)).toEqual({ laneSafe: { server: passed.server, hostKey: passed.hostKey } });
  if (process.platform !== 'win32') expect(statSync(state.file('server.json')).mode & 0o777).toBe(0o600);
  await rememberWriteTest(state, { ...passed, failed: ['rename: refused'], lanes: 'unsafe' });
  expect(await lastWriteTest(state)).toMatchObject({ failed: ['rename: refused'] });
  expect(await lanesSeen(state)).toEqual({
    oneLane: { server: passed.server, hostKey: passed.hostKey, because: 'unsafe' },
  });
});

test('a record of a tested server that cannot be parsed is ignored, and is no error', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  const right = { schema: 'depot.server/4', ...passed };
  const wrong = [
    { ...right, schema: 'depot.server/1' },
    { ...right, schema: 'depot.server/2', laneSafe: true },
    { ...right, schema: 'depot.server/3' },
    { ...right, server: 1 },
    { ...right, at: 'yesterday' },
    { ...right, failed: [1] },
    { ...right, lanes: 'yes' },
    { ...right, directory: undefined },
  ];
  for (const text of ['', '{', 'null', '[]', ...wrong.map((one) => JSON.stringify(one)), 'x'.repeat(20 << 20)]) {
    writeFileSync(state.file('server.json'), text);
    expect(await lastWriteTest(state)).toBeNull();
    expect(await lanesSeen(state)).toEqual({});
  }
});
