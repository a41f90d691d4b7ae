// Preloaded into depot by tests (`node --import`): no hard link can be made, as on FAT.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.linkSync = () => {
  throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
};
syncBuiltinESMExports();
