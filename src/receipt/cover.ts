/**
 * The page that lies beside a suitcase, for whoever finds the two years later: what the file is, whose keys open it,
 * and commands that do so. No word of it is the supplier's: names, fingerprints and numbers come in, nothing else.
 */
import { markCoverBytes, type CoverBytes } from '../outbound.js';
import { receiptName, signatureName, type Compression } from '../names/deposit.js';
import type { Receipt } from './schema.js';
import {
  depotLines,
  gnupgReads,
  isIncrement,
  openedName,
  stockLines,
  stockTools,
  verifiesWithGnupg,
  type StockTool,
} from './shell-lines.js';

export type CoverFacts = Pick<Receipt, 'depositId' | 'startedAt' | 'suitcase' | 'encryption' | 'chain'> & {
  supplier: Pick<Receipt['supplier'], 'signerFingerprint'>;
};

/** Markdown, UTF-8, English and then Dutch; shell lines stand in fenced blocks marked `sh`. */
export function coverBytes(facts: CoverFacts): CoverBytes {
  return markCoverBytes(new TextEncoder().encode(`${english(facts)}\n---\n\n${dutch(facts)}`));
}

const archives: Record<Compression, string> = { none: 'tar', gzip: 'tar, gzip', zstd: 'tar, zstd' };

function english(f: CoverFacts): string {
  return `# Sealed deposit ${f.depositId}

*Nederlandse tekst hieronder.*

The file \`${f.suitcase.name}\` is a sealed deposit: data that a software supplier
has placed with an escrow agent, for those who hold a key named below. The agent
keeps it closed and cannot read it.

| | |
|---|---|
| file | \`${f.suitcase.name}\` |
| size | ${grouped(f.suitcase.bytes, ',')} bytes |
| SHA-256 | \`${f.suitcase.sha256}\` |
| sealed | ${f.startedAt} |
| format | one OpenPGP message (RFC 9580): ${cipherOf(f)}; inside it ${archives[f.encryption.compression]} |
| receipt signed by | \`${f.supplier.signerFingerprint}\` |
${englishChain(f)}
## Keys that open it

Any one of these private keys is enough:

${recipients(f, 'encryption subkey')}

## Before you begin

Put these files into one folder and open a terminal there (on Windows: WSL or Git Bash):
\`${f.suitcase.name}\`, \`${receiptName(f.depositId)}\`,
\`${signatureName(f.depositId)}\`, the supplier's public key as
\`signer.public.asc\`, and your private key as \`private.secret.asc\`. Compare the fingerprint
of the supplier's key with the one that the supplier gave you another way: this page
proves nothing by itself, since anyone could have written it.

## Check and open it with depot

\`\`\`sh
${depotLines(f)}
\`\`\`

## Check and open it without depot

${isIncrement(f) ? englishChainWay(f) : englishWays(f)}`;
}

/** The chain is opened as a whole, by a script. */
function englishChainWay(f: CoverFacts): string {
  if (!stockTools(f).includes('gpg'))
    return "GnuPG cannot read this file, and there is no script for other programs: use depot, or the page\n`opener.html` of the supplier's kit.\n";
  return `With GnuPG; first import the two keys: \`gpg --import signer.public.asc private.secret.asc\`. All suitcases of the
chain, and the script \`restore.sh\`, must be in this folder. The script is in the supplier's kit and in depot's
documentation for beneficiaries; every increment has it too, as \`DEPOT/restore.sh\`, but trust that copy only once you have checked the receipt.
Replace \`FINGERPRINT\` with that of the supplier's key, as it is in the supplier's letter or as it was read out
to you by telephone: ${f.supplier.signerFingerprint.length} digits, no spaces. Do not take it from this page.

\`\`\`sh
${stockLines(f)}
\`\`\`

The whole night is in the new folder \`new\`. If a suitcase is missing or is not the right one, the script says which
and unpacks nothing; if it says \`STOP\`, there is no \`new\`. If there is no receipt, write \`-\` instead of
\`FINGERPRINT\`; nothing then shows who sealed the suitcases.
`;
}

function englishWays(f: CoverFacts): string {
  return `${englishTools(f)}
The data is in the new folder \`new\`, and \`new/DEPOT/README.md\` says what is where. The
lines end with exit code 0 only if everything was right; \`echo $?\` shows it. If it is
not 0, the last words are \`STOP\` and the reason: do not use what is in \`new\`; it is incomplete.
If the file was changed or the key does not fit, no \`new\` is left.
Without receipt and signature, use only the last line: it opens the file by itself, and
fails if the file was damaged. Nothing then shows who sealed it.
The disk needs room for the contents, and for the sealed file a second time: it is first
decrypted to \`${openedName(f)}\`.
On a Mac without \`sha256sum\`, \`shasum -a 256\` does the same.
`;
}

