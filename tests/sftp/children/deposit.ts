import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { markSuitcaseBlock } from '../../../src/outbound.js';
import { connect } from '../../../src/sftp/remote.js';
import type { RemoteSpec } from '../../../src/sftp/types.js';

/** One deposit of 1 MiB to the server of the test that started this process; says how it went. */
const spec = JSON.parse(process.argv[2]) as RemoteSpec & { password: string };
const remote = await connect(
  spec,
  { password: () => Promise.resolve(spec.password) },
  { signal: new AbortController().signal, warn: () => undefined },
);
const upload = await remote.createUpload({ partialName: '.x.partial', finalName: 'x' });
const block = randomBytes(1024 * 1024);
await upload.write(markSuitcaseBlock(new Uint8Array(block)));
const { status } = await upload.complete({ beforeClose: () => Promise.resolve() });
await remote.close();
const require = createRequire(import.meta.url);
const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as { bindingAvailable: boolean };
process.stdout.write(JSON.stringify({ native: bindingAvailable, status, content: block.toString('base64') }));
