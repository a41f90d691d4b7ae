/** The letter of a kit: what a beneficiary has, does every month, and does on the day itself; Dutch and English in one page that prints well. */
import { depotLines, stockLines, stockTools, type StockTool } from '../receipt/cover.js';
import { receiptName, signatureName } from '../names/deposit.js';
import type { Receipt } from '../receipt/schema.js';

export interface LetterFacts {
  supplier: string;
  receipt: Receipt;
  /** Of the signers whose public keys are in the kit, in the order of their files. */
  signers: { file: string; fingerprint: string }[];
  /** SHA-256 of opener.html, hex; null when the kit has none. */
  openerSha256: string | null;
  /** The file of the private key, when it is in the kit. */
  secretKey: string | null;
  /** `YYYY-MM-DD`. */
  date: string;
}

interface Words {
  language: 'nl' | 'en';
  title: string;
  intro: string;
  have: string;
  files: { cover: string; receipt: string; signer: string; opener: string; secret: string };
  yours: string;
  telephone: string;
  telephoneWhy: string;
  signerKey: string;
  openerDigest: string;
  recipientKey: string;
  yourselves: string;
  otherSystems: string;
  monthly: string;
  monthlySteps: string[];
  day: string;
  daySteps: string[];
  withDepot: string;
  withOpener: string;
  openerSteps: string;
  withStock: string;
  stockFirst: Record<StockTool, string>;
  stockAfter: string;
  notProven: string;
}

const dutch: Words = {
  language: 'nl',
  title: 'Uw depot: bewaar deze map',
  intro:
    'legt gegevens voor u neer bij een escrow-agent, verzegeld voor uw sleutel. De agent kan ze niet lezen. Met wat in deze map zit en uw privésleutel kunt u nu al nagaan dat u het depot kunt openen, en doet u dat op de dag dat het nodig is, ook zonder de leverancier.',
  have: 'Wat u hebt',
  files: {
    cover: 'beschrijft het verzegelde bestand',
    receipt: 'het nieuwste ontvangstbewijs en zijn handtekening',
    signer: 'de publieke sleutel waarmee de leverancier ontvangstbewijzen tekent',
    opener: 'een bladzijde die alles controleert en opent, in een browser, zonder internet',
    secret:
      'uw privésleutel, met een wachtwoordzin die u langs een andere weg krijgt. De leverancier heeft deze sleutel gemaakt',
  },
  yours:
    'Wat niet in deze map hoort, en u zelf bewaart: uw privésleutel en de wachtwoordzin ervan. Wie die kwijt is, kan het depot nooit meer openen; niemand anders heeft ze.',
  telephone: 'Vergelijk telefonisch',
  telephoneWhy:
    'Bel de leverancier op een nummer dat u al had, en laat deze cijfers voorlezen. Klopt er één niet, gebruik deze map dan niet.',
  signerKey: 'sleutel van de leverancier',
  openerDigest: 'SHA-256 van opener.html',
  recipientKey: 'uw sleutel, waarvoor is verzegeld',
  yourselves: 'Kijk daarbij naar wat uw eigen computer toont: deze brief kan niet voor zichzelf instaan.',
  otherSystems:
    'Op een Mac: shasum -a 256 opener.html; op Windows: certutil -hashfile opener.html SHA256 (de tweede van drie regels; spaties en hoofdletters maken geen verschil). De bladzijde toont de vingerafdruk bij "Handtekening van de leverancier".',
  monthly: 'Elke maand',
  monthlySteps: [
    'Vraag de leverancier om het nieuwste ontvangstbewijs met handtekening. Is het ouder dan afgesproken, vraag waarom.',
    'Controleer het met uw privésleutel, in opener.html of met de regel hieronder: de uitkomst moet zijn dat uw sleutel dit depot opent.',
    'Laat de agent een of twee keer per jaar de SHA-256 berekenen uit het bestand dat hij heeft, en zeggen wanneer hij dat deed. Vergelijk die met het ontvangstbewijs. Dezelfde cijfers staan ook naast het bestand: alleen berekend laten ze zien dat hij het heeft.',
  ],
  day: 'Op de dag zelf',
  daySteps: [
    'Vraag de agent om het verzegelde bestand en wat ernaast ligt, en zet het met deze map en uw privésleutel op een schijf met ruimte.',
    "Begint de naam anders dan die van het ontvangstbewijs in deze map, dan is het een later depot: neem het ontvangstbewijs waarvan de naam net zo begint, en schrijf in de regels hieronder die naam. Zonder gaat het ook open, met gewone programma's door alleen de laatste regel; niets laat dan zien wie het verzegelde.",
    'Open het op een van de drie manieren hieronder. Lukt de ene niet, neem dan de andere.',
    'Klopt een controle niet, gebruik de inhoud dan niet, en vraag de agent het bestand opnieuw te sturen.',
  ],
  withDepot: 'Met depot',
  withOpener: 'Met de bladzijde opener.html',
  openerSteps:
    'Dubbelklik op opener.html en sleep de bestanden erin: het verzegelde bestand, het ontvangstbewijs, zijn handtekening, de sleutel van de leverancier en uw privésleutel. De bladzijde maakt geen verbinding.',
  withStock: "Met gewone programma's",
  stockFirst: {
    gpg: 'Op Windows: WSL of Git Bash; op een Mac: gnupg en zo nodig zstd van Homebrew. Importeer eerst de twee sleutels: gpg --import signer.public.asc private.secret.asc. In de regels staat de vingerafdruk van hierboven: vergelijk die eerst telefonisch.',
    rsop: 'Geen GnuPG leest dit depot met elke sleutel waarvoor het is verzegeld. Neem een programma dat RFC 9580 leest, zoals rsop. Heeft uw sleutel een wachtwoordzin, zet die dan in een bestand en schrijf: rsop decrypt --with-key-password=BESTAND private.secret.asc.',
  },
  stockAfter:
    'Staat er STOP, of eindigt de laatste regel niet met exitcode 0 (echo $?), gebruik dan niet wat in de map new staat. De schijf heeft ruimte nodig voor de inhoud en nog eens voor het verzegelde bestand.',
  notProven: 'Wat dit niet laat zien: dat de gegevens bruikbaar zijn. Laat een proef doen.',
};

