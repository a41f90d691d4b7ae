/** Makes the pictures in docs/pictures anew: `npm run pictures`. Those of the opener: see tests/support/browser.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { parties } from './parties.js';
import { terminalPicture } from './screen.js';
import { columns, takeSessions } from './sessions.js';

const directory = join(checkout, 'docs/pictures');
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, 'parties.svg'), parties());
try {
  for (const { name, title, raw } of await takeSessions('1m'))
    writeFileSync(join(directory, `${name}.svg`), terminalPicture(title, raw, columns));
} finally {
  await cleanUp();
}
