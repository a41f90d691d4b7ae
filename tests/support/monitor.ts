/** Stands in for Healthchecks: takes pings of `/ping/KEY/<check>`, and does with them what a test asks for. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Pinged {
  method: string;
  /** Without `/ping/KEY`: `/acme-crm/start`. */
  path: string;
  agent: string | undefined;
  headers: string[];
  body: string;
}

export type Behaviour = (answer: ServerResponse, request: IncomingMessage) => void;

export const behaviours = {
  takes: (answer) => answer.end('OK'),
  hangs: () => undefined,
  fails: (answer) => answer.writeHead(500).end('no'),
  'does not know the check': (answer) => answer.writeHead(404).end('not found'),
  redirects: (answer) => answer.writeHead(301, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
  resets: (answer) => answer.socket!.resetAndDestroy(),
  'answers without an end': (answer) => {
    answer.writeHead(200);
    const more = (): void => {
      while (!answer.destroyed && answer.write(Buffer.alloc(65_536)));
    };
    answer.on('drain', more);
    more();
  },
  'sends headers without an end': (answer) => {
    const { socket } = answer;
    socket!.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket!.write('x: y\r\n'), 100);
    socket!.on('close', () => clearInterval(timer));
  },
} satisfies Record<string, Behaviour>;

export interface Monitor {
  url: string;
  pinged: Pinged[];
  /** Checks that Healthchecks would show as down, by their last ping. */
  down(): string[];
  behave(behaviour: Behaviour): void;
}

/** With a certificate it takes HTTPS. */
export async function startMonitor(tls?: { key: Buffer; cert: Buffer }): Promise<Monitor> {
  const pinged: Pinged[] = [];
  let behaviour: Behaviour = behaviours.takes;
  const take = (request: IncomingMessage, answer: ServerResponse): void => {
    answer.on('error', () => undefined);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      if (!url.startsWith('/ping/KEY')) {
        answer.writeHead(404).end();
        return;
      }
      pinged.push({
        method,
        path: url.slice('/ping/KEY'.length),
        agent: headers['user-agent'],
        headers: rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()),
        body,
      });
      behaviour(answer, request);
    });
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}/ping/KEY/{arrangement}`,
    pinged,
    down: () => {
      const last = new Map<string, string>();
      for (const { path } of pinged) {
        const [, check, what = '0'] = path.split('/') as [string, string, string?];
        if (what !== 'start') last.set(check, what);
      }
      return [...last].filter(([, what]) => what !== '0').map(([check]) => check);
    },
    behave: (next) => {
      behaviour = next;
    },
  };
}
