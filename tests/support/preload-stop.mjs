// Preloaded into depot by tests (`node --import`): ends the process, as kill -9 would, at the named step of a push.
// DEPOT_STOP_AT: the step; `<step>:<n>` for its n-th time.
import { subscribe } from 'node:diagnostics_channel';

const [wanted, nth = '1'] = (process.env.DEPOT_STOP_AT ?? '').split(':');
let seen = 0;
subscribe('depot:step', ({ step }) => {
  if (step === wanted && ++seen === Number(nth)) process.kill(process.pid, 'SIGKILL');
});
