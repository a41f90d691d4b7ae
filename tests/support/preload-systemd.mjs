// Preloaded into depot by tests (`node --import`): systemd runs this machine, and has its units in SYSTEMD_STAND_IN/units.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const moved = {
  '/run/systemd/system': join(process.env.SYSTEMD_STAND_IN, 'run'),
  '/etc/systemd/system': join(process.env.SYSTEMD_STAND_IN, 'units'),
};
const there = (word) => {
  if (typeof word !== 'string') return word;
  const from = Object.keys(moved).find((place) => word === place || word.startsWith(`${place}/`));
  return from === undefined ? word : moved[from] + word.slice(from.length);
};
for (const name of ['stat', 'lstat', 'readFile', 'open', 'rename', 'rm', 'chmod']) {
  const real = fs.promises[name];
  fs.promises[name] = (...words) => real(...words.map(there));
}
syncBuiltinESMExports();
