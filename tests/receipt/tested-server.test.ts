import { statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ArrangementState } from '../../src/receipt/state.js';
import { rememberedServer, rememberServer } from '../../src/receipt/tested-server.js';
import { tempDir } from '../support/cleanup.js';

const tested = { server: 'SSH-2.0-SomeServer_1.0', hostKey: 'ssh-ed25519 SHA256:abc' };

test('is remembered, replaced and forgotten', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  expect(await rememberedServer(state)).toBeNull();
  await rememberServer(state, tested);
  await rememberServer(state, tested);
  expect(await rememberedServer(state)).toEqual(tested);
  if (process.platform !== 'win32') expect(statSync(state.file('server.json')).mode & 0o777).toBe(0o600);
  await rememberServer(state, null);
  await rememberServer(state, null);
  expect(await rememberedServer(state)).toBeNull();
});

test('a file that cannot be understood is none, and no error', async () => {
  const state = await ArrangementState.open(tempDir(), 'acme-crm');
  for (const text of ['', '{', 'null', '[]', '{"schema":"depot.server/1","server":1,"hostKey":"x"}', '{"schema":"depot.server/2","server":"a","hostKey":"b"}', 'x'.repeat(20 << 20)]) {
    writeFileSync(state.file('server.json'), text);
    expect(await rememberedServer(state)).toBeNull();
  }
});
