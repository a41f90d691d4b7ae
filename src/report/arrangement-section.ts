/** One arrangement's part of the page. */
import { age, groupedFingerprint, localTime } from '../ui/format.js';
import { rhythmChart, valueChart, type ChartFrame, type Value } from './charts.js';
import type { ArrangementReport, KeyRow, ReportData, ReportedChain } from './data.js';
import { depositTables } from './deposit-tables.js';
import { both, html, type Content, type Markup } from './markup.js';
import { coveredBy } from './rhythm.js';
import {
  ageText,
  badgeOf,
  countOf,
  exitText,
  ledgerText,
  problemWords,
  publishedWords,
  reasonText,
  rhythmText,
  roleWords,
  settledWords,
  uncheckedText,
} from './words.js';

const mostGaps = 100;
/** A week: a first deposit does not fill the chart with an hour. */
const leastSpan = 7 * 24 * 3_600_000;

/** `open`: unfolded at first; `detail`: the most points of a chart. */
export function arrangementSection(data: ReportData, a: ArrangementReport, open: boolean, detail: number): Markup {
  const badge = badgeOf(a);
  return html`<details class="arrangement" id="a-${a.name}"${open ? html` open` : null}>
<summary><h2 id="h-${a.name}">${a.name}</h2> <span class="badge ${badge.look}">${badge.text}</span></summary>
${a.reasons.length === 0 ? null : html`<ul>${a.reasons.map((reason) => html`<li>${reasonText(reason)}</li>`)}</ul>`}
${facts(a)}
${charts(data, a, detail)}
${gaps(a)}
${failures(a)}
${keys(data, a)}
${ledger(a)}
<h3 id="d-${a.name}">${both('Deposits and their receipts', 'Depots en hun depotbewijzen')}</h3>
${depositTables(a)}
</details>
`;
}

function facts(a: ArrangementReport): Markup {
  const fact = (term: Content, value: Content): Markup => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  const { newestProof } = a;
  return html`<dl class="facts">
${fact(both('last deposit', 'laatste depot'), a.last === null ? both('none', 'geen') : html`${localTime(a.last.at)}, ${ageText(a.last.ageMs)}${a.last.ageMs === null ? '' : both(' ago', ' geleden')}`)}
${fact(both('agreed rhythm', 'afgesproken ritme'), a.everyMs === null && !a.configured ? both('not known', 'niet bekend') : rhythmText(a))}
${a.chain === null ? null : fact(both('opens with', 'gaat open met'), chainFact(a.chain))}
${a.ended === null ? null : fact(both('ends', 'eindigt'), localTime(a.ended).slice(0, 10))}
${fact(both('deposits in this period', 'depots in deze periode'), a.points.length)}
${fact(both('failed runs in this period', 'mislukte uitvoeringen in deze periode'), a.failedRuns.total)}
${a.lockedRuns === 0 ? null : fact(both('runs that found another one running', 'uitvoeringen terwijl er al een bezig was'), a.lockedRuns)}
${fact(both('newest proof of a key', 'nieuwste bewijs van een sleutel'), newestProof === null ? both('not proven', 'niet bewezen') : html`${newestProof.proof.by ?? newestProof.proof.keyFingerprint}, ${localTime(newestProof.proof.at)}`)}
${a.configured ? null : fact(both('configuration', 'configuratie'), both('no longer in it, or no configuration given', 'staat er niet meer in, of die is er niet'))}
</dl>`;
}

/** What the newest deposit needs, and until when the agent keeps that. */
function chainFact({ fullDepositId, fullAgeMs, number, opensForMs, lastReadInFull }: ReportedChain): Markup {
  return html`${both('the full deposit', 'het volledige depot')} <code>${fullDepositId}</code> (${both('age', 'leeftijd')}: ${ageText(fullAgeMs)})${number === 0 ? null : html` ${both('and', 'en')} ${countOf(number, 'increment')}`}${
    // With 0 it no longer opens: what is wrong is said above.
    opensForMs === null || opensForMs === 0
      ? null
      : html`; ${both('if no deposit followed, it would open for', 'als er geen depot op volgde, zou het nog opengaan gedurende')} ${age(opensForMs)}`
  }; ${both('every file was last read', 'elk bestand is voor het laatst gelezen')} ${localTime(new Date(lastReadInFull))}`;
}

