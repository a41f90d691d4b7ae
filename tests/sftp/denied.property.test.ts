/** Servers that deny any combination of requests, or collect files. As long as a file can be written, a deposit succeeds, or fails with a clear error. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { markReceiptBytes } from '../../src/outbound.js';
import { connect } from '../../src/sftp/remote.js';
import { type RequestType, startScriptedServer } from '../support/scripted-server.js';
import { peer } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { blocksOf, connectTo, content, failure, names, sha256, specFor } from './support.js';

const deniable: RequestType[] = [
  'stat',
  'lstat',
  'fstat',
  'opendir',
  'readdir',
  'mkdir',
  'rename',
  'remove',
  'setstat',
  'fsetstat',
  'fsync',
  'realpath',
  'statvfs',
  'limits',
];
const bytes = content(150_000);
const receipt = markReceiptBytes(Buffer.from('{}\n'));

test('a server that refuses anything but OPEN, WRITE and CLOSE gets a whole deposit, or depot says clearly why not', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        denied: fc.uniqueArray(fc.constantFrom(...deniable)),
        status: fc.constantFrom(3, 4, 8),
        direct: fc.boolean(),
        collect: fc.constantFrom<'rename' | 'close' | undefined>('rename', 'close', undefined),
        extensions: fc.boolean(),
        lanes: fc.constantFrom(1, 3),
        maxChannels: fc.constantFrom(1, 8),
        renameOverwrites: fc.boolean(),
        reorder: fc.boolean(),
      }),
      async (o) => {
        const server = await startScriptedServer({
          software: 'OpenSSH_9.9',
          fsync: o.extensions,
          maxChannels: o.maxChannels,
          renameOverwrites: o.renameOverwrites,
          reorder: o.reorder,
          ...(o.extensions
            ? { limits: { packet: 262_144, read: 65_536, write: 65_536, handles: 10 }, freeBytes: () => 2 ** 30 }
            : {}),
          ...(o.collect === undefined ? {} : { collect: o.collect }),
          script: (r) => (o.denied.includes(r.type) ? { status: o.status } : undefined),
        });
        const has = (name: string): Buffer | undefined =>
          server.files.get(`/in/${name}`) ?? server.collected.get(`/in/${name}`);
        const { remote } = await connectTo(server, { lanes: o.lanes, publish: o.direct ? 'direct' : 'rename' });
        const upload = await remote.createUpload(names);
        for (const block of blocksOf(bytes, 40_000)) await upload.write(block);
        const completed = await upload
          .complete({ beforeClose: async () => undefined })
          .catch((error: unknown) => error);
        const published = has(names.finalName);
        if (o.direct || (!o.denied.includes('rename') && o.collect !== 'close')) {
          expect(completed).toMatchObject({ status: 'acknowledged' });
          expect(published?.equals(bytes)).toBe(true);
          expect(await remote.sidecar('x_1.receipt.json', receipt).publish()).toMatch(
            /delivered|unconfirmed|already-there/,
          );
          expect(has('x_1.receipt.json')?.toString()).toBe('{}\n');
          const cover = remote.sidecar('x_1.cover.md', receipt);
          await cover.begin();
          expect(await cover.publish()).toMatch(/delivered|unconfirmed|already-there/);
          expect(has('x_1.cover.md')?.toString()).toBe('{}\n');
        } else if (o.collect === 'close') {
          // The server collected the partial. depot cannot know that, and says so, or that the rename was refused.
          expect(completed).toMatchObject(completed instanceof Error ? { published: 'no' } : { status: 'unconfirmed' });
          expect(published).toBeUndefined();
        } else if (
          o.status === 4 &&
          ['stat', 'lstat', 'remove'].every((type) => o.denied.includes(type as RequestType))
        ) {
          // A rename that failed, as opposed to one that is denied, may have been done, and nothing shows.
          expect(completed).toMatchObject({ status: 'unconfirmed' });
          expect(published).toBeUndefined();
        } else {
          expect(completed).toMatchObject({
            exit: 15,
            published: 'no',
            hint: expect.stringMatching(/^[a-z]/) as string,
          });
          expect(published).toBeUndefined();
          expect(has(names.partialName) === undefined).toBe(!o.denied.includes('remove'));
        }
        await remote.close();
        await server.stop();
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});

/** Mixed so that each request is denied both with and without those that depot could use instead. */
const sets = [
  'stat,lstat,fstat',
  'stat,remove,fsync,realpath',
  'lstat,opendir,mkdir,fsetstat',
  'fstat,readdir,setstat,remove,statvfs',
  'fsync,limits,statvfs,realpath,stat',
  'mkdir,rmdir,remove,setstat,fsetstat,lstat',
  'opendir,readdir,realpath,fstat,fsync',
  'limits,remove,stat,opendir,setstat',
  'lstat,fstat,fsync,mkdir,limits',
  'fsetstat,statvfs,readdir,stat,lstat,realpath',
];

test.skipIf(peer('sshd') === undefined).each(sets)(
  'OpenSSH that denies %s gets a whole deposit; without rename too, a clear error',
  { timeout: 60_000 },
  async (set) => {
    for (const sftp of [
      ['-P', set],
      ['-P', `${set},rename`],
    ]) {
      const server = await startSshd({ sftp });
      const remote = await connect(
        specFor(server, { directory: server.remoteDirectory }),
        { privateKey: readFileSync(server.privateKeyFile) },
        { signal: new AbortController().signal, warn: () => undefined },
      );
      const upload = await remote.createUpload(names);
      for (const block of blocksOf(bytes, 40_000)) await upload.write(block);
      const completing = upload.complete({ beforeClose: async () => undefined });
      if (sftp[1].endsWith('rename')) {
        expect(await failure(completing)).toMatchObject({
          code: 'remote-permission',
          published: 'no',
          hint: expect.stringContaining('publish: direct') as string,
        });
        expect(server.names()).toEqual(set.includes('remove') ? [names.partialName] : []);
      } else {
        expect((await completing).status).toBe('acknowledged');
        await remote.sidecar('x_1.receipt.json', receipt).publish();
        expect(server.names()).toEqual(['x_1.receipt.json', names.finalName]);
        expect(sha256(readFileSync(join(server.incoming, names.finalName)))).toBe(sha256(bytes));
      }
      await remote.close();
      await server.stop();
    }
  },
);
