// Preloaded into depot by tests (`node --import`): DEPOT_THREADS is a directory that gets a file `up-…` from every thread that starts, and
// `end.json` when the process ends: how many threads the main thread started, how many of them still ran, and whether nothing was left to do.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

const directory = process.env.DEPOT_THREADS ?? '.';
if (!isMainThread) writeFileSync(join(directory, `up-${threadId}`), '');
else {
  const end = { started: 0, running: 0, byItself: false };
  process.on('worker', (worker) => {
    end.started++;
    end.running++;
    worker.once('exit', () => end.running--);
  });
  process.on('beforeExit', () => (end.byItself = true));
  process.on('exit', () => writeFileSync(join(directory, 'end.json'), JSON.stringify(end)));
}
