import type { SourceSpec } from '../../source.js';
import type { ChainedDeposit } from '../chain/chain-file.js';
import { restoring } from '../restore-lines.js';

/** `DEPOT/README.md` of an increment, in English and Dutch. Whoever reads it may have nothing but this suitcase and a shell. */
export function incrementReadme(o: {
  arrangement: string;
  depositId: string;
  hasSpecification: boolean;
  /** All that come before, the full one first. */
  deposits: readonly ChainedDeposit[];
  sources: readonly SourceSpec[];
}): string {
  const { arrangement, depositId, deposits } = o;
  const restore = restoring(o.sources);
  const number = deposits.length;
  const full = deposits[0]!.depositId;
  const files = `    SHA-256                                                           BYTES  DEPOSIT
${deposits.map(({ depositId: id, bytes, sha256 }) => `    ${sha256}  ${bytes}  ${id}`).join('\n')}`;
  return `# Depot ${depositId}: this suitcase alone is not the whole dataset

*Nederlands: zie onder.*

This is an increment of the arrangement \`${arrangement}\`, made with depot: it holds only what changed since the deposit before it.
It is number ${number} after the full deposit \`${full}\`. To have the dataset, you need ${number + 1} suitcases: this one and
all before it, back to the full deposit. If depot put this folder together from them, it is done: \`data/\` is the whole dataset, and what follows is about
this suitcase alone. These come before it:

${files}

With depot: put all of them into one directory, with the receipt of this one and its \`.asc\`, and
\`depot decrypt DIRECTORY --key YOUR-KEY --signer SUPPLIERS-KEY --out new\`. Without a receipt, leave out \`--signer\`; then nothing shows who made them.
Without depot: \`DEPOT/restore.sh\` does it with gpg and tar; its first lines say how to use it.

## What is where

| | |
|---|---|
| \`DEPOT/README.md\` | this text |
| \`DEPOT/chain.json\` | the suitcases that come before, with size and SHA-256 |
| \`DEPOT/restore.sh\` | a shell script that puts the dataset together |
${o.hasSpecification ? "| `DEPOT/specification.md` | the supplier's own description of the data |\n" : ''}| \`data/\` | files, directories and links that are new or changed |
| \`DEPOT/pieces.part-000001\` and on | what is new in large files and in what commands printed |
| \`DEPOT/ranges.part-000001\` and on | how large files are put together from pieces and from earlier suitcases |
| \`DEPOT/manifest.ndjson.part-000001\` and on | the manifest: a line for everything that changed or is gone |

${restore.en}The format is described in depot's \`docs/format.md\`, sections 3 and 12.

---

# Depot ${depositId}: deze koffer alleen is niet de hele gegevensverzameling

Dit is een increment van de regeling \`${arrangement}\`, gemaakt met depot: er zit alleen in wat veranderd is sinds het depot
ervoor. Het is nummer ${number} na het volledige depot \`${full}\`. Voor de hele gegevensverzameling hebt u ${number + 1} koffers nodig:
deze en alle eerdere, terug tot en met het volledige depot. Heeft depot deze map daaruit samengesteld, dan bent u klaar: \`data/\` is de hele gegevensverzameling, en wat
hier staat gaat over deze koffer alleen. Hierboven staat welke er aan deze voorafgaan.

Met depot: zet ze allemaal in één map, met het depotbewijs van deze koffer en de \`.asc\` daarvan, en
\`depot decrypt MAP --key UW-SLEUTEL --signer SLEUTEL-VAN-DE-LEVERANCIER --out new\`. Zonder depotbewijs laat u \`--signer\` weg; dan blijkt nergens uit wie ze maakte.
Zonder depot: \`DEPOT/restore.sh\` doet het met gpg en tar; in de eerste regels staat hoe.

## Wat staat waar

| | |
|---|---|
| \`DEPOT/README.md\` | deze tekst |
| \`DEPOT/chain.json\` | de koffers die eraan voorafgaan, met grootte en SHA-256 |
| \`DEPOT/restore.sh\` | een shellscript dat de gegevens samenvoegt |
${o.hasSpecification ? '| `DEPOT/specification.md` | de beschrijving van de gegevens door de leverancier |\n' : ''}| \`data/\` | bestanden, mappen en links die nieuw of veranderd zijn |
| \`DEPOT/pieces.part-000001\` en verder | wat nieuw is in grote bestanden en in uitvoer van opdrachten |
| \`DEPOT/ranges.part-000001\` en verder | hoe grote bestanden uit stukken en eerdere koffers worden samengesteld |
| \`DEPOT/manifest.ndjson.part-000001\` en verder | het manifest: een regel voor alles wat veranderd of verdwenen is |

${restore.nl}De vorm is beschreven in \`docs/format.md\` van depot, paragrafen 3 en 12.
`;
}