function charts(data: ReportData, a: ArrangementReport, detail: number): Markup | null {
  const frame = frameOf(data, a);
  if (frame === null) return null;
  // What is dated in the future has no place on a chart that ends now.
  const points = a.points.filter(({ at }) => at <= frame.to);
  const times = points.flatMap(({ at, counts }) => (counts ? [at] : []));
  const until = Math.min(frame.to, a.ended?.getTime() ?? Infinity);
  const chartOf = (name: string, caption: Content, draw: (frame: ChartFrame) => Markup): Markup => {
    const id = `${name}-${a.name}`;
    return html`<figure><figcaption id="${id}-c">${caption}</figcaption><div class="scroll" tabindex="0" role="group" aria-labelledby="${id}-c">${draw({ ...frame, id, labelledBy: `${id}-c` })}</div></figure>`;
  };
  const values = (pick: 'bytes' | 'seconds'): Value[] =>
    points.flatMap((point): Value[] => (point[pick] === null ? [] : [[point.at, point[pick]]]));
  const [sizes, seconds] = [values('bytes'), values('seconds')];
  return html`<h3>${both('Deposits over time', 'Depots in de tijd')}</h3>
${chartOf('rhythm', rhythmCaption(a), (f) => rhythmChart(f, { deposits: times, covered: a.everyMs === null ? [] : coveredBy(times, a.everyMs, until), gaps: a.gaps, failed: a.failedRuns.times }))}
${sizes.length === 0 ? null : chartOf('size', html`<b>${both('Size of the suitcase', 'Grootte van de koffer')}</b>${banded(sizes.length > detail)}`, (f) => valueChart(f, sizes, 'bytes', detail))}
${seconds.length === 0 ? null : chartOf('time', html`<b>${both('Duration of the deposit', 'Duur van de deponering')}</b>${banded(seconds.length > detail)}`, (f) => valueChart(f, seconds, 'seconds', detail))}`;
}

function rhythmCaption(a: ArrangementReport): Markup {
  const [first, last] = [a.points[0], a.points.at(-1)];
  return html`<b>${both('Rhythm', 'Ritme')}</b>: ${countOf(a.points.length, 'deposit')}${first === undefined || last === undefined ? null : html` (${localTime(new Date(first.at)).slice(0, 10)} – ${localTime(new Date(last.at)).slice(0, 10)})`}, ${a.everyMs === null ? rhythmText(a) : html`${countOf(a.gaps.length, 'gap')} (${both('hatched', 'gearceerd')})`}, ${countOf(a.failedRuns.total, 'failed-run')} (${both('crosses', 'kruisjes')})`;
}

function banded(is: boolean): Markup | null {
  if (!is) return null;
  return html`: ${both('median, in the band from the least to the most', 'mediaan, in de band van de kleinste tot de grootste')}`;
}

/** What the charts span: the period asked for, else from the first thing on record to now. Null when there is nothing. */
function frameOf(data: ReportData, a: ArrangementReport): Pick<ChartFrame, 'from' | 'to'> | null {
  const first = Math.min(a.points[0]?.at ?? Infinity, a.failedRuns.times[0] ?? Infinity);
  if (first === Infinity) return null;
  const to = Math.max(first, Math.min(data.period.to?.getTime() ?? Infinity, data.madeAt.getTime()));
  const from = data.period.from?.getTime() ?? Math.min(first, to - leastSpan);
  const air = (to - from) * 0.01;
  return { from: from - air, to: to + air };
}

function gaps(a: ArrangementReport): Markup | null {
  if (a.gaps.length === 0) return null;
  const newest = a.gaps.slice(-mostGaps).reverse();
  return html`<details class="month"><summary>${both('Gaps', 'Gaten')}: ${a.gaps.length}</summary><ul>${newest.map(({ from, to, open }) => html`<li>${localTime(new Date(from))} – ${open ? both('until now', 'tot nu') : localTime(new Date(to))}: ${age(to - from)} ${both('without a deposit', 'zonder depot')}</li>`)}${more(a.gaps.length - newest.length)}</ul></details>`;
}

function failures(a: ArrangementReport): Markup | null {
  const { listed, total } = a.failedRuns;
  if (total === 0) return null;
  return html`<details class="month"><summary>${both('Failed runs', 'Mislukte uitvoeringen')}: ${total}</summary><ul>${listed.map(({ at, exit, published, settled }) => html`<li>${localTime(at)}: ${exitText(exit)}; ${publishedWords[published]}${settled ? html`, ${settledWords}` : null}</li>`)}${more(total - listed.length)}</ul></details>`;
}

