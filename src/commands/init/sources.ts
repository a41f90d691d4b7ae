/** What is deposited: each kind of source is a choice of one menu, asked for and tried at once. */
import { databases } from '../../databases/databases.js';
import { databaseKinds } from '../../source.js';
import type { SourcesAsked } from './asked.js';
import { askDatabase, askPasswordAgain } from './database-questions.js';
import { askPath } from './path-source.js';
import { lacksPassword, type SourceAnswer, sourceShown } from './source-answer.js';
import type { Talk } from './talk.js';

/** A choice of the menu: asks for a source of its kind and tries it; null when the person gives up. `taken` are those there already. */
interface Choice {
  value: string;
  label: string;
  ask(taken: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer | null>;
}

const choices: readonly Choice[] = [
  { value: 'path', label: 'a directory or a file', ask: askPath },
  ...databaseKinds.map((kind) => ({
    value: kind,
    label: `a ${databases[kind].title} database`,
    ask: (taken: readonly SourceAnswer[], o: SourcesAsked) => askDatabase(kind, taken, o),
  })),
];

/** Adds and removes until the person is done; at least one is left. */
export async function pickSources(before: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer[]> {
  const sources = [...before];
  for (;;) {
    const what = sources.length === 0 ? 'add' : await nextStep(sources, o.talk);
    if (what === 'done') return sources;
    if (what === 'remove') {
      await removeOne(sources, o.talk);
      await o.keep(sources);
      continue;
    }
    const kind = await o.talk.choose(sources.length === 0 ? 'What do you want to deposit?' : 'What else?', [
      ...choices.map(({ value, label }) => ({ value, label })),
      ...(sources.length === 0 ? [] : [{ value: 'none', label: 'nothing else: back' }]),
    ]);
    const added = await choices.find(({ value }) => value === kind)?.ask(sources, o);
    if (added == null) continue;
    sources.push(added);
    await o.keep(sources);
  }
}

/** Those whose password was typed in a run that has ended: it is asked for once more. */
export async function completeSources(before: readonly SourceAnswer[], o: SourcesAsked): Promise<SourceAnswer[]> {
  const sources: SourceAnswer[] = [];
  for (const source of before) {
    const others = before.filter((one) => one !== source);
    const complete = 'path' in source || !lacksPassword(source) ? source : await askPasswordAgain(source, others, o);
    if (complete !== null) sources.push(complete);
  }
  return sources.length === 0 ? pickSources([], o) : sources;
}

function nextStep(sources: readonly SourceAnswer[], talk: Talk): Promise<string> {
  talk.say(`To be deposited:\n${sources.map((source) => `  ${sourceShown(source)}`).join('\n')}`);
  return talk.choose('Anything else?', [
    { value: 'done', label: 'no, that is all' },
    { value: 'add', label: 'yes: a directory, a file or a database' },
    { value: 'remove', label: sources.length === 1 ? 'remove it, and name another' : 'remove one of them' },
  ]);
}

async function removeOne(sources: SourceAnswer[], talk: Talk): Promise<void> {
  const which =
    sources.length === 1
      ? '0'
      : await talk.choose('Remove which?', [
          ...sources.map((source, i) => ({ value: String(i), label: sourceShown(source) })),
          { value: 'none', label: 'none of them' },
        ]);
  if (which !== 'none') sources.splice(Number(which), 1);
}
