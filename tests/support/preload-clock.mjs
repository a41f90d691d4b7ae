// Preloaded into depot by tests: moves its wall clock. DEPOT_CLOCK_S: by so many seconds; DEPOT_CLOCK_AT: from this step of a push on.
import { subscribe } from 'node:diagnostics_channel';

const real = globalThis.Date;
const shift = Number(process.env.DEPOT_CLOCK_S) * 1000;
const from = process.env.DEPOT_CLOCK_AT;
let moved = from === undefined ? shift : 0;
subscribe('depot:step', ({ step }) => {
  if (step === from) moved = shift;
});
globalThis.Date = class Date extends real {
  constructor(...args) {
    if (args.length === 0) super(real.now() + moved);
    else super(...args);
  }

  static now() {
    return real.now() + moved;
  }
};
