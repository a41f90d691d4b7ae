#!/usr/bin/env node
// Any Node can read this file, and an old one says so in a line: it could not load the rest. So nothing is imported above, and the words
// are those of Node 12.

// Until the program has an answer, an end is a defect. Without this, an event loop that runs empty would exit with 0,
// and a script would take that for a deposit.
process.exitCode = 1;

// Threads that run.
let threads = 0;
process.on('worker', (worker) => {
  threads += 1;
  worker.once('exit', () => {
    threads -= 1;
  });
});

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  refuse(
    'internal',
    1,
    `depot needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath})`,
    `install a newer Node (https://nodejs.org), or run depot with one that is here: /path/to/node ${process.argv[1]}`,
  );
} else {
  // Not a top-level await: Node 22 has been seen to die in V8 (`AsyncModuleExecutionFulfilled`) when one ends.
  void Promise.all([import('node:os'), import('../dist/cli.js')]).then(async ([{ constants }, { main }]) => {
    const status = await main();
    process.exitCode = status;
    const signal = ['SIGHUP', 'SIGINT', 'SIGTERM'].find((name) => 128 + constants.signals[name] === status);
    // Nothing should be left open now. If something is, a nightly run must not hang on it, and whoever sent a signal waits.
    setTimeout(() => end(signal), signal === undefined ? 5000 : 1000).unref();
  }, unloadable);
}

/** The program itself could not be read. */
function unloadable(error) {
  const limit = error.code === 'EMFILE' || error.code === 'ENFILE';
  refuse(
    limit ? 'local-limit' : 'internal',
    limit ? 5 : 1,
    `${limit ? 'too many open files' : 'depot could not be loaded'}: ${error.message}`,
    limit
      ? 'raise the limit for this account (ulimit -n 1024; LimitNOFILE= of systemd), then run it again'
      : 'install depot again',
  );
  if (process.env.DEPOT_DEBUG === '1') process.stderr.write(`${error.stack}\n`);
}

/** As the program itself would say it (src/ui/errors.ts). */
function refuse(code, exit, message, hint) {
  process.exitCode = exit;
  const error = { code, exit, message, hint, published: null, depositId: null };
  const events = process.argv.includes('--json-events') ? { event: 'result', time: new Date().toISOString() } : null;
  if (events !== null || process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ ...events, ok: false, error })}\n`);
  else process.stderr.write(`depot: error: ${message}\ndepot: hint: ${hint}\n`);
}

/** An exit waits for what the system was asked for, and a network share may never answer. A signal that nobody handles any more does not. */
function end(signal) {
  const waits = process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
  // It waits for threads, too: one that reads such a share is left running only after a signal.
  if (waits || (threads > 0 && signal !== undefined))
    process.kill(process.pid, signal === undefined ? 'SIGKILL' : signal);
  else process.exit();
}
