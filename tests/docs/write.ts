/** `npm run docs`: writes the parts of docs/ that come from the code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { file, withExitCodes } from './exit-codes.js';

writeFileSync(file, withExitCodes(readFileSync(file, 'utf8')));
