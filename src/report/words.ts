/** What codes of the record mean, in the two languages of the page. */
import { age, bytes, localTime } from '../ui/format.js';
import type { ArrangementReport, Reason, State } from './data.js';
import { both, html, type Markup } from './markup.js';
import { exitMeaning } from '../texts/exits.js';
import type { ProblemKind } from '../state/audit.js';

export interface Badge {
  look: 'good' | 'warn' | 'bad' | 'idle';
  text: Markup;
}

const badges: Readonly<Record<State, readonly [look: Badge['look'], en: string, nl: string]>> = {
  broken: ['bad', '✗ ledger broken', '✗ grootboek klopt niet'],
  late: ['bad', '✗ late', '✗ te laat'],
  never: ['bad', '✗ no deposit yet', '✗ nog geen depot'],
  keys: ['bad', '✗ key not usable', '✗ sleutel niet bruikbaar'],
  attention: ['warn', '! needs attention', '! let op'],
  unknown: ['idle', '– no rhythm agreed', '– geen ritme afgesproken'],
  ended: ['idle', '– ended', '– beëindigd'],
  ok: ['good', '✓ on time', '✓ op tijd'],
};

export function badgeOf({ state, configured }: Pick<ArrangementReport, 'state' | 'configured'>): Badge {
  const [look, en, nl] = badges[state];
  return {
    look,
    text: state === 'unknown' && !configured ? html`– ${rhythmText({ everyMs: null, configured })}` : both(en, nl),
  };
}

/** Without a configuration nobody knows what was agreed. */
export function rhythmText({ everyMs, configured }: Pick<ArrangementReport, 'everyMs' | 'configured'>): Markup {
  if (everyMs !== null) return html`${both('every', 'elke')} ${age(everyMs)}`;
  return configured
    ? both('no rhythm agreed', 'geen ritme afgesproken')
    : both('agreed rhythm not known', 'afgesproken ritme niet bekend');
}

export function exitText(exit: number): Markup {
  const { en, nl } = exitMeaning(exit);
  return html`${exit}: ${both(en, nl)}`;
}

export const publishedWords = {
  no: both('nothing was deposited', 'er is niets gedeponeerd'),
  yes: both('deposited', 'gedeponeerd'),
  unknown: both('possibly deposited', 'mogelijk gedeponeerd'),
} as const;

/** Of a run that could not know, and of which it is known since. */
export const settledWords = both('as a later run found', 'zoals een latere uitvoering vaststelde');

export const roleWords = {
  signer: both('supplier, signs the receipts', 'leverancier, ondertekent de depotbewijzen'),
  beneficiary: both('beneficiary', 'begunstigde'),
  earlier: both('recipient of earlier deposits', 'ontvanger van eerdere depots'),
} as const;

export const problemWords: Readonly<Record<ProblemKind, Markup>> = {
  missing: both('missing', 'ontbreekt'),
  changed: both('changed', 'veranderd'),
  reordered: both('in another order', 'in een andere volgorde'),
  unlisted: both('not in the ledger', 'niet in het grootboek'),
  forked: both('differs from what others hold', 'verschilt van wat anderen hebben'),
  signature: both('signature not accepted', 'handtekening niet aanvaard'),
};

const nouns = {
  deposit: ['deposit', 'deposits', 'depot', 'depots'],
  gap: ['gap', 'gaps', 'gat', 'gaten'],
  'failed-run': ['failed run', 'failed runs', 'mislukte uitvoering', 'mislukte uitvoeringen'],
  line: ['line', 'lines', 'regel', 'regels'],
  destruction: ['destruction', 'destructions', 'vernietiging', 'vernietigingen'],
  entry: ['entry', 'entries', 'item', 'items'],
  increment: ['increment', 'increments', 'increment', 'incrementen'],
  receipt: ['receipt', 'receipts', 'depotbewijs', 'depotbewijzen'],
} as const;

/** `1 gap`, `2 gaps`. */
export function countOf(n: number, noun: keyof typeof nouns): Markup {
  const [one, many, een, meer] = nouns[noun];
  return html`${n} ${n === 1 ? both(one, een) : both(many, meer)}`;
}