/** What must be kept together; a full deposit says it too, since what comes after it is not known yet. */
function englishChain({ chain }: CoverFacts): string {
  if (chain === undefined) return '';
  if (chain.number === 0)
    return `
## Keep it with those that follow

This is a full deposit. Later deposits of this arrangement may hold only what changed since, and
do not open without this one. Do not destroy it before the agreed time, counted from the last of them.
`;
  return `
## It does not open on its own

This is increment ${chain.number}: it holds what changed since the deposit before it. To open it, you need
all of these: the full deposit \`${chain.fullDepositId}\`,
the deposit before this one, \`${chain.previousDepositId!}\`
(SHA-256 \`${chain.previousSuitcaseSha256!}\`), and all that
came between these two: the cover of each names the one before it. Release them together, and
do not destroy any of them before the agreed time, counted from the last.
`;
}

function dutchChain({ chain }: CoverFacts): string {
  if (chain === undefined) return '';
  if (chain.number === 0)
    return `
## Bewaar het bij wat erop volgt

Dit is een volledig depot. Latere depots van deze regeling bevatten soms alleen wat sindsdien veranderd is,
en gaan zonder dit depot niet open. Vernietig het niet vóór de afgesproken termijn, gerekend vanaf het laatste ervan.
`;
  return `
## Het gaat niet op zichzelf open

Dit is increment ${chain.number}: het bevat wat veranderd is sinds het depot ervoor. Om het te openen zijn deze
allemaal nodig: het volledige depot \`${chain.fullDepositId}\`,
het depot vóór dit, \`${chain.previousDepositId!}\`
(SHA-256 \`${chain.previousSuitcaseSha256!}\`), en alles wat
daartussen ligt: de begeleidende pagina van elk noemt het depot ervoor. Geef ze samen vrij, en vernietig
geen ervan vóór de afgesproken termijn, gerekend vanaf het laatste.
`;
}

function englishTools(f: CoverFacts): string {
  const tools = stockTools(f);
  const gpg = `With GnuPG; first import the two keys: \`gpg --import signer.public.asc private.secret.asc\`.${
    verifiesWithGnupg(f, 'gpg')
      ? `
Replace \`FINGERPRINT\` with that of the supplier's key, as it is in the supplier's letter or
as it was read out to you by telephone: ${f.supplier.signerFingerprint.length} digits, no spaces. Do not take it from this page.`
      : ''
  }`;
  const because =
    f.encryption.packet === 'SEIPDv2'
      ? `GnuPG cannot read this file: it is encrypted in the form of RFC 9580 (${cipherOf(f)}).`
      : `GnuPG cannot read ${tools.length === 1 ? 'the keys above' : keysWithoutGnupg(f)}: version 6, or an algorithm of RFC 9580.`;
  const rsop = `${because}
Use a current OpenPGP program that can. The lines below call \`rsop\`; \`gosop\` and other
programs with the Stateless OpenPGP command line take the same arguments. Sequoia's \`sq\`
reads it too, from version 1.3 on. If your key has a passphrase, write it to a file, and use
\`rsop decrypt --with-key-password=FILE private.secret.asc\`.`;
  return ways(f, { gpg, rsop });
}

function dutch(f: CoverFacts): string {
  return `# Verzegeld depot ${f.depositId}

Het bestand \`${f.suitcase.name}\` is een verzegeld depot: gegevens die een
softwareleverancier bij een escrow-agent heeft neergelegd voor wie een hieronder genoemde
sleutel heeft. De agent bewaart het gesloten en kan het niet lezen.

| | |
|---|---|
| bestand | \`${f.suitcase.name}\` |
| grootte | ${grouped(f.suitcase.bytes, '.')} bytes |
| SHA-256 | \`${f.suitcase.sha256}\` |
| verzegeld | ${f.startedAt} |
| vorm | één OpenPGP-bericht (RFC 9580): ${cipherOf(f)}; daarin ${archives[f.encryption.compression]} |
| depotbewijs ondertekend door | \`${f.supplier.signerFingerprint}\` |
${dutchChain(f)}
## Sleutels die het openen

Eén van deze privésleutels is genoeg:

${recipients(f, 'versleutelsubsleutel')}

## Vooraf

Zet deze bestanden in één map en open daar een terminal (op Windows: WSL of Git Bash):
\`${f.suitcase.name}\`, \`${receiptName(f.depositId)}\`,
\`${signatureName(f.depositId)}\`, de publieke sleutel van de leverancier als
\`signer.public.asc\`, en uw privésleutel als \`private.secret.asc\`. Vergelijk de vingerafdruk
van de sleutel van de leverancier met die welke de leverancier u langs een andere weg gaf:
deze pagina bewijst uit zichzelf niets, want iedereen had haar kunnen schrijven.

## Controleren en openen met depot

\`\`\`sh
${depotLines(f)}
\`\`\`

## Controleren en openen zonder depot

${isIncrement(f) ? dutchChainWay(f) : dutchWays(f)}`;
}

