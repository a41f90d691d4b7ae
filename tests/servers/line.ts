/** The way between depot and a server: far, slow, or cut, on loopback. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { cleanup } from '../support/cleanup.js';

export interface LineOptions {
  /** Each way. */
  delayMs?: number;
  /** Towards the server. */
  bytesPerSecond?: number;
}

/** More than a window, so that only the line's own limits slow it down. */
const mostQueued = 4 * 1024 * 1024;

export class Line {
  readonly #clients = new Set<Socket>();
  readonly #servers = new Set<Socket>();
  #stop: () => void = () => undefined;
  /** Bytes until it stops. */
  #left = Infinity;
  port = 0;

  private constructor(
    private readonly to: number,
    private readonly options: LineOptions,
  ) {}

  static async to(port: number, options: LineOptions): Promise<Line> {
    const line = new Line(port, options);
    const listener = createServer((client) => line.#join(client));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    line.port = (listener.address() as AddressInfo).port;
    cleanup(() => {
      line.dropClients();
      line.dropServers();
      listener.close();
    });
    return line;
  }

  /** Nothing goes to the server any more once a new connection has sent so many bytes; resolves then, and later ones are whole again. */
  cutAfter(bytes: number): Promise<void> {
    this.#left = bytes;
    return new Promise((resolve) => (this.#stop = resolve));
  }

  /** The client sees a reset; the server notices nothing. */
  dropClients(): void {
    for (const socket of this.#clients) socket.destroy();
  }

  /** The server notices, at last. */
  dropServers(): void {
    for (const socket of this.#servers) socket.destroy();
  }

  #join(client: Socket): void {
    const server = connect({ port: this.to, host: '127.0.0.1' });
    this.#clients.add(client);
    this.#servers.add(server);
    const state = { cut: false, sent: 0 };
    client.on('error', () => undefined).on('close', () => this.#clients.delete(client));
    // A client that was cut off leaves the server's side open, as when a router forgets a connection.
    client.on('close', () => state.cut || server.end());
    server
      .on('error', () => undefined)
      .on('close', () => {
        this.#servers.delete(server);
        client.destroy();
      });
    for (const socket of [client, server]) socket.setNoDelay();
    this.#forward(server, client, Infinity, () => true);
    this.#forward(client, server, this.options.bytesPerSecond ?? Infinity, (length) => {
      state.sent += length;
      if (state.cut || state.sent < this.#left) return !state.cut;
      this.#left = Infinity;
      state.cut = true;
      this.#stop();
      return false;
    });
  }

  #forward(from: Socket, to: Socket, bytesPerSecond: number, passes: (length: number) => boolean): void {
    const { delayMs = 0 } = this.options;
    const perByteMs = 1000 / bytesPerSecond;
    let free = 0;
    let queued = 0;
    from.on('data', (chunk: Buffer) => {
      if (!passes(chunk.length)) return;
      const now = performance.now();
      free = Math.max(free, now) + chunk.length * perByteMs;
      const waitMs = free - now + delayMs;
      if (waitMs === 0) {
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        return;
      }
      queued += chunk.length;
      // What waits for a slow line waits in front of it, as in a router.
      if (queued > (perByteMs > 0 ? 65_536 : mostQueued)) from.pause();
      setTimeout(() => {
        queued -= chunk.length;
        to.write(chunk);
        from.resume();
      }, waitMs);
    });
  }
}
