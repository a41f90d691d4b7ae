/** The part of a suitcase's README that says how to restore what is more than a file: databases. */
import type { RestoreLines, SourceSpec } from '../source.js';
import { block, code } from './readme-words.js';

/** Sections in English and Dutch, each with an empty line behind it; empty where nothing is to be restored. */
export function restoring(sources: readonly SourceSpec[]): Pick<RestoreLines, 'en' | 'nl'> {
  const found = sources.flatMap(({ name, restore }) => (restore === undefined ? [] : [{ name, restore }]));
  if (found.length === 0) return { en: '', nl: '' };
  const each = (language: 'en' | 'nl', verb: string): string =>
    found
      .map(({ name, restore }) => `${code(`data/${name}`)} ${verb} ${restore[language]}:\n\n${block(restore.lines)}`)
      .join('\n');
  return {
    en: `## Restoring databases

When the parts are joined, type this in the directory that holds \`DEPOT\` and \`data\`. It makes a new database.

${each('en', 'is')}
`,
    nl: `## Databases terugzetten

Typ dit als de delen zijn samengevoegd, in de map waarin \`DEPOT\` en \`data\` staan. Het maakt een nieuwe database aan.

${each('nl', 'is')}
`,
  };
}
