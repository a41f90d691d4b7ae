import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { errorToRecord } from '../errors.js';
import { BLOCK_CREDITS, BLOCK_OCTETS, type BlockExchange } from './blocks.js';
import type { FromThread, SealOptions, ToThread } from './messages.js';
import { startPacker } from './packing.js';
import { seal } from './pipeline.js';

/**
 * The sealing thread: compresses and encrypts what the packing thread reads, so that the main thread has only SSH to do, and the suitcase's digest.
 * It waits, its program loaded and the packing thread likewise, until it is told what to seal.
 * Buffers travel round in a circle: filled here, transferred, acknowledged by the server, transferred back.
 */
class CreditedExchange implements BlockExchange {
  readonly #port: MessagePort;
  readonly #free: ArrayBuffer[] = [];
  #made = 0;
  #waiting: { resolve: (buffer: ArrayBuffer) => void; reject: (reason: unknown) => void } | null = null;
  readonly abort = new AbortController();
  #begin!: (options: SealOptions) => void;
  /** What to seal, once that is known. */
  readonly begun = new Promise<SealOptions>((begin) => (this.#begin = begin));

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: ToThread) => this.#receive(message));
  }

  take(): ArrayBuffer | Promise<ArrayBuffer> {
    this.#poll();
    this.abort.signal.throwIfAborted();
    const free = this.#free.pop();
    if (free) return free;
    if (this.#made < BLOCK_CREDITS) {
      this.#made++;
      return new ArrayBuffer(BLOCK_OCTETS);
    }
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  give(buffer: ArrayBuffer, length: number): void {
    this.send({ kind: 'block', buffer, length }, [buffer]);
  }

  send(message: FromThread, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Packing small files is synchronous work, so messages are also fetched by hand, between two blocks. */
  #poll(): void {
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port))
      this.#receive(next.message as ToThread);
  }

  #receive(message: ToThread): void {
    if (message.kind === 'begin') {
      this.#begin(message.options);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    if (message.kind === 'abort') {
      this.abort.abort();
      waiting?.reject(this.abort.signal.reason);
    } else if (waiting) waiting.resolve(message.buffer);
    else this.#free.push(message.buffer);
  }
}

async function run(port: MessagePort): Promise<void> {
  const exchange = new CreditedExchange(port);
  const packer = startPacker();
  const options = await exchange.begun;
  try {
    const result = await seal(options, exchange, packer, {
      signal: exchange.abort.signal,
      warn: (message, weight) => exchange.send({ kind: 'warning', message, weight }),
      progress: (progress) => exchange.send({ kind: 'progress', progress }),
    });
    exchange.send({ kind: 'sealed', result });
  } catch (error) {
    exchange.send({ kind: 'failed', error: errorToRecord(error) });
  } finally {
    options.sessionKey.fill(0);
    await packer.end();
    port.close();
  }
}

// No top-level await: see bin/depot.js.
if (parentPort) void run(parentPort);
