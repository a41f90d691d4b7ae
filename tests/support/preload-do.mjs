// Preloaded into depot by tests (`node --import`): at the named step of a push, or at a signal, a shell command is run while the process waits.
// DEPOT_AT: the step, `<step>:<n>` for its n-th time, or the signal; DEPOT_DO: the command, in which $PPID is the push.
import { execFileSync } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

const [wanted, nth = '1'] = (process.env.DEPOT_AT ?? '').split(':');
const command = process.env.DEPOT_DO ?? 'kill -9 $PPID';
const act = () => execFileSync('sh', ['-c', command], { stdio: 'inherit' });
let seen = 0;
subscribe('depot:step', ({ step }) => {
  if (step === wanted && ++seen === Number(nth)) act();
});
if (wanted.startsWith('SIG')) process.once(wanted, act);
