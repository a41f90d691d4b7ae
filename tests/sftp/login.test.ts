import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import ssh2 from 'ssh2';
import { DepotError } from '../../src/errors.js';
import { connect } from '../../src/sftp/remote.js';
import { tempDir } from '../support/cleanup.js';
import { mustRun } from '../support/process.js';
import { peer } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, failure, quiet, specFor } from './support.js';

test('a wrong password is sent once and never retried; the error names the methods that the server accepts', async () => {
  const server = await startScriptedServer();
  const error = await failure(connectTo(server, {}, { password: () => Promise.resolve('hunter2') }));
  expect(error).toMatchObject({
    code: 'login-refused',
    published: 'no',
    message: expect.stringMatching(/refused the password; the only login method that the server offers is password$/),
  });
  expect(JSON.stringify([error.message, error.hint, String(error.stack)])).not.toContain('hunter2');
  expect(server.connections).toBe(1);
  expect(server.logins.filter((m) => m === 'password')).toHaveLength(1);
});

test('the password is asked for once, and used again after a reconnect', async () => {
  let asked = 0;
  const server = await startScriptedServer();
  const { remote } = await connectTo(
    server,
    {},
    { password: () => Promise.resolve(server.password).finally(() => asked++) },
  );
  server.drop();
  await expect.poll(() => remote.live).toBeNull();
  expect(await remote.stat('x')).toBeNull();
  expect(asked).toBe(1);
  expect(remote.stats).toMatchObject({ attempts: 2, reconnects: 1 });
});

test('keyboard-interactive gets the password only if the prompt asks for a password', async () => {
  for (const prompt of ['Password: ', "acme@host's password:", 'Wachtwoord:', '']) {
    const server = await startScriptedServer({ prompts: [{ prompt, echo: false, answer: 'correct horse' }] });
    if (prompt === '') {
      // Nothing says that this is the password: it stays at home.
      expect(await failure(connectTo(server))).toMatchObject({ code: 'login-refused' });
    } else {
      await connectTo(server);
    }
  }
});

test('a second factor fails the login; the error quotes the prompt with control characters escaped', async () => {
  const server = await startScriptedServer({
    prompts: [
      { prompt: 'Password: ', echo: false, answer: 'correct horse' },
      { prompt: 'Verification code\u001b[2J: ', echo: false, answer: '123456' },
    ],
  });
  const error = await failure(connectTo(server));
  expect(error).toMatchObject({
    code: 'login-refused',
    message: expect.stringContaining('Verification code\\x1b[2J:'),
  });
});

test('a prompt that would show the password on screen does not get it', async () => {
  const server = await startScriptedServer({
    prompts: [{ prompt: 'Password: ', echo: true, answer: 'correct horse' }],
  });
  expect(await failure(connectTo(server))).toMatchObject({ code: 'login-refused' });
});

test('logs in with ed25519, RSA and ECDSA keys, encrypted or not, in OpenSSH, SEC 1 and PKCS #8 form', async () => {
  const pem = { format: 'pem', type: 'pkcs8' } as const;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const makeEd = () =>
    ssh2.utils.generateKeyPairSync('ed25519', { passphrase: 'sesame', cipher: 'aes256-ctr', rounds: 1 });
  let ed = makeEd();
  // ssh2 1.17 cannot read every ed25519 key that it makes.
  while (ssh2.utils.parseKey(ed.private, 'sesame') instanceof Error) ed = makeEd();
  const ed2 = generateKeyPairSync('ed25519');
  const blob = Buffer.concat([
    Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1'),
    Buffer.from(ed2.publicKey.export({ format: 'jwk' }).x!, 'base64url'),
  ]);
  const ed2Line = `ssh-ed25519 ${blob.toString('base64')}`;
  const encrypted = { ...pem, cipher: 'aes-256-cbc', passphrase: 'sesame' };
  const cases: [string, string, string | undefined][] = [
    [ec.privateKey.export({ format: 'pem', type: 'sec1' }).toString(), authorized(ec.privateKey), undefined],
    [rsa.privateKey.export(pem).toString(), authorized(rsa.privateKey), undefined],
    [rsa.privateKey.export(encrypted).toString(), authorized(rsa.privateKey), 'sesame'],
    [ec.privateKey.export(encrypted).toString(), authorized(ec.privateKey), 'sesame'],
    [ed.private, ed.public, 'sesame'],
    [ed2.privateKey.export(pem).toString(), ed2Line, undefined],
    [ed2.privateKey.export(encrypted).toString(), ed2Line, 'sesame'],
  ];
  for (const [text, publicKey, passphrase] of cases) {
    const server = await startScriptedServer({ publicKey });
    const login = { privateKey: Buffer.from(text), passphrase: () => Promise.resolve(passphrase) };
    const remote = await connect(specFor(server), login, quiet);
    await remote.close();
    if (passphrase === undefined) continue;
    expect(
      await failure(connect(specFor(server), { ...login, passphrase: () => Promise.resolve('open barley') }, quiet)),
    ).toMatchObject({ code: 'passphrase-wrong' });
    expect(await failure(connect(specFor(server), { privateKey: Buffer.from(text) }, quiet))).toMatchObject({
      code: 'secret-missing',
    });
  }
  expect(
    await failure(connect(specFor(await startScriptedServer()), { privateKey: Buffer.from('no key') }, quiet)),
  ).toMatchObject({ code: 'key-unreadable' });
});

