#!/usr/bin/env node
import { main } from '../dist/cli.js';

// Until the program has an answer, an end is a defect. Without this, an event loop that runs empty would exit with 0,
// and a script would take that for a deposit.
process.exitCode = 1;

// Not a top-level await: Node 22 has been seen to die in V8 (`AsyncModuleExecutionFulfilled`) when one ends.
void main().then((status) => {
  process.exitCode = status;
  // Nothing should be left open now. If something is, a nightly run must not hang on it.
  setTimeout(() => process.exit(), 5_000).unref();
});