export function reasonText(reason: Reason): Markup {
  switch (reason.kind) {
    case 'run-failed':
      return html`${both('the last run failed', 'de laatste uitvoering mislukte')}, ${localTime(reason.at)}, ${exitText(reason.exit)}`;
    case 'run-killed':
      return html`${both('a run was killed, or the machine went down; it began', 'een uitvoering werd afgebroken, of de machine viel uit; ze begon')} ${localTime(reason.at)}`;
    case 'pending':
      return html`${both('deposits that were begun, and that the next run continues or abandons', 'begonnen depots die de volgende uitvoering afmaakt of opgeeft')}: ${reason.count}`;
    case 'shrunk':
      return html`${both('the dataset shrank, and has not grown back since', 'de dataset kromp, en is sindsdien niet weer zo groot geworden')}: <code>${reason.depositId}</code>`;
    case 'unconfirmed':
      return html`${both("the server's last answer was lost: possibly deposited", 'het laatste antwoord van de server ging verloren: mogelijk gedeponeerd')}: <code>${reason.depositId}</code>`;
    case 'not-complete':
      return html`${both('files changed while they were read, so the dataset is not complete', 'bestanden veranderden tijdens het lezen, dus de dataset is niet volledig')}: <code>${reason.depositId}</code>`;
    case 'no-receipt':
      return html`${both('the receipt of the newest deposit is not on file', 'het depotbewijs van het nieuwste depot is er niet')}: <code>${reason.depositId}</code>`;
    case 'key-expires':
      return html`${both('key expires in', 'sleutel verloopt over')} ${reason.days} ${both('days', 'dagen')}: ${reason.name}`;
    case 'key-unusable':
      return html`${both('key not usable for the next deposit', 'sleutel niet bruikbaar voor het volgende depot')}: ${reason.name} (<span lang="en">${reason.why}</span>)`;
    case 'full-old':
      return html`${both('all deposits since are built on the full deposit, which is', 'het volledige depot waarop alle latere voortbouwen is')} ${age(reason.ageMs)} ${both('old, and', 'oud, en')} ${reason.opensForMs === 0 ? both('the agent no longer has to keep it', 'de agent hoeft het niet meer te bewaren') : html`${both('the agent keeps it for', 'de agent bewaart het nog')} ${age(reason.opensForMs)}${both(' more', '')}`}: <code>${reason.depositId}</code>`;
    case 'lost':
      return html`${both('deposits that no longer open, since one on which they are built was destroyed', 'depots die niet meer opengaan, omdat een depot waarop ze voortbouwen is vernietigd')}: ${reason.count}, <code>${reason.depositId}</code>${reason.count === 1 ? null : html` – <code>${reason.last}</code>`}`;
    case 'unreadable':
      return html`${both('files that should be receipts but are not', 'bestanden die depotbewijzen zouden moeten zijn, maar het niet zijn')}: ${reason.count}`;
  }
}

/** Whole, broken, or nothing there; signatures are said apart. */
export function ledgerText({ audit }: Pick<ArrangementReport, 'audit'>): Badge {
  if (audit.problems.length > 0) return { look: 'bad', text: html`✗ ${both('broken', 'klopt niet')}` };
  if (audit.lines === 0) return { look: 'idle', text: html`– ${both('empty', 'leeg')}` };
  return audit.unchecked.length > 0
    ? { look: 'warn', text: html`! ${both('whole, not all checked', 'heel, niet alles gecontroleerd')}` }
    : { look: 'good', text: html`✓ ${both('whole', 'heel')}` };
}

/** What `verifyLedger` could not check; the rest of its words stay as they are. */
export function uncheckedText(what: string): Markup {
  return what === 'signatures: no signer was given'
    ? both(
        'the signatures of the receipts: no public key of the supplier was given',
        'de handtekeningen van de depotbewijzen: er is geen publieke sleutel van de leverancier gegeven',
      )
    : html`<span lang="en">${what}</span>`;
}

/** Of a deposit that is dated in the future nobody knows the age. */
export function ageText(ms: number | null): Markup | string {
  return ms === null ? both('dated in the future', 'gedateerd in de toekomst') : age(ms);
}

export function size(found: number | null): string {
  return found === null ? '–' : bytes(found);
}