test('sends the key and then the password to a server that wants both', async () => {
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const server = await startScriptedServer({
    publicKey: pair.public,
    password: 'correct horse',
    methods: ['publickey', 'password'],
  });
  const login = { privateKey: Buffer.from(pair.private), password: () => Promise.resolve('correct horse') };
  await connectTo(server, {}, login);
  expect(await failure(connectTo(server, {}, { privateKey: login.privateKey }))).toMatchObject({
    code: 'login-refused',
  });
});

test('the time in which somebody types the password does not count towards connectTimeout', async () => {
  let waited = 0;
  const server = await startScriptedServer({
    beforeLogin: (method) => (method === 'password' ? new Promise((answer) => setTimeout(answer, 400)) : undefined),
  });
  const typed = (): Promise<string> =>
    new Promise((resolve) => setTimeout(() => resolve(server.password), 900)).then(() => (waited++, server.password));
  await connectTo(server, { connectTimeoutMs: 800 }, { password: typed });
  expect(waited).toBe(1);
});

test.each<[string, () => Promise<unknown> | 'close', RegExp, string]>([
  [
    'does not answer',
    () => new Promise(() => undefined),
    /did not answer the login in 300 ms; depot sent the password 2 times and does not send it again/,
    'raise remote.connectTimeout',
  ],
  [
    'closes the connection',
    () => 'close',
    /closed the connection during the login; depot sent the password 2 times/,
    'log',
  ],
])(
  'an unproven password is sent at most twice, even if retryFor allows more: the server %s',
  async (_, answer, message, hint) => {
    let passwords = 0;
    const server = await startScriptedServer({
      beforeLogin: (method) => (method === 'password' ? (passwords++, answer()) : undefined),
    });
    const error = await failure(connectTo(server, { retryForMs: 60_000, connectTimeoutMs: 300 }));
    expect(error).toMatchObject({
      code: 'unreachable',
      published: 'no',
      message: expect.stringMatching(message),
      hint: expect.stringContaining(hint),
    });
    expect(passwords).toBe(2);
  },
);

test('a password that has worked before is sent again until retryFor is over', async () => {
  const server = await startScriptedServer();
  const { remote } = await connectTo(server, { connectTimeoutMs: 300, retryForMs: 60_000 });
  let refused = 0;
  server.options.beforeLogin = (method) => (method === 'password' && ++refused <= 3 ? 'close' : undefined);
  server.drop();
  await expect.poll(() => remote.live).toBeNull();
  // Three unanswered logins are a fault of the server by then, unless the third is the last.
  refused = 1;
  expect(await remote.stat('x')).toBeNull();
  expect(refused).toBe(4);
});

test('if the server hangs up before depot sent a password or key, the error says so and blames neither', async () => {
  const server = await startScriptedServer({ beforeLogin: () => 'close' });
  const error = await failure(connectTo(server, { retryForMs: 60_000 }));
  expect(error).toMatchObject({
    code: 'login-refused',
    message: expect.stringContaining(
      'the server closes the connection during the login, before depot sent a password or a key',
    ),
  });
  expect(error.hint).toContain("ask the agent what its server's log says");
});