function dutchChainWay(f: CoverFacts): string {
  if (!stockTools(f).includes('gpg'))
    return "GnuPG kan dit bestand niet lezen, en voor andere programma's is er geen script: gebruik depot, of de pagina\n`opener.html` uit het pakket van de leverancier.\n";
  return `Met GnuPG; importeer eerst de twee sleutels: \`gpg --import signer.public.asc private.secret.asc\`. Alle koffers van de
keten, en het script \`restore.sh\`, moeten in deze map staan. Het script zit in het pakket van de leverancier en in de
documentatie van depot voor begunstigden; elk increment heeft het ook, als \`DEPOT/restore.sh\`, waarvoor een gecontroleerd depotbewijs moet instaan.
Schrijf in plaats van \`FINGERPRINT\` de vingerafdruk van de sleutel van de leverancier, zoals die in de brief van de leverancier
staat of u telefonisch is voorgelezen: ${f.supplier.signerFingerprint.length} tekens, zonder spaties. Neem hem niet van deze pagina over.

\`\`\`sh
${stockLines(f)}
\`\`\`

De hele nacht staat in de nieuwe map \`new\`. Ontbreekt er een koffer of is het niet de goede, dan zegt het script welke
en pakt het niets uit; zegt het \`STOP\`, dan is er geen map \`new\`. Is er geen depotbewijs, schrijf dan \`-\` in plaats van
\`FINGERPRINT\`; niets laat dan zien wie de koffers verzegelde.
`;
}

function dutchWays(f: CoverFacts): string {
  return `${dutchTools(f)}
De gegevens staan in de nieuwe map \`new\`, en \`new/DEPOT/README.md\` zegt wat waar staat. De
regels eindigen alleen met exitcode 0 als alles klopte; \`echo $?\` toont die. Is zij niet 0,
dan staat er als laatste \`STOP\` met de reden: gebruik niet wat in \`new\` staat, het is
onvolledig. Is het bestand veranderd of past de sleutel niet, dan blijft er geen map \`new\` over.
Zonder depotbewijs en handtekening neemt u alleen de laatste regel: die opent het bestand ook
op zichzelf, en mislukt als het beschadigd is. Niets laat dan zien wie het verzegelde.
De schijf heeft ruimte nodig voor de inhoud en nog eens voor het verzegelde bestand, dat eerst
wordt ontsleuteld naar \`${openedName(f)}\`.
Op een Mac zonder \`sha256sum\` doet \`shasum -a 256\` hetzelfde.
`;
}

function dutchTools(f: CoverFacts): string {
  const tools = stockTools(f);
  const gpg = `Met GnuPG; importeer eerst de twee sleutels: \`gpg --import signer.public.asc private.secret.asc\`.${
    verifiesWithGnupg(f, 'gpg')
      ? `
Schrijf in plaats van \`FINGERPRINT\` de vingerafdruk van de sleutel van de leverancier, zoals die in de
brief van de leverancier staat of u telefonisch is voorgelezen: ${f.supplier.signerFingerprint.length} tekens, zonder spaties. Neem
hem niet van deze pagina over.`
      : ''
  }`;
  const because =
    f.encryption.packet === 'SEIPDv2'
      ? `GnuPG kan dit bestand niet lezen: het is versleuteld in de vorm van RFC 9580 (${cipherOf(f)}).`
      : `GnuPG kan ${tools.length === 1 ? 'de sleutels hierboven' : keysWithoutGnupg(f)} niet lezen: versie 6, of een algoritme van RFC 9580.`;
  const rsop = `${because}
Gebruik een actueel OpenPGP-programma dat het wel kan. De regels hieronder roepen \`rsop\` aan;
\`gosop\` en andere programma's met de Stateless OpenPGP-opdrachtregel nemen dezelfde argumenten.
Ook \`sq\` van Sequoia leest het, vanaf versie 1.3. Heeft de sleutel een wachtwoordzin, zet die dan in
een bestand, en: \`rsop decrypt --with-key-password=BESTAND private.secret.asc\`.`;
  return ways(f, { gpg, rsop });
}

/** Each program's words and lines, in the order of `stockTools`. */
function ways(f: CoverFacts, words: Record<StockTool, string>): string {
  return stockTools(f)
    .map((tool) => `${words[tool]}\n\n\`\`\`sh\n${stockLines(f, tool)}\n\`\`\`\n`)
    .join('\n');
}

function keysWithoutGnupg(f: CoverFacts): string {
  return f.encryption.recipients
    .filter((one) => !gnupgReads(one))
    .map(({ fingerprint }) => `\`${fingerprint}\``)
    .join(', ');
}

function recipients(f: CoverFacts, subkey: string): string {
  return f.encryption.recipients
    .map(
      (one) =>
        `- \`${one.fingerprint}\` (${one.algorithm}${one.subkeyFingerprint === one.fingerprint ? '' : `; ${subkey} \`${one.subkeyFingerprint}\``})`,
    )
    .join('\n');
}

function cipherOf(f: CoverFacts): string {
  const { packet, cipher, aead } = f.encryption;
  return aead === null ? `${packet}, ${cipher}` : `${packet}, ${cipher} ${aead}`;
}

/** Digits in groups of three, the same on every machine whatever its locale. */
function grouped(n: number, separator: string): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, separator);
}
