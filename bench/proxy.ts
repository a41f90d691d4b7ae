/**
 * A TCP relay on loopback that makes a link long and narrow: `node --import tsx bench/proxy.ts PORT RTT_MS MBIT` (0: unlimited).
 * Prints its own port, and for each line of its input the bytes that it let through to the server and back. Each direction delays by half a round trip and lets through no more than the bandwidth, so that
 * kernel modules and root are not needed. Runs as a process of its own: its work is not the work of who is measured.
 */
import { connect, createServer, type Socket } from 'node:net';

const [port, roundTripMs, megabits] = process.argv.slice(2).map(Number) as [number, number, number];
const delayMs = roundTripMs / 2;
const bytesPerMs = megabits > 0 ? (megabits * 1e6) / 8 / 1000 : Infinity;
/** What may be on the way in one direction; more than any bandwidth-delay product here. */
const mostOnTheWay = 128 << 20;

function relay(from: Socket, to: Socket, count: (bytes: number) => void): void {
  const queue: { due: number; bytes: Buffer }[] = [];
  let onTheWay = 0;
  let lineFreeAt = 0;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  const deliver = (): void => {
    timer = null;
    const now = performance.now();
    while (queue.length > 0 && queue[0].due <= now) {
      const { bytes } = queue.shift()!;
      onTheWay -= bytes.length;
      to.write(bytes);
    }
    if (from.isPaused() && onTheWay < mostOnTheWay / 2) from.resume();
    if (queue.length > 0) timer = setTimeout(deliver, Math.max(0, queue[0].due - performance.now()));
    else if (ended) to.end();
  };
  from.on('data', (bytes: Buffer) => {
    const now = performance.now();
    count(bytes.length);
    lineFreeAt = Math.max(lineFreeAt, now) + bytes.length / bytesPerMs;
    queue.push({ due: lineFreeAt + delayMs, bytes });
    onTheWay += bytes.length;
    if (onTheWay > mostOnTheWay) from.pause();
    timer ??= setTimeout(deliver, queue[0].due - now);
  });
  from.on('end', () => {
    ended = true;
    timer ??= setTimeout(deliver, 0);
  });
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (!ended) to.destroy();
  });
}

let sent = 0;
let received = 0;
const server = createServer({ noDelay: true, allowHalfOpen: true, highWaterMark: 1 << 20 }, (client) => {
  const upstream = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  relay(client, upstream, (bytes) => (sent += bytes));
  relay(upstream, client, (bytes) => (received += bytes));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
// Ends with whoever started it.
process.stdin
  .on('data', () => process.stdout.write(`${sent} ${received}\n`))
  .on('close', () => process.kill(process.pid, 'SIGTERM'));