test('the error names the refused key or password and where it came from, and the hint fits', async () => {
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const other = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const key = { privateKey: Buffer.from(pair.private), privateKeyFile: '/etc/depot/id' };
  const place = { place: 'file /etc/depot/pw', remedy: 'correct the password in /etc/depot/pw' };
  const server = await startScriptedServer({ publicKey: other.public, password: 'correct horse' });
  const noPassword = (): Promise<string> => Promise.reject(new DepotError('secret-missing', 'none'));
  const refusedKey = await failure(connectTo(server, {}, { ...key, password: noPassword }));
  expect(refusedKey).toMatchObject({
    code: 'login-refused',
    message: expect.stringMatching(
      /the server refused the SSH key \/etc\/depot\/id \(SHA256:\S{43}\); the server offers/,
    ),
    hint: expect.stringMatching(/^check with the escrow agent that it has the public part/),
  });
  const both = await failure(
    connectTo(server, {}, { ...key, password: () => Promise.resolve('wrong'), passwordFrom: () => place }),
  );
  expect(both).toMatchObject({
    code: 'login-refused',
    message: expect.stringMatching(/the SSH key .* and the password from file \/etc\/depot\/pw/),
    hint: expect.stringMatching(/public part.*correct the password in \/etc\/depot\/pw/),
  });
  const password = await failure(
    connectTo(await startScriptedServer(), {}, { password: () => Promise.resolve('wrong'), passwordFrom: () => place }),
  );
  expect(password.hint).toMatch(
    /^correct the password in \/etc\/depot\/pw; check the user name too; a schedule tries again every hour; .*--until to the same time as --at$/,
  );
});

test("a prompt to change the password is reported as an expired password, in the server's words", async () => {
  const server = await startScriptedServer({
    prompts: [
      {
        prompt: 'You are required to change your password immediately.\nCurrent password: ',
        echo: false,
        answer: 'x',
      },
    ],
  });
  expect(await failure(connectTo(server))).toMatchObject({
    code: 'login-refused',
    message: expect.stringMatching(/has expired: the server says 'You are required to change/),
  });
});

test('without a password or a key, the error says that there is neither', async () => {
  const server = await startScriptedServer();
  expect(await failure(connectTo(server, {}, {}))).toMatchObject({
    code: 'login-refused',
    message: expect.stringContaining('neither password nor SSH key'),
  });
});

test('a server that takes keys only: the error does not speak of a password, which nobody looked for', async () => {
  const server = await startScriptedServer({ methods: ['publickey'] });
  let asked = 0;
  const password = (): Promise<string> => Promise.reject(new Error(`asked ${++asked}`));
  expect(await failure(connectTo(server, {}, { password }))).toMatchObject({
    code: 'login-refused',
    message: expect.stringMatching(
      /: depot has no SSH key; the only login method that the server offers is publickey$/,
    ),
    hint: 'name an SSH key in remote.privateKey of depot.yaml, and give the escrow agent its public part',
  });
  expect(asked).toBe(0);
});

test('if the password cannot be fetched, the error says why', async () => {
  const server = await startScriptedServer();
  expect(
    await failure(connectTo(server, {}, { password: () => Promise.reject(new Error('keychain locked')) })),
  ).toMatchObject({ code: 'secret-missing', message: expect.stringContaining('keychain locked') });
});

const keygen = peer('ssh-keygen');
test.skipIf(keygen === undefined)('logs in with a key that ssh-keygen encrypted', async () => {
  const file = join(tempDir(), 'id');
  await mustRun(keygen!, ['-q', '-t', 'ed25519', '-a', '1', '-N', 'sesame', '-f', file]);
  const server = await startScriptedServer({ publicKey: readFileSync(`${file}.pub`, 'utf8') });
  const remote = await connect(
    specFor(server),
    { privateKey: readFileSync(file), passphrase: () => Promise.resolve('sesame') },
    quiet,
  );
  await remote.close();
});

/** A key's line for authorized_keys. */
function authorized(key: KeyObject): string {
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  const parsed = ssh2.utils.parseKey(key.export({ format: 'pem', type } as { format: 'pem'; type: 'pkcs1' }));
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
}
