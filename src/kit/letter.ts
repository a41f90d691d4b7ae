/** The letter of a kit, in Dutch and English: what a beneficiary has, does every month, and does on the day itself. */
import { depotLines, isIncrement, stockLines, stockTools, type StockTool } from '../receipt/shell-lines.js';
import type { Chain } from '../receipt/chain.js';
import { receiptName, signatureName } from '../names/deposit.js';
import type { Receipt } from '../receipt/schema.js';
import type { Language } from '../texts/both.js';
import { letter } from '../texts/letter.js';
import { scriptName, suitcasesName } from './kit-chain.js';

export interface LetterFacts {
  supplier: string;
  receipt: Receipt;
  /** Null where deposits are not built on each other. */
  chain: Chain | null;
  /** Of the signers whose public keys are in the kit, in the order of their files. */
  signers: { file: string; fingerprint: string }[];
  /** SHA-256 of opener.html, hex; null when the kit has none. */
  openerSha256: string | null;
  /** The file of the private key, when it is in the kit. */
  secretKey: string | null;
  /** `YYYY-MM-DD`. */
  date: string;
}

/** One self-contained page, without scripts and without anything that is fetched. */
export function letterHtml(f: LetterFacts): string {
  return `<!doctype html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${text(f.receipt.arrangement)}: depot</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
pre { padding: .75rem; border: 1px solid; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
code, td { overflow-wrap: anywhere; }
td { padding: .25rem .75rem .25rem 0; vertical-align: top; }
section + section { margin-top: 4rem; }
@media print { section + section { break-before: page; } body { margin: 0; } }
</style>
</head>
<body>
<p><a href="#nl">Nederlands</a> · <a href="#en">English</a></p>
${(['nl', 'en'] as const).map((language) => section(language, f)).join('\n')}
</body>
</html>
`;
}

function section(language: Language, f: LetterFacts): string {
  const w = letter[language];
  const { receipt } = f;
  const row = (name: string, what: string): string =>
    `<tr><td><code>${text(name)}</code></td><td>${text(what)}</td></tr>`;
  const digits = (what: string, hex: string): string =>
    `<tr><td>${text(what)}</td><td><code>${text(hex.replace(/(.{4})(?!$)/g, '$1 '))}</code></td></tr>`;
  const list = (items: string[]): string => `<ol>\n${items.map((item) => `<li>${text(item)}</li>`).join('\n')}\n</ol>`;
  const id = receipt.depositId;
  return `<section id="${language}" lang="${language}">
<h1>${text(w.title)}</h1>
<p>${text(`${f.supplier} ${w.intro}`)}</p>
<p><code>${text(id)}</code>, ${f.date}</p>
<h2>${text(w.have)}</h2>
<table>
${[
  ...(f.openerSha256 === null ? [] : [row('opener.html', w.files.opener)]),
  ...f.signers.map(({ file }) => row(file, w.files.signer)),
  row(`${receiptName(id)}, ${signatureName(id)}`, w.files.receipt),
  row(receipt.cover.name, w.files.cover),
  ...(f.chain === null
    ? []
    : [
        ...f.chain.receipts.slice(0, -1).map((r) => row(receiptName(r.depositId), w.files.earlier)),
        row(suitcasesName, w.files.suitcases),
        row(scriptName, w.files.script),
      ]),
  ...(f.secretKey === null ? [] : [row(f.secretKey, w.files.secret)]),
].join('\n')}
</table>
${f.secretKey === null ? `<p>${text(w.yours)}</p>\n` : ''}<h2>${text(w.telephone)}</h2>
<p>${text(w.telephoneWhy)}</p>
<table>
${[
  ...f.signers.map(({ fingerprint }) => digits(w.signerKey, fingerprint)),
  ...receipt.encryption.recipients.map(({ fingerprint }) => digits(w.recipientKey, fingerprint)),
  ...(f.openerSha256 === null ? [] : [digits(w.openerDigest, f.openerSha256)]),
].join('\n')}
</table>
<p>${text(w.yourselves)}</p>
<pre class="digits">${text([...f.signers.map(({ file, fingerprint }) => `${fingerprint.length === 40 ? 'gpg --show-keys' : 'depot key show'} ${file}`), ...(f.openerSha256 === null ? [] : ['sha256sum opener.html'])].join('\n'))}</pre>
${f.openerSha256 === null ? '' : `<p>${text(w.otherSystems)}</p>\n`}<h2>${text(w.monthly)}</h2>
${list(w.monthlySteps)}
<pre class="monthly">${text(`depot verify --receipt ${receiptName(id)} --signer signer.public.asc --key private.secret.asc`)}</pre>
<h2>${text(w.day)}</h2>
${f.chain === null ? '' : chainPart(language, f.chain)}${list(w.daySteps)}
${f.openerSha256 === null ? '' : `<h3>${text(w.withOpener)}</h3>\n<p>${text(w.openerSteps)}</p>\n`}<h3>${text(w.withDepot)}</h3>
<pre class="depot">${text(depotLines(receipt))}</pre>
<h3>${text(w.withStock)}</h3>
${stockPart(language, receipt)}
<p>${isIncrement(receipt) ? '' : `${text(w.stockAfter)} `}${text(w.notProven)}</p>
</section>`;
}

/** The sealed files that the agent is asked for. */
function chainPart(language: Language, { receipts, missing }: Chain): string {
  const w = letter[language];
  const rows = receipts.map(
    ({ suitcase: { name, bytes, sha256 } }) =>
      `<tr><td><code>${text(name)}</code></td><td>${bytes}</td><td><code>${sha256}</code></td></tr>`,
  );
  const unknown =
    missing === null
      ? []
      : [
          `<tr><td><code>${text(missing.depositId)}</code>, ${text(w.suitcasesUnknown)}</td><td></td><td><code>${missing.suitcaseSha256}</code></td></tr>`,
        ];
  return `<h3>${text(w.chainTitle)}</h3>
<p>${text(w.chain(receipts.at(-1)!.chain?.number ?? 0))} ${text(w.chainDay)}</p>
<table>
<tr><td></td><td>bytes</td><td>SHA-256</td></tr>
${[...rows, ...unknown].join('\n')}
</table>
`;
}

function stockPart(language: Language, receipt: Receipt): string {
  const w = letter[language];
  const signer = receipt.supplier.signerFingerprint;
  const lines = (tool: StockTool, words: string): string =>
    `<p>${text(words)}</p>\n<pre class="stock">${text(stockLines(receipt, tool, signer))}</pre>`;
  const tools = stockTools(receipt);
  if (!isIncrement(receipt)) return tools.map((tool) => lines(tool, w.stockFirst[tool])).join('\n');
  return tools.includes('gpg') ? lines('gpg', w.stockChain) : `<p>${text(w.stockNone)}</p>`;
}

/** The one way into the page: whatever it is, it stays text. */
function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
