/**
 * The page that lies beside a suitcase, for whoever finds the two years later: what the file is, whose
 * keys open it, and commands that do so. No word of it is the supplier's: names, fingerprints and
 * numbers come in, nothing else.
 */
import { markCoverBytes, type CoverBytes } from '../outbound.js';
import { receiptName, signatureName, suitcaseName, type Compression } from './ids.js';
import type { Receipt } from './schema.js';

export type CoverFacts = Pick<Receipt, 'depositId' | 'startedAt' | 'suitcase' | 'encryption'> & { supplier: Pick<Receipt['supplier'], 'signerFingerprint'> };

/** Markdown, UTF-8, English and then Dutch; shell lines stand in fenced blocks marked `sh`. */
export function coverBytes(facts: CoverFacts): CoverBytes {
  const text = `${english(facts)}\n---\n\n${dutch(facts)}`;
  return markCoverBytes(new TextEncoder().encode(text));
}

const decompressors: Record<Compression, string> = { none: 'cat', gzip: 'gzip -d', zstd: 'zstd -d' };
const archives: Record<Compression, string> = { none: 'tar', gzip: 'tar, gzip', zstd: 'tar, zstd' };

function english(f: CoverFacts): string {
  const modern = f.encryption.packet === 'SEIPDv2';
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

## Keys that open it

Any one of these private keys is enough:

${recipients(f, 'encryption subkey')}

## Before you begin

Put these files into one folder and open a terminal there (on Windows: WSL or Git Bash):
\`${f.suitcase.name}\`, \`${receiptName(f.depositId)}\`,
\`${signatureName(f.depositId)}\`, the supplier's public key as
\`signer.public.asc\`, and your private key as \`private.secret.asc\`. Compare the fingerprint
of the supplier's key with the one that the supplier gave you another way: this page
proves nothing by itself, for anyone could have written it.

## Check and open it with depot

\`\`\`sh
${depotLines(f)}
\`\`\`

## Check and open it without depot

${
  modern
    ? `GnuPG cannot read this file: it is encrypted in the form that RFC 9580 brought (${cipherOf(f)}).
Use a current OpenPGP program that can. The lines below call \`rsop\`; \`gosop\` and other
implementations of the Stateless OpenPGP command line take the same words. Sequoia's \`sq\`
reads it too, from version 1.3 on. For a key with a passphrase write that to a file, and
\`rsop decrypt --with-key-password=FILE private.secret.asc\`.`
    : `With GnuPG; first import the two keys: \`gpg --import signer.public.asc private.secret.asc\`.
After \`Good signature\`, GnuPG prints the signer's fingerprint: it must be the one above.`
}

\`\`\`sh
${stockLines(f)}
\`\`\`

The data is in the new folder \`new\`, and \`new/DEPOT/README.md\` says what is where. The
lines above end with exit code 0 only when everything was right; show it with \`echo $?\`.
When it is not 0, delete \`new\`: what is in it may be incomplete or not what the supplier sealed.
Without receipt and signature, only the last line is needed to open the file; nothing then
shows who sealed it.
On a Mac without \`sha256sum\`, \`shasum -a 256\` does the same.
`;
}

