/** A minute at the limit, measured at the wire: it is held within 5 %, in both directions. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import { Throttle } from '../../src/sftp/throttle.js';
import { cleanup } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { wireTo } from '../support/wire.js';
import { blocksOf, content, quiet, specFor } from './support.js';

const MiB = 1024 * 1024;

test.skipIf(peer('sshd') === undefined)(
  'three uploads over several lanes keep to their limit for a minute',
  async () => {
    const server = await startSshd();
    const wire = await wireTo(server.port);
    const limit = 2 * MiB;
    const throttle = new Throttle(() => limit);
    const bytes = content(40 * MiB);
    const remotes = [];
    for (const lanes of [1, 4, 'auto'] as const) {
      const spec = specFor(server, { port: wire.port, directory: server.remoteDirectory, throttle, lanes });
      const remote = await connect(spec, { privateKey: readFileSync(server.privateKeyFile) }, quiet);
      cleanup(() => remote.close());
      remotes.push(remote);
    }
    wire.mark();
    await Promise.all(
      remotes.map(async (remote, i) => {
        const upload = await remote.createUpload({ partialName: `.${i}.partial`, finalName: `${i}` });
        for (const block of blocksOf(bytes)) await upload.write(block);
        await upload.complete({ beforeClose: () => Promise.resolve() });
      }),
    );
    expect(wire.rate() / limit).toBeGreaterThan(0.95);
    expect(wire.rate() / limit).toBeLessThan(1.05);
  },
);
