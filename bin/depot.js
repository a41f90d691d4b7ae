#!/usr/bin/env node
// Any Node can read this file, and an old one says so in a line: it could not load the rest. So nothing is imported above, and the words
// are those of Node 12.

// Until the program has an answer, an end is a defect. Without this, an event loop that runs empty would exit with 0,
// and a script would take that for a deposit.
process.exitCode = 1;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`depot: error: depot needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath})\ndepot: hint: install a newer Node (https://nodejs.org), or run depot with one that is here: /path/to/node ${process.argv[1]}\n`);
} else {
  // Not a top-level await: Node 22 has been seen to die in V8 (`AsyncModuleExecutionFulfilled`) when one ends.
  void Promise.all([import('node:os'), import('../dist/cli.js')]).then(async ([{ constants }, { main }]) => {
    const status = await main();
    process.exitCode = status;
    const signal = ['SIGHUP', 'SIGINT', 'SIGTERM'].find((name) => 128 + constants.signals[name] === status);
    // Nothing should be left open now. If something is, a nightly run must not hang on it, and whoever sent a signal waits.
    setTimeout(() => end(signal === undefined ? 'SIGKILL' : signal), signal === undefined ? 5000 : 1000).unref();
  });
}

/** An exit waits for what the system was asked for, and a network share may never answer. A signal that nobody handles any more does not. */
function end(signal) {
  if (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))) process.kill(process.pid, signal);
  else process.exit();
}
