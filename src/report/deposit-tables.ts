/** The table of deposits, folded by month, and the text of each receipt. */
import { type ChainReceipt, wholeNight } from '../receipt/chain.js';
import { bytes, duration, localTime, shortFingerprint } from '../ui/format.js';
import type { ArrangementReport, KeyRow, ListedDeposit, Proof } from './data.js';
import { both, html, Markup, verbatim } from './markup.js';
import { countOf, size } from './words.js';

/** More than this are folded by month, all but the newest. */
const mostUnfolded = 40;

export function depositTables(a: ArrangementReport): Markup {
  if (a.deposits.length === 0) return html`<p>${both('No deposit in this period.', 'Geen depot in deze periode.')}</p>`;
  const names = new Map(
    a.keys
      .filter((key): key is KeyRow & { name: string } => key.role === 'beneficiary' && key.name !== null)
      .map((key) => [key.fingerprint, key.name]),
  );
  const table = (deposits: readonly ListedDeposit[]): Markup => tableOf(a.name, deposits, names);
  if (a.deposits.length <= mostUnfolded) return html`${table(a.deposits)}${unlisted(a)}`;
  const months = byMonth(a.deposits);
  return html`${months.map(
    (
      [month, deposits],
      i,
    ) => html`<details class="month"${i === 0 ? html` open` : null}><summary>${month}: ${countOf(deposits.length, 'deposit')}</summary>
${table(deposits)}</details>
`,
  )}${unlisted(a)}`;
}

function byMonth(deposits: readonly ListedDeposit[]): [month: string, deposits: ListedDeposit[]][] {
  const months = new Map<string, ListedDeposit[]>();
  for (const deposit of deposits) {
    const month = localTime(deposit.at).slice(0, 7);
    const found = months.get(month);
    if (found === undefined) months.set(month, [deposit]);
    else found.push(deposit);
  }
  return [...months];
}

const head = html`<thead><tr><th scope="col">${both('completed', 'voltooid')}</th><th scope="col">${both('deposit', 'depot')}</th><th scope="col" class="number">${both('dataset', 'dataset')}</th><th scope="col" class="number">${both('suitcase', 'koffer')}</th><th scope="col" class="number">${both('took', 'duurde')}</th><th scope="col">${both('sealed for', 'verzegeld voor')}</th><th scope="col">${both('agent', 'agent')}</th><th scope="col">${both('proven by, when', 'bewezen door, wanneer')}</th></tr></thead>`;

function tableOf(arrangement: string, deposits: readonly ListedDeposit[], names: ReadonlyMap<string, string>): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-labelledby="d-${arrangement}"><table>${head}<tbody>
${Markup.each(deposits, (deposit) => row(deposit, names))}</tbody></table></div>`;
}

const acknowledged = {
  matched: both('acknowledged, size matched', 'bevestigd, grootte klopt'),
  unreadable: both('acknowledged, size not shown', 'bevestigd, grootte niet getoond'),
} as const;
const notProven = both('not proven', 'niet bewezen');
const noReceipt = html`<span class="wrong">${both('no receipt on file', 'geen depotbewijs aanwezig')}</span>`;
const unconfirmed = html`<span class="careful">! ${both('unconfirmed', 'niet bevestigd')}</span>`;
const notComplete = html`<span class="careful">! ${both('not complete', 'niet volledig')}</span>`;
const rehearsed = both('opened as a test while it was made', 'bij het maken op proef geopend');
const rehearsedPart = both(
  'this part was opened as a test while it was made',
  'dit deel is bij het maken op proef geopend',
);

function row(d: ListedDeposit, names: ReadonlyMap<string, string>): Markup {
  const r = d.filed?.receipt;
  const night = r === undefined ? null : wholeNight(r);
  const recipients = r?.encryption.recipients
    .map(({ fingerprint }) =>
      [names.get(fingerprint), shortFingerprint(fingerprint)].filter((part) => part !== undefined).join(' '),
    )
    .join(', ');
  const state: (Markup | null)[] = [
    r === undefined
      ? noReceipt
      : r.transfer.status === 'acknowledged'
        ? acknowledged[r.transfer.remoteSize]
        : unconfirmed,
    r === undefined || night?.complete === true ? null : html`; ${notComplete}`,
    d.shrunkFrom === null
      ? null
      : html`; <span class="careful">! ${both('shrank', 'gekrompen')}</span>: ${both('the one before it had', 'het vorige had')} ${countOf(d.shrunkFrom.entries, 'entry')}, ${bytes(d.shrunkFrom.bytes)}`,
    r?.rehearsed === undefined ? null : html`; ${r.rehearsed === true ? rehearsed : rehearsedPart}`,
    d.destroyed === null ? null : html`; ${both('destroyed', 'vernietigd')} ${d.destroyed}`,
    d.lostWithout === null
      ? null
      : html`; <span class="wrong">✗ ${both('no longer opens, since this one was destroyed', 'gaat niet meer open, omdat dit werd vernietigd')}</span>: <code>${d.lostWithout}</code>`,
  ];
  return html`<tr class="head"><td class="time">${localTime(d.at)}</td><td><code>${d.depositId}</code>${r?.chain === undefined ? null : html`<br>${chainText(r.chain)}`}</td><td class="number">${night === null ? '–' : html`${countOf(night.entries, 'entry')}<br>${bytes(night.bytes)}`}</td><td class="number">${size(d.bytes)}</td><td class="number">${took(d.seconds)}</td><td>${recipients ?? '–'}</td><td>${state}</td><td>${d.proofs.length === 0 ? notProven : d.proofs.map(proof)}</td></tr>
