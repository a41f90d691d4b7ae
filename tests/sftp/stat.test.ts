import { expect, test } from 'vitest';
import { kindOf } from '../../src/sftp/stat.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo } from './support.js';

test('tells a directory, a file, nothing and a refusal apart, and takes an answer without a mode for a directory', async () => {
  const server = await startScriptedServer();
  server.files.set('/f', Buffer.from('x'));
  const { remote } = await connectTo(server);
  const kind = (path: string): Promise<unknown> => remote.run((channel) => kindOf(channel, path));
  expect(await kind('/in')).toBe('directory');
  expect(await kind('/missing')).toBeNull();
  server.script = (r) => ({
    answer: Buffer.concat([Buffer.from([0, 0, 0, 13, 105]), number(r.id), number(4), number(0o100644)]),
  });
  expect(await kind('/f')).toBe('file');
  // Neither size nor mode, as some servers answer for a directory.
  server.script = (r) => ({ answer: Buffer.concat([Buffer.from([0, 0, 0, 9, 105]), number(r.id), number(0)]) });
  expect(await kind('/in')).toBe('directory');
  server.script = () => ({ status: 3 });
  expect(await kind('/in')).toBe('unreadable');
});

function number(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
}
