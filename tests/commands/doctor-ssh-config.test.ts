import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nowhere } from '../support/supplier.js';
import { examined, supplierWith } from './examined.js';

test.each([
  ['nothing', {}, 'Port 1', '127.0.0.1:1'],
  ['an old port', {}, 'Port 2222', '127.0.0.1:1; depot.yaml overrides Port 2222'],
  [
    'a key and a user name',
    { port: undefined, username: 'globex', privateKey: 'keys/own' },
    'Port 1\nUser acme\nIdentityFile /keys/id',
    '127.0.0.1:1, key HERE; depot.yaml overrides User acme, IdentityFile /keys/id',
  ],
])("with %s in depot.yaml that differs, doctor says what of ssh's configuration does not count", async (...row) => {
  const [, remote, lines, expected] = row;
  const supplier = await supplierWith(nowhere, { remote: { host: 'escrow', sshConfig: 'ssh', ...remote } });
  writeFileSync(join(supplier.directory, 'ssh'), `Host escrow\nHostName 127.0.0.1\n${lines}\n`, { mode: 0o600 });
  const { checks } = await examined(supplier.depot(['doctor', '--json']));
  const user = 'username' in remote ? remote.username : 'acme';
  expect(checks['ssh config']).toMatchObject({
    result: 'passed',
    detail: `escrow is ${user}@${expected.replace('HERE', join(supplier.directory, 'keys/own'))}`,
  });
});
