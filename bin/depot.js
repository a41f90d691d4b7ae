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
  process.stderr.write(
    `depot: error: depot needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath})\ndepot: hint: install a newer Node (https://nodejs.org), or run depot with one that is here: /path/to/node ${process.argv[1]}\n`,
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
  const told = {
    code: limit ? 'local-limit' : 'internal',
    exit: limit ? 5 : 1,
    message: `${limit ? 'too many open files' : 'depot could not be loaded'}: ${error.message}`,
    hint: limit
      ? 'allow this account more of them (ulimit -n 1024; LimitNOFILE= of systemd), then run it again'
      : 'install depot again',
    published: null,
    depositId: null,
  };
  process.exitCode = told.exit;
  const events = process.argv.includes('--json-events') ? { event: 'result', time: new Date().toISOString() } : {};
  if (events.event || process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ ...events, ok: false, error: told })}\n`);
  else process.stderr.write(`depot: error: ${told.message}\ndepot: hint: ${told.hint}\n`);
  if (process.env.DEPOT_DEBUG === '1') process.stderr.write(`${error.stack}\n`);
}

/** An exit waits for what the system was asked for, and a network share may never answer. A signal that nobody handles any more does not. */
function end(signal) {
  const waits = process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
  // It waits for threads, too: one that reads such a share is left running only after a signal.
  if (waits || (threads > 0 && signal !== undefined))
    process.kill(process.pid, signal === undefined ? 'SIGKILL' : signal);
  else process.exit();
}