const english: Words = {
  language: 'en',
  title: 'Your deposit: keep this folder',
  intro:
    'deposits data for you with an escrow agent, sealed for your key. The agent cannot read it. With what is in this folder and your private key you can see today that you can open the deposit, and open it on the day that you need it, without the supplier too.',
  have: 'What you have',
  files: {
    cover: 'describes the sealed file',
    receipt: 'the newest receipt and its signature',
    signer: 'the public key with which the supplier signs receipts',
    opener: 'a page that checks and opens everything, in a browser, without internet',
    secret: 'your private key, with a passphrase that reaches you another way. The supplier made this key',
  },
  yours:
    'What does not belong in this folder, and you keep yourself: your private key and its passphrase. If you lose them, the deposit can never be opened; nobody else has them.',
  telephone: 'Compare by telephone',
  telephoneWhy:
    'Call the supplier on a number that you had already, and have these digits read out. If one is wrong, do not use this folder.',
  signerKey: 'key of the supplier',
  openerDigest: 'SHA-256 of opener.html',
  recipientKey: 'your key, for which it is sealed',
  yourselves: 'Look at what your own computer shows: this letter cannot vouch for itself.',
  otherSystems:
    'On a Mac: shasum -a 256 opener.html; on Windows: certutil -hashfile opener.html SHA256 (the second of three lines; spaces and capitals make no difference). The page shows the fingerprint beside "Signature of the supplier".',
  monthly: 'Every month',
  monthlySteps: [
    'Ask the supplier for the newest receipt with its signature. If it is older than agreed, ask why.',
    'Check it with your private key, in opener.html or with the line below: the outcome must be that your key opens this deposit.',
    'Once or twice a year, have the agent compute the SHA-256 from the file that it holds, and say when it did. Compare it with the receipt. The same digits also stand beside the file: only computed do they show that the agent has it.',
  ],
  day: 'On the day itself',
  daySteps: [
    'Ask the agent for the sealed file and what lies beside it, and put it with this folder and your private key on a disk that has room.',
    'If its name begins otherwise than that of the receipt in this folder, it is a later deposit: take the receipt whose name begins alike, and write that name in the lines below. You can open it without a receipt, with ordinary programs by the last line alone, but then nothing proves who sealed it.',
    'Open it in one of the three ways below. If one does not work, take another.',
    'If a check fails, do not use the contents, and ask the agent to send the file again.',
  ],
  withDepot: 'With depot',
  withOpener: 'With the page opener.html',
  openerSteps:
    'Double-click opener.html and drop the files into it: the sealed file, the receipt, its signature, the key of the supplier and your private key. The page makes no connection.',
  withStock: 'With ordinary programs',
  stockFirst: {
    gpg: 'On Windows: WSL or Git Bash; on a Mac: gnupg and, where needed, zstd from Homebrew. First import the two keys: gpg --import signer.public.asc private.secret.asc. The lines have the fingerprint from above: compare it by telephone first.',
    rsop: 'No GnuPG reads this deposit with every key that it is sealed for. Use a program that reads RFC 9580, such as rsop. If your key has a passphrase, put that into a file and write: rsop decrypt --with-key-password=FILE private.secret.asc.',
  },
  stockAfter:
    'If they say STOP, or the last line does not end with exit code 0 (echo $?), do not use what is in the folder new. The disk needs room for the contents and once more for the sealed file.',
  notProven: 'What this does not show: that the data is of use. Have a restore rehearsed.',
};

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
${[dutch, english].map((words) => section(words, f)).join('\n')}
</body>
</html>
`;
}

function section(w: Words, f: LetterFacts): string {
  const { receipt } = f;
  const row = (name: string, what: string): string =>
    `<tr><td><code>${text(name)}</code></td><td>${text(what)}</td></tr>`;
  const digits = (what: string, hex: string): string =>
    `<tr><td>${text(what)}</td><td><code>${text(hex.replace(/(.{4})(?!$)/g, '$1 '))}</code></td></tr>`;
  const list = (items: string[]): string => `<ol>\n${items.map((item) => `<li>${text(item)}</li>`).join('\n')}\n</ol>`;
  const id = receipt.depositId;
  return `<section id="${w.language}" lang="${w.language}">
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
${list(w.daySteps)}
${f.openerSha256 === null ? '' : `<h3>${text(w.withOpener)}</h3>\n<p>${text(w.openerSteps)}</p>\n`}<h3>${text(w.withDepot)}</h3>
<pre class="depot">${text(depotLines(receipt))}</pre>
<h3>${text(w.withStock)}</h3>
${stockTools(receipt)
  .map(
    (tool) =>
      `<p>${text(w.stockFirst[tool])}</p>\n<pre class="stock">${text(stockLines(receipt, tool, receipt.supplier.signerFingerprint))}</pre>`,
  )
  .join('\n')}
<p>${text(w.stockAfter)} ${text(w.notProven)}</p>
</section>`;
}

/** The one way into the page: whatever it is, it stays text. */
function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
