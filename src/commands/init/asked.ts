import type { Account } from '../../accounts.js';
import type { Context } from '../context.js';
import type { Draft } from './draft.js';
import type { SourceAnswer } from './source-answer.js';
import type { Talk } from './talk.js';

/** What a question has at hand besides the answers. */
export interface Asked {
  talk: Talk;
  context: Context;
  /** The line that goes on here, for whoever leaves. */
  again: string;
  /** Where receipts go: as answered, else the usual place for this account. */
  stateFor: (a: Draft, account: Account | null) => string;
  /** Is told of every answer, so that nothing has to be answered twice. */
  keep: (soFar: Draft) => Promise<void>;
}

/** What a source is asked for with. */
export interface SourcesAsked extends Pick<Asked, 'talk' | 'context'> {
  /** The account that pushes, where it is another than this one. */
  account: Account | null;
  keep: (sources: SourceAnswer[]) => Promise<void>;
}
