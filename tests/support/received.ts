import type { ScriptedServer } from './scripted-server.js';

/** Everything that the server decoded: each file as far as it was written, and every name that was spoken. */
export function received(server: ScriptedServer): [string, Buffer][] {
  const files = new Map<string, Buffer>();
  for (const { path, offset, data } of server.payloads) {
    const before = files.get(path) ?? Buffer.alloc(0);
    const after =
      before.length >= offset + data.length
        ? before
        : Buffer.concat([before, Buffer.alloc(offset + data.length - before.length)]);
    data.copy(after, offset);
    files.set(path, after);
  }
  const names = server.requests.flatMap((request) => [request.path, request.target]).join('\n');
  return [...files, ['the names in the requests', Buffer.from(names)]];
}
