import { expect, test } from 'vitest';
import { markSuitcaseBlock } from '../../src/outbound.js';
import { connect } from '../../src/sftp/remote.js';
import { Connections } from '../../src/sftp/connections.js';
import { cleanup } from '../support/cleanup.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { content, names, sha256, specFor } from './support.js';

const MiB = 1024 * 1024;

/** What this test needs of ssh2's server side of a channel to hold back its window. */
interface Held {
  outgoing: { id: number };
  _client: { _protocol: { channelWindowAdjust: (id: number, bytes: number) => void } };
}

// Lane one's channel closes, and the connection stays. What lane two still had to send must not be sent later, from memory that holds
// something else by then.
test.each(['used again', 'transferred'])(
  'a lane that was given up writes nothing more, since its memory is %s',
  async (fate) => {
    const server = await startScriptedServer({
      directories: ['/in'],
      software: 'OpenSSH_9.9',
      limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 0 },
    });
    const connections = new Connections();
    cleanup(() => connections.close());
    const remote = await connect(
      specFor(server, { lanes: 2 }),
      { password: () => Promise.resolve(server.password) },
      { signal: new AbortController().signal, warn: () => undefined },
      connections.to('one'),
    );
    const upload = await remote.createUpload(names);
    const bytes = content(40 * MiB);
    const free: ArrayBuffer[] = [];
    upload.onReleased((block) => {
      if (fate === 'used again') free.push(block.buffer);
      else structuredClone(block.buffer, { transfer: [block.buffer] });
    });

    let release: (() => void) | undefined;
    /** Writes of lane one since lane two's window was held back. */
    let since = 0;
    server.script = ({ type, channel }) => {
      if (type === 'write' && channel === 2 && release === undefined) {
        const second = server.channels[1] as unknown as Held;
        const protocol = second._client._protocol;
        const adjust = protocol.channelWindowAdjust.bind(protocol);
        let owed = 0;
        let holding = true;
        protocol.channelWindowAdjust = (id, bytes) => {
          if (holding && id === second.outgoing.id) owed += bytes;
          else adjust(id, bytes);
        };
        release = () => {
          holding = false;
          if (owed > 0) adjust(second.outgoing.id, owed);
        };
      } else if (type === 'write' && channel === 1 && release !== undefined && ++since === 8) {
        server.channels[0].close();
      }
      return undefined;
    };
    for (let at = 0; at < bytes.length; at += MiB) {
      const block = new Uint8Array(free.shift() ?? new ArrayBuffer(MiB));
      block.set(bytes.subarray(at, at + MiB));
      await upload.write(markSuitcaseBlock(block));
    }
    const transfer = await upload.complete({
      beforeClose: async () => {
        const before = server.requests.length;
        release?.();
        // What was still queued would arrive before these two requests, on the same connection.
        await remote.stat(names.finalName);
        await remote.stat(names.finalName);
        expect(server.requests.slice(before).filter(({ type }) => type === 'write')).toEqual([]);
      },
    });
    expect(transfer.status).toBe('acknowledged');
    expect(server.connections).toBe(1);
    expect(sha256(server.files.get(`/in/${names.finalName}`)!)).toBe(sha256(bytes));
    const wrong = server.requests.filter(
      (r) => r.type === 'write' && !r.data.equals(bytes.subarray(r.offset, r.offset + r.data.length)),
    );
    expect(wrong).toEqual([]);
  },
);
