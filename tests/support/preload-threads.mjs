// Preloaded into depot by tests (`node --import`): DEPOT_THREADS is a directory that gets a file `up-…` from every thread that starts, and
// `end.json` when the process ends: how many threads the main thread started, how many of them still ran, and whether nothing was left to do.
// DEPOT_MOST_THREADS: so many threads can be started, and no more, as where the account has reached its limit.
import { writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import threads, { isMainThread, threadId } from 'node:worker_threads';

const directory = process.env.DEPOT_THREADS ?? '.';
if (!isMainThread) writeFileSync(join(directory, `up-${threadId}`), '');
else {
  const end = { started: 0, running: 0, byItself: false };
  process.on('worker', (worker) => {
    end.started++;
    end.running++;
    worker.once('exit', () => end.running--);
  });
  const { DEPOT_MOST_THREADS: most } = process.env;
  if (most !== undefined) {
    let started = 0;
    threads.Worker = class extends threads.Worker {
      constructor(...how) {
        if (++started > Number(most))
          throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
        super(...how);
      }
    };
    syncBuiltinESMExports();
  }
  process.on('beforeExit', () => (end.byItself = true));
  process.on('exit', () => writeFileSync(join(directory, 'end.json'), JSON.stringify(end)));
}
