/** A relay on loopback that counts what a client sends, as it goes over the wire. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { cleanup } from './cleanup.js';

export interface Wire {
  port: number;
  /** Bytes that clients sent so far. */
  sent(): number;
  /** Bytes per second from the first byte after `mark` to the last one. */
  rate(): number;
  /** What was sent before is not counted by `rate`. */
  mark(): void;
  /** Ends all connections, as a link that breaks. */
  cut(): void;
}

export async function wireTo(port: number): Promise<Wire> {
  let sent = 0;
  let from = { at: 0, sent: 0 };
  let last = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => open.delete(socket));
    }
    client.on('data', (bytes) => {
      sent += bytes.length;
      last = performance.now();
    });
    client.pipe(upstream);
    upstream.pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => open.forEach((socket) => socket.destroy());
  cleanup(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    rate: () => ((sent - from.sent) * 1000) / (last - from.at),
    mark: () => (from = { at: performance.now(), sent }),
    cut,
  };
}