function dutch(f: CoverFacts): string {
  const modern = f.encryption.packet === 'SEIPDv2';
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
| ontvangstbewijs getekend door | \`${f.supplier.signerFingerprint}\` |

## Sleutels die het openen

Eén van deze privésleutels is genoeg:

${recipients(f, 'versleutelsubsleutel')}

## Vooraf

Zet deze bestanden in één map en open daar een terminal (op Windows: WSL of Git Bash):
\`${f.suitcase.name}\`, \`${receiptName(f.depositId)}\`,
\`${signatureName(f.depositId)}\`, de publieke sleutel van de leverancier als
\`signer.public.asc\`, en uw privésleutel als \`private.secret.asc\`. Vergelijk de vingerafdruk
van de sleutel van de leverancier met die welke de leverancier u langs een andere weg gaf:
deze bladzijde bewijst uit zichzelf niets, want iedereen had haar kunnen schrijven.

## Controleren en openen met depot

\`\`\`sh
${depotLines(f)}
\`\`\`

## Controleren en openen zonder depot

${
  modern
    ? `GnuPG kan dit bestand niet lezen: het is versleuteld in de vorm die RFC 9580 bracht (${cipherOf(f)}).
Gebruik een actueel OpenPGP-programma dat het wel kan. De regels hieronder roepen \`rsop\` aan;
\`gosop\` en andere uitvoeringen van de Stateless OpenPGP-opdrachtregel nemen dezelfde woorden.
Ook \`sq\` van Sequoia leest het, vanaf versie 1.3. Heeft de sleutel een wachtwoordzin, zet die dan in
een bestand, en: \`rsop decrypt --with-key-password=BESTAND private.secret.asc\`.`
    : `Met GnuPG; importeer eerst de twee sleutels: \`gpg --import signer.public.asc private.secret.asc\`.
Na \`Good signature\` toont GnuPG de vingerafdruk van de ondertekenaar: dat moet die van hierboven zijn.`
}

\`\`\`sh
${stockLines(f)}
\`\`\`

De gegevens staan in de nieuwe map \`new\`, en \`new/DEPOT/README.md\` zegt wat waar staat. De
regels hierboven eindigen alleen met exitcode 0 als alles klopte; \`echo $?\` toont die.
Is zij niet 0, verwijder dan \`new\`: wat erin staat kan onvolledig zijn, of niet wat de leverancier
verzegelde. Zonder ontvangstbewijs en handtekening is alleen de laatste regel nodig om het bestand te
openen; niets laat dan zien wie het verzegelde.
Op een Mac zonder \`sha256sum\` doet \`shasum -a 256\` hetzelfde.
`;
}

/** A deposit as lines for a shell name it. */
export interface NamedDeposit {
  depositId: string;
  suitcase: Pick<Receipt['suitcase'], 'name'>;
  encryption: Pick<Receipt['encryption'], 'packet' | 'compression'>;
}

/** The deposit of documents, which is called `ID`. */
export function anyDeposit(compression: Compression, packet: NamedDeposit['encryption']['packet'] = 'SEIPDv1'): NamedDeposit {
  return { depositId: 'ID', suitcase: { name: suitcaseName('ID', compression) }, encryption: { packet, compression } };
}

/** Lines for a shell that check and open the deposit with depot. */
export function depotLines(f: NamedDeposit): string {
  const proof = `--receipt ${receiptName(f.depositId)} --signer signer.public.asc --key private.secret.asc`;
  return [`depot verify ${f.suitcase.name} ${proof} --deep &&`, `depot decrypt ${f.suitcase.name} ${proof} --out new`].join('\n');
}

/**
 * The lines that check and open the deposit without depot, spelled like this wherever they stand: the receipt is signed, it names the
 * digest of this suitcase, and what every program of the last line says counts.
 */
export function stockLines(f: NamedDeposit): string {
  const modern = f.encryption.packet === 'SEIPDv2';
  const [receipt, signature] = [receiptName(f.depositId), signatureName(f.depositId)];
  return [
    'set -o pipefail',
    modern ? `rsop verify ${signature} signer.public.asc < ${receipt} &&` : `gpg --verify ${signature} ${receipt} &&`,
    String.raw`grep -q "\"sha256\": \"$(sha256sum < ${f.suitcase.name} | cut -c 1-64)\"" ${receipt} &&`,
    `mkdir new && ${modern ? `rsop decrypt private.secret.asc < ${f.suitcase.name}` : `gpg -d ${f.suitcase.name}`} | ${decompressors[f.encryption.compression]} | tar -x -C new`,
  ].join('\n');
}

function recipients(f: CoverFacts, subkey: string): string {
  return f.encryption.recipients
    .map((one) => `- \`${one.fingerprint}\` (${one.algorithm}${one.subkeyFingerprint === one.fingerprint ? '' : `; ${subkey} \`${one.subkeyFingerprint}\``})`)
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

