#!/usr/bin/env node
import { constants } from 'node:os';
import { main } from '../dist/cli.js';

// Until the program has an answer, an end is a defect. Without this, an event loop that runs empty would exit with 0,
// and a script would take that for a deposit.
process.exitCode = 1;

// Not a top-level await: Node 22 has been seen to die in V8 (`AsyncModuleExecutionFulfilled`) when one ends.
void main().then((status) => {
  process.exitCode = status;
  const signal = ['SIGHUP', 'SIGINT', 'SIGTERM'].find((name) => 128 + constants.signals[name] === status);
  // Nothing should be left open now. If something is, a nightly run must not hang on it, and whoever sent a signal waits.
  setTimeout(() => end(signal ?? 'SIGKILL'), signal === undefined ? 5_000 : 1_000).unref();
});

/** An exit waits for what the system was asked for, and a network share may never answer. A signal that nobody handles any more does not. */
function end(signal) {
  if (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))) process.kill(process.pid, signal);
  else process.exit();
}