function more(n: number): Markup | null {
  return n === 0 ? null : html`<li>${both('and', 'en')} ${n} ${both('older', 'oudere')}</li>`;
}

function keys(data: ReportData, a: ArrangementReport): Markup {
  const heading = html`<h3 id="k-${a.name}">${both('Recipients and keys', 'Ontvangers en sleutels')}</h3>`;
  if (a.keys.length === 0) return html`${heading}<p>${both('None known.', 'Geen bekend.')}</p>`;
  return html`${heading}
<div class="scroll" tabindex="0" role="group" aria-labelledby="k-${a.name}"><table><thead><tr><th scope="col">${both('who', 'wie')}</th><th scope="col">${both('fingerprint', 'vingerafdruk')}</th><th scope="col">${both('algorithm', 'algoritme')}</th><th scope="col">${both('expires', 'verloopt')}</th><th scope="col">${both('for the next deposit', 'voor het volgende depot')}</th></tr></thead><tbody>
${a.keys.map((key) => keyRow(key, data))}</tbody></table></div>`;
}

function keyRow(key: KeyRow, { madeAt }: ReportData): Markup {
  const expired = key.expiresAt !== null && key.expiresAt <= madeAt;
  const soon = key.daysLeft !== null && key.daysLeft <= 30;
  const expires =
    key.expiresAt === null
      ? key.usable === true || (key.usable === null && key.role === 'earlier')
        ? both('never', 'nooit')
        : '–'
      : html`${localTime(key.expiresAt).slice(0, 10)}${expired ? html` (${both('expired', 'verlopen')})` : key.daysLeft === null ? null : html` (${both('in', 'over')} ${key.daysLeft} ${both('days', 'dagen')})`}`;
  const verdict =
    key.role === 'earlier'
      ? both('no longer a recipient, or not in this configuration', 'geen ontvanger meer, of niet in deze configuratie')
      : key.usable === null
        ? html`${both('not checked', 'niet gecontroleerd')}: <span lang="en">${key.reason}</span>`
        : key.usable
          ? both('usable', 'bruikbaar')
          : html`<span class="wrong">✗ ${both('not usable', 'niet bruikbaar')}</span>: <span lang="en">${key.reason}</span>`;
  return html`<tr><th scope="row">${key.name === null ? null : html`${key.name}, `}${roleWords[key.role]}</th><td><code>${groupedFingerprint(key.fingerprint)}</code></td><td>${key.algorithm ?? '–'}</td><td${soon ? html` class="${expired ? 'wrong' : 'careful'}"` : null}>${soon ? '! ' : null}${expires}</td><td>${verdict}</td></tr>
`;
}

function ledger(a: ArrangementReport): Markup {
  const { audit } = a;
  const { look, text } = ledgerText(a);
  const notes = [
    ...audit.problems
      .slice(0, mostGaps)
      .map((p) => html`<li class="wrong">✗ ${problemWords[p.kind]}: <span lang="en">${p.message}</span></li>`),
    ...(audit.problems.length > mostGaps ? [more(audit.problems.length - mostGaps)] : []),
    ...audit.warnings
      .slice(0, mostGaps)
      .map((warning) => html`<li class="careful">! <span lang="en">${warning}</span></li>`),
    ...audit.unchecked
      .slice(0, mostGaps)
      .map((what) => html`<li>– ${both('not checked', 'niet gecontroleerd')}: ${uncheckedText(what)}</li>`),
  ];
  return html`<h3>${both('Ledger', 'Grootboek')}</h3>
<p><span class="badge ${look}">${text}</span> ${countOf(audit.lines, 'line')}, ${countOf(audit.receipts, 'receipt')}${audit.ledgerId === null ? null : html`, ${both('ledger', 'grootboek')} <code>${audit.ledgerId}</code>`}${audit.newest === null ? null : html`; ${both('newest receipt on line', 'nieuwste depotbewijs op regel')} ${audit.newest.sequence}, SHA-256 <code>${audit.newest.receiptSha256}</code>`}${a.destructions === 0 ? null : html`; ${countOf(a.destructions, 'destruction')} ${both('noted', 'aangetekend')}`}</p>
${notes.length === 0 ? null : html`<ul>${notes}</ul>`}`;
}
