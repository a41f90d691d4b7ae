/**
 * The page: one file without script, font, image or address, that says in its own policy that it may load nothing. It can be
 * sent by mail, filed, and printed; both languages are in it, and two radio buttons choose.
 */
import { createHash } from 'node:crypto';
import { age, localTime } from '../ui/format.js';
import { arrangementSection } from './arrangement-section.js';
import type { ArrangementReport, ReportData } from './data.js';
import { both, html, type Markup } from './markup.js';
import { style } from './style.js';
import { ageText, badgeOf, ledgerText } from './words.js';

/** Stands near the beginning of every report, so that a report may be replaced by a newer one and no other file is. */
export const reportMark = '<meta name="generator" content="depot report/1">';

export type Language = 'en' | 'nl';

/** Charts have no more points than this, all together; each some. */
const mostChartPoints = 12_000;
/** With more arrangements than this, only the table is unfolded. */
const unfolded = 3;

/** The whole file, piece by piece; `language` is the one that is shown first. */
export function* reportPage(data: ReportData, language: Language): Generator<string, void> {
  const detail = Math.round(Math.max(60, Math.min(400, mostChartPoints / Math.max(1, data.arrangements.length))));
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`;
  // The style sheet is ours, and must be byte for byte what its digest says.
  const head = `<!doctype html>\n<html lang="${language}">\n<head>\n<meta charset="utf-8">\n${reportMark}\n<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">\n<meta name="referrer" content="no-referrer">\n<title>Depot report ${localTime(data.madeAt)}</title>\n<style>${style}</style>\n</head>\n`;
  const checked = (which: Language): Markup | null => (which === language ? html` checked` : null);
  const body = html`<body>
<main>
<input class="switch" type="radio" name="language" id="language-nl" autocomplete="off"${checked('nl')}><label for="language-nl" lang="nl">Nederlands</label>
<input class="switch" type="radio" name="language" id="language-en" autocomplete="off"${checked('en')}><label for="language-en" lang="en">English</label>
<header>
<h1>${both('Report of deposits', 'Verslag van depots')}${data.supplier === null ? null : html`, ${data.supplier}`}</h1>
<p class="soft">${both('made on', 'gemaakt op')} ${localTime(data.madeAt)}, ${both('by', 'door')} depot ${data.version}; ${period(data)}</p>
</header>
${overview(data)}
${data.arrangements.map((arrangement) => arrangementSection(data, arrangement, data.arrangements.length <= unfolded, detail))}
${footer(data)}
</main>
</body>
</html>
`;
  yield head;
  yield* body.chunks();
}

function period({ period: { from, to } }: ReportData): Markup {
  if (from === null && to === null) return both('all deposits on record', 'alle vastgelegde depots');
  return html`${both('deposits', 'depots')}${from === null ? null : html` ${both('from', 'van')} ${localTime(from)}`}${to === null ? null : html` ${both('up to', 'tot en met')} ${localTime(to)}`}`;
}

function overview(data: ReportData): Markup {
  if (data.arrangements.length === 0) return html`<p>${both('No arrangements.', 'Geen regelingen.')}</p>`;
  return html`<h2 id="overview">${both('At a glance', 'In één oogopslag')}</h2>
<div class="scroll" tabindex="0" role="group" aria-labelledby="overview"><table>
<thead><tr><th scope="col">${both('arrangement', 'regeling')}</th><th scope="col">${both('state', 'stand')}</th><th scope="col">${both('last deposit', 'laatste depot')}</th><th scope="col" class="number">${both('age', 'ouderdom')}</th><th scope="col" class="number">${both('agreed', 'afgesproken')}</th><th scope="col" class="number">${both('gaps', 'gaten')}</th><th scope="col" class="number">${both('failed runs', 'mislukt')}</th><th scope="col">${both('next key expiry', 'eerste sleutel verloopt')}</th><th scope="col">${both('ledger', 'grootboek')}</th><th scope="col">${both('proven', 'bewezen')}</th></tr></thead>
<tbody>
${data.arrangements.map(overviewRow)}</tbody></table></div>`;
}

function overviewRow(a: ArrangementReport): Markup {
  const badge = badgeOf(a);
  const ledger = ledgerText(a);
  const expiry = a.keys
    .flatMap(({ role, expiresAt }) => (role === 'earlier' || expiresAt === null ? [] : [expiresAt]))
    .sort((x, y) => x.getTime() - y.getTime())
    .at(0);
  return html`<tr><th scope="row"><a href="#a-${a.name}">${a.name}</a></th><td><span class="badge ${badge.look}">${badge.text}</span></td><td class="time">${a.last === null ? '–' : localTime(a.last.at)}</td><td class="number">${a.last === null ? '–' : ageText(a.last.ageMs)}</td><td class="number">${a.everyMs === null ? '–' : age(a.everyMs)}</td><td class="number">${a.everyMs === null ? '–' : a.gaps.length}</td><td class="number">${a.failedRuns.total}</td><td class="time">${expiry === undefined ? '–' : localTime(expiry).slice(0, 10)}</td><td><span class="badge ${ledger.look}">${ledger.text}</span></td><td>${a.newestProof === null ? both('not proven', 'niet bewezen') : localTime(a.newestProof.proof.at).slice(0, 10)}</td></tr>
`;
}

function footer(data: ReportData): Markup {
  return html`<footer>
<h2>${both('What this page shows, and what it does not', 'Wat deze pagina laat zien, en wat niet')}</h2>
<ul>
<li>${both("It was made from the supplier's own records: receipts, ledger and run records. The receipts are signed; this page is not. Anyone who holds the receipts can compare them with it.", 'Ze is gemaakt op basis van de gegevens van de leverancier zelf: depotbewijzen, grootboek en verslagen van uitvoeringen. De depotbewijzen zijn ondertekend; deze pagina niet. Wie de depotbewijzen heeft, kan ze ermee vergelijken.')}</li>
<li>${both("A receipt says what the agent's server acknowledged. It does not show what the agent holds now. If the agent gave the SHA-256 in the receipt, that shows that it holds the file only if it computed the digits from the file: the receipt and the cover beside it have the same digits.", 'Een depotbewijs zegt wat de server van de agent bevestigde. Het laat niet zien wat de agent nu heeft. Gaf de agent de SHA-256 die in het depotbewijs staat, dan laat dat alleen zien dat hij het bestand heeft als hij de cijfers uit het bestand berekende: ze staan ook in het depotbewijs en op de begeleidende pagina ernaast.')}</li>
<li>${both('“Proven” means that a beneficiary stated, with evidence that only its private key gives, that the key opens the deposit. Without that, nobody has shown it.', '“Bewezen” betekent dat een begunstigde verklaarde, met bewijs dat alleen zijn privésleutel oplevert, dat de sleutel het depot opent. Zonder dat heeft niemand het laten zien.')}</li>
<li>${both('A deposit is late if it came more than a quarter of the agreed interval after it was due. The rhythm is the one that is configured today.', 'Een depot is te laat als het meer dan een kwart van het afgesproken interval na zijn tijd kwam. Het ritme is dat van de configuratie van vandaag.')}</li>
${data.configured ? null : html`<li>${both('No configuration was given: the agreed rhythm and the keys of today are not known.', 'Er was geen configuratie opgegeven: het afgesproken ritme en de sleutels van vandaag zijn niet bekend.')}</li>`}
</ul>
</footer>`;
}
