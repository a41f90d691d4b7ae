import { MANIFEST_PATH } from './manifest.js';
import { isStreamed, type SourceSpec } from '../source.js';
import { block, code } from './readme-words.js';
import { restoring } from './restore-lines.js';
import type { DatasetOptions } from './sources.js';

/** `DEPOT/README.md`, in English and Dutch. Whoever reads it may have nothing but this suitcase and a shell. */
export function readme(options: DatasetOptions): string {
  const { sources, arrangement, depositId, specification } = options;
  const parts = sources
    .filter(isStreamed)
    .map((source) => `cat ${quoted(`data/${source.name}`)}.part-* > ${quoted(`data/${source.name}`)}`);
  const restore = restoring(sources);
  const manifestPart = `${MANIFEST_PATH}.part-`;
  return `# Depot ${depositId}

*Nederlands: zie onder.*

This is a deposit of the arrangement \`${arrangement}\`, made with depot: data of a supplier of software as a service, sealed
for its beneficiary and kept by an escrow agent.

## What is where

| | |
|---|---|
| \`DEPOT/README.md\` | this text |
${specification === undefined ? '' : "| `DEPOT/specification.md` | the supplier's own description of the data |\n"}${sources.map((source) => `| ${code(`data/${source.name}${suffixOf(source)}`)} | ${english(source)} |`).join('\n')}
| \`${manifestPart}000001\` and on | the manifest: every entry with its size and SHA-256 (\`${MANIFEST_PATH}\` where depot joined it) |

## Joining parts

What had no known length when it was deposited is stored in numbered parts of at most 16 MiB. The command \`depot decrypt\` and the
opener have joined them: where \`${MANIFEST_PATH}\` is there, there is nothing to join. Type this, in the directory that
holds \`DEPOT\` and \`data\`:

${block([`cp ${MANIFEST_PATH} manifest.ndjson`])}
Where there are parts, since the contents were unpacked without depot, type this instead:

${block([...parts, `cat ${manifestPart}* > manifest.ndjson`])}
${restore.en}## Checking the contents

The manifest has one line of JSON for each entry: \`path\` (or \`pathBase64\`, for a name that is not UTF-8), \`type\`, \`size\` in bytes,
\`mode\`, \`mtime\`, for files \`sha256\`, for links \`linkTarget\`. A line with \`parts\` is about the file that so many parts join to. The
first line holds random bytes, the last one the number of entries and bytes below \`data/\`. The SHA-256 of
\`manifest.ndjson\` is \`dataset.manifestSha256\` in the receipt. After joining the parts:

${block(CHECK)}
A line with \`"changed":true\` is about a file that changed while it was deposited, which the supplier had allowed; \`"complete":false\` in
the last line says that there was such a file, or that one vanished.

---

# Depot ${depositId} (Nederlands)

Dit is een depot van de regeling \`${arrangement}\`, gemaakt met depot: gegevens van een SaaS-leverancier, verzegeld voor de
begunstigde en bewaard door een escrow-agent.

## Wat staat waar

| | |
|---|---|
| \`DEPOT/README.md\` | deze tekst |
${specification === undefined ? '' : '| `DEPOT/specification.md` | de beschrijving van de gegevens door de leverancier |\n'}${sources.map((source) => `| ${code(`data/${source.name}${suffixOf(source)}`)} | ${dutch(source)} |`).join('\n')}
| \`${manifestPart}000001\` en verder | het manifest: alles wat erin zit, met grootte en SHA-256 (\`${MANIFEST_PATH}\` als depot het samenvoegde) |

## Delen samenvoegen

Wat bij het deponeren geen bekende lengte had, is opgeslagen in genummerde delen van ten hoogste 16 MiB. Het commando
\`depot decrypt\` en de opener hebben ze samengevoegd: waar \`${MANIFEST_PATH}\` staat, valt er niets samen te voegen. Typ dit, in
de map waarin \`DEPOT\` en \`data\` staan:

${block([`cp ${MANIFEST_PATH} manifest.ndjson`])}
Waar delen staan, omdat de inhoud zonder depot is uitgepakt, typ dan in plaats daarvan dit:

${block([...parts, `cat ${manifestPart}* > manifest.ndjson`])}
${restore.nl}## De inhoud controleren

Het manifest heeft een regel JSON voor alles wat erin zit: \`path\` (of \`pathBase64\`, voor een naam die geen UTF-8 is), \`type\`, \`size\` in
bytes, \`mode\`, \`mtime\`, bij bestanden \`sha256\`, bij links \`linkTarget\`. Een regel met \`parts\` gaat over het bestand dat uit
zoveel delen bestaat. De eerste regel bevat willekeurige bytes, de laatste het aantal bestanden, mappen en links en de
bytes onder \`data/\`. De SHA-256 van \`manifest.ndjson\` is \`dataset.manifestSha256\` in het depotbewijs (receipt). Na het samenvoegen:

${block(CHECK)}
Een regel met \`"changed":true\` gaat over een bestand dat veranderde terwijl het gedeponeerd werd, wat de leverancier had
toegestaan; \`"complete":false\` in de laatste regel zegt dat er zo'n bestand was, of dat er een verdween.
`;
}

/** With POSIX and sha256sum alone; names that JSON has to escape are left to `depot verify`. */
const CHECK = [
  String.raw`grep -v '\\' manifest.ndjson |`,
  String.raw`  sed -n 's/^{"path":"\([^"]*\)","type":"file",.*"sha256":"\([0-9a-f]*\)".*/\2  \1/p' |`,
  '  sha256sum --check --quiet',
];

function suffixOf(source: SourceSpec): string {
  return isStreamed(source) ? '.part-000001' : source.kind === 'directory' ? '/' : '';
}

function english(source: SourceSpec): string {
  if (source.kind === 'directory') return 'a directory of the supplier';
  return source.kind === 'file' ? 'a file of the supplier' : `and on: the parts of ${code(source.name)}`;
}

function dutch(source: SourceSpec): string {
  if (source.kind === 'directory') return 'een map van de leverancier';
  return source.kind === 'file' ? 'een bestand van de leverancier' : `en verder: de delen van ${code(source.name)}`;
}

/** For a shell; plain where that is safe. */
function quoted(path: string): string {
  return /^[\w./+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
