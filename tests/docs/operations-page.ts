/** docs/operations.md, for the tests of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/cli.js';

export const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');
export const section = (title: string): string =>
  new RegExp(`^## ${title}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(page)![1];
/** What stands in the fenced blocks of this language. */
export const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((m) => m[1]);