${d.filed === null ? null : receipt(d.filed)}`;
}

function chainText({ number, fullDepositId }: ChainReceipt['chain']): Markup {
  return number === 0
    ? both('full deposit', 'volledig depot')
    : html`${both('increment', 'increment')} ${number} ${both('since', 'sinds')} <code>${fullDepositId}</code>`;
}

function proof(p: Proof): Markup {
  return html`<div>${p.by ?? shortFingerprint(p.keyFingerprint)}, ${localTime(p.at)}${p.selfAttested ? html`; <span class="careful">! ${both('by a key that the supplier made', 'met een sleutel die de leverancier maakte')}</span>` : null}${p.agentAsked ? html`; ${both('the agent gave the SHA-256 of the receipt', 'de agent gaf de SHA-256 van het depotbewijs')}` : null}</div>`;
}

/** The digests for the eye, and folded the very text that was signed. */
function receipt({ receipt: r, sha256, text }: NonNullable<ListedDeposit['filed']>): Markup {
  const { packet, cipher, aead, compression } = r.encryption;
  const line = html`SHA-256 <code>${r.suitcase.sha256}</code>, ${packet} ${cipher}${aead === null ? null : html` ${aead}`}, ${compression}, ${both('ledger line', 'grootboekregel')} ${r.ledger.sequence}`;
  if (text === null)
    return html`<tr class="receipt"><td></td><td colspan="7" class="soft">${line}; ${both('receipt', 'depotbewijs')} SHA-256 <code>${sha256}</code></td></tr>
`;
  return html`<tr class="receipt"><td></td><td colspan="7"><details><summary>${line}</summary><div>${both('receipt', 'depotbewijs')} <code>${r.depositId}.receipt.json</code>, SHA-256 <code>${sha256}</code></div><pre>${verbatim(text.receipt)}</pre>${text.signature === null ? html`<p class="wrong">${both('no signature on file', 'geen handtekening aanwezig')}</p>` : html`<pre>${verbatim(text.signature)}</pre>`}</details></td></tr>
`;
}

/** Deposits that found no room, so that nobody takes the list for the whole. */
function unlisted({ summed }: ArrangementReport): Markup | null {
  if (summed.length === 0) return null;
  const total = summed.reduce((sum, { count }) => sum + count, 0);
  return html`<details class="month"><summary>${total} ${both('older deposits of this period are in the charts and the ledger check, but are not listed: make a report on a shorter period (--from, --to)', 'oudere depots van deze periode staan in de grafieken en de controle van het grootboek, maar staan niet in de lijst: maak een verslag over een kortere periode (--from, --to)')}</summary>
<ul>${summed.map(({ month, count, bytes: sum }) => html`<li>${month}: ${count}, ${bytes(sum)}</li>`)}</ul></details>`;
}

/** A receipt knows whole seconds, so that none is less than one. */
function took(seconds: number | null): string {
  return seconds === null ? '–' : seconds === 0 ? '< 1 s' : duration(seconds * 1000);
}
