/** `npm run docs`: writes the parts of docs/ and schemas/ that come from the code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/cli.js';
import { page, schemas } from './configuration.js';
import { example } from './example.js';
import { file, withExitCodes } from './exit-codes.js';
import { beneficiaryPage, withScript } from './restore-script.js';

writeFileSync(file, withExitCodes(readFileSync(file, 'utf8')));
writeFileSync(beneficiaryPage, withScript(readFileSync(beneficiaryPage, 'utf8')));
for (const [name, text] of Object.entries(schemas())) writeFileSync(join(checkout, 'schemas', name), text);
writeFileSync(join(checkout, 'docs/configuration.md'), await page());
writeFileSync(join(checkout, 'schemas/depot.example.yaml'), example());
