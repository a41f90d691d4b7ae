import { expect, test } from 'vitest';
import { Gnupg } from './gnupg.js';
import { peers } from './peers.js';

const gpg = peers('gpg', 'gpgconf');

test.skipIf(!gpg)('the GnuPG helper makes each kind of key as named', async () => {
  const gnupg = Gnupg.create();
  const recipient = await gnupg.generate();
  expect(recipient).toMatch(/^[0-9A-F]{40}$/);
  expect((await gnupg.decrypt(await gnupg.encrypt('hello', [recipient]))).toString()).toBe('hello');

  const expired = await gnupg.generate({ name: 'Old <old@voorbeeld.example>', at: '20200101T000000', expires: '1y' });
  expect((await gnupg.run(['-r', expired, '--encrypt'], { input: 'x' })).code).not.toBe(0);

  const signOnly = await gnupg.generate({ name: 'Sign <sign@voorbeeld.example>', kind: 'sign-only' });
  expect((await gnupg.run(['-r', signOnly, '--encrypt'], { input: 'x' })).code).not.toBe(0);
});

test.skipIf(!gpg)('the GnuPG helper can revoke with SHA-1, and make weak self-signatures', async () => {
  const gnupg = Gnupg.create();
  const revoked = await gnupg.generate();
  await gnupg.revoke(revoked, { digest: 'SHA1', reason: 'compromised' });
  const packets = await gnupg.packets(await gnupg.exportPublic(revoked));
  expect(packets).toMatch(/sigclass 0x20\n\s+digest algo 2/);
  expect((await gnupg.run(['-r', revoked, '--encrypt'], { input: 'x' })).code).not.toBe(0);

  const weak = await gnupg.generate({ name: 'Weak <weak@voorbeeld.example>', kind: 'rsa1024', digest: 'SHA1' });
  expect(await gnupg.packets(await gnupg.exportPublic(weak))).toMatch(/sigclass 0x13\n\s+digest algo 2/);

  const stored = await gnupg.generate({ name: 'Stored <stored@voorbeeld.example>', kind: 'rsa3072' });
  await gnupg.import(gnupg.storedRevocation(stored));
  expect((await gnupg.run(['-r', stored, '--encrypt'], { input: 'x' })).code).not.toBe(0);
});
