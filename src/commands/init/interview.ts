/** Asks what is not answered, shows it all, and asks again what the person wants to change. */
import { printable } from '../../printable.js';
import { otherAccount } from './account.js';
import type { Answers, Draft } from './draft.js';
import type { Asked } from './asked.js';
import { type Question, questions } from './questions.js';

/** Null: the person leaves. */
export async function interview(draft: Draft, o: Asked): Promise<Answers | null> {
  const a: Draft = { ...draft };
  const ask = async (question: Question): Promise<void> => {
    await question.ask(a, o);
    await o.keep(a);
  };
  for (;;) {
    for (const question of questions) if (!question.answered(a)) await ask(question);
    const changed = await review(a, o);
    if (changed === 'leave') return null;
    if (changed === null) return { user: '', ...a, state: await stateOf(a, o) } as Answers;
    await ask(changed);
  }
}

/** What is to be changed; null when all is right. */
async function review(a: Draft, o: Asked): Promise<Question | 'leave' | null> {
  const { talk } = o;
  const all: Draft = { ...a, state: await stateOf(a, o) };
  talk.say(`Your answers:\n${summary(all).join('\n')}`);
  const what = await talk.choose('Is this right?', [
    { value: 'write', label: 'yes: write depot.yaml' },
    { value: 'change', label: 'no: change an answer' },
    { value: 'leave', label: 'stop, and continue later; your answers are kept' },
  ]);
  if (what !== 'change') return what === 'leave' ? 'leave' : null;
  const shown = questions.filter((question) => question.shown(all) !== '');
  const which = await talk.choose('Which one?', [
    ...shown.map(({ label }) => ({ value: label, label })),
    { value: '', label: 'none of them' },
  ]);
  return shown.find(({ label }) => label === which) ?? review(a, o);
}

async function stateOf(a: Draft, { stateFor }: Asked): Promise<string> {
  return stateFor(a, await otherAccount(a.user));
}

/** A line for each question that is answered; secrets are not among the answers. */
export function summary(draft: Draft): string[] {
  return questions
    .filter((question) => question.answered(draft))
    .map((question) => [question.label, question.shown(draft) ?? ''] as const)
    .filter(([, value]) => value !== '')
    .map(([label, value]) => `  ${label.padEnd(11)}  ${printable(value)}`);
}

/** Every answer once more, each with the old one as what Enter takes: nothing that was answered is lost on the way. */
export async function askAllAgain(draft: Draft, o: Asked): Promise<Draft> {
  const a: Draft = { ...draft };
  for (const question of questions) {
    if (!question.answered(draft) || question.shown(draft) === '') continue;
    await question.ask(a, o);
    await o.keep(a);
  }
  return a;
}
