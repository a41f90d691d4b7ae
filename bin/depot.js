#!/usr/bin/env node
import { main } from '../dist/cli.js';

// Until the program has an answer, an end is a defect. Without this, an event loop that runs empty would exit with 0,
// and a script would take that for a deposit.
process.exitCode = 1;

process.exitCode = await main();

// Nothing should be left open now. If something is, a nightly run must not hang on it.
setTimeout(() => process.exit(), 5_000).unref();
