// Preloaded into depot by tests: moves its wall clock. DEPOT_CLOCK_S: by so many seconds; DEPOT_CLOCK_UNTIL: up to this step of a push.
import { subscribe } from 'node:diagnostics_channel';

const real = globalThis.Date;
const shift = Number(process.env.DEPOT_CLOCK_S) * 1000;
const until = process.env.DEPOT_CLOCK_UNTIL;
let moved = shift;
subscribe('depot:step', ({ step }) => {
  if (step === until) moved = 0;
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
