/** What the letter of a kit says. */
import type { Both } from './both.js';

const en = {
  title: 'Your deposit: keep this folder',
  intro:
    'deposits data for you with an escrow agent, sealed for your key. The agent cannot read it. With this folder and your private key, you can check today that you can open the deposit, and open it on the day that you need it, even without the supplier.',
  have: 'What you have',
  files: {
    cover: 'describes the sealed file',
    receipt: 'the newest receipt and its signature',
    signer: 'the public key with which the supplier signs receipts',
    opener: 'a page that checks and opens everything, in a browser, without internet',
    secret: 'your private key, with a passphrase that reaches you another way. The supplier made this key',
    earlier: 'the receipt, signature and cover of each deposit that the newest one is built on',
    suitcases: 'the list of the sealed files that you need, ready to mail to the agent',
    script: 'opens the sealed files together, with ordinary programs',
  },
  /** Of a kit whose deposits are built on each other. */
  chainTitle: 'You need several sealed files',
  chain: (number: number) =>
    number === 0
      ? 'The newest deposit is a full one: its sealed file holds the whole dataset. Later deposits may hold only what changed since, and do not open without it. For one of those, ask the supplier for the new list of files and the new receipts.'
      : `The newest deposit is increment ${number}: its sealed file holds only what changed since the one before. It opens only together with the ${number === 1 ? 'full deposit' : `${number} sealed files before it`}. Ask the agent for all of these at once; suitcases.txt has the list, ready to mail. For a later deposit, ask the supplier for the new list and the new receipts.`,
  chainDay: 'Put all sealed files into one folder. If one is missing or damaged, no later night can be opened.',
  suitcases: (id: string) =>
    `To open the deposit ${id}, all of these files are needed.\nPlease release them together, with the receipts, signatures and covers beside them.\nUntil then, please do not destroy any of them.`,
  suitcasesUnknown: 'and what it is built on: its receipt is not here',
  yours:
    'Your private key and its passphrase do not belong in this folder: keep them yourself. If you lose them, the deposit can never be opened; nobody else has them.',
  telephone: 'Compare by telephone',
  telephoneWhy:
    'Call the supplier on a number that you already had, and ask them to read these digits out. If one is wrong, do not use this folder.',
  signerKey: 'key of the supplier',
  openerDigest: 'SHA-256 of opener.html',
  recipientKey: 'your key, which it is sealed for',
  yourselves: 'Compare with what your own computer shows: this letter cannot vouch for itself.',
  otherSystems:
    'On a Mac: shasum -a 256 opener.html; on Windows: certutil -hashfile opener.html SHA256 (the second of three lines; spaces and capitals make no difference). The page shows the fingerprint beside "Signature of the supplier".',
  monthly: 'Every month',
  monthlySteps: [
    'Ask the supplier for the newest receipt with its signature. If it is older than agreed, ask why.',
    'Check it with your private key, in opener.html or with the line below: it must say that your key opens this deposit.',
    'Once or twice a year, ask the agent to compute the SHA-256 from the file that it holds, and to say when it did. Compare it with the receipt. The same digits are in the files beside it, so they show that the agent has the file only if it computed them from the file.',
  ],
  day: 'On the day itself',
  daySteps: [
    'Ask the agent for the sealed file and the files beside it. Put them, this folder and your private key on a disk with enough room.',
    'If its name does not begin like that of the receipt in this folder, it is a later deposit: take the receipt whose name begins the same way, and use that name in the lines below. You can open it without a receipt, with ordinary programs and the last line alone, but then nothing proves who sealed it.',
    'Open it in one of the three ways below. If one does not work, take another. If it says that the file is an increment, you need other sealed files too; it names them.',
    'If a check fails, do not use the contents, and ask the agent to send the file again.',
  ],
  withDepot: 'With depot',
  withOpener: 'With the page opener.html',
  openerSteps:
    'Double-click opener.html and drop the files into it: the sealed file, the receipt, its signature, the key of the supplier and your private key. The page makes no connection.',
  withStock: 'With ordinary programs',
  stockFirst: {
    gpg: 'On Windows: WSL or Git Bash; on a Mac: gnupg and, where needed, zstd from Homebrew. First import the two keys: gpg --import signer.public.asc private.secret.asc. The lines contain the fingerprint from above: compare it by telephone first.',
    rsop: 'GnuPG cannot read this deposit with every key that it is sealed for. Use a program that reads RFC 9580, such as rsop. If your key has a passphrase, put it into a file and use: rsop decrypt --with-key-password=FILE private.secret.asc.',
  },
  stockChain:
    'On Windows: WSL or Git Bash; on a Mac: gnupg, zstd and coreutils from Homebrew. First import the two keys: gpg --import signer.public.asc private.secret.asc. Put restore.sh, all sealed files and their receipts into one folder. The line contains the fingerprint from above: compare it by telephone first. If it says STOP, it did not make the folder new.',
  stockNone: 'No ordinary program can put this deposit together: use depot or the page opener.html.',
  stockAfter:
    'If you see STOP, or the last line does not end with exit code 0 (echo $?), do not use what is in the folder new. The disk needs room for the contents, and for the sealed file a second time.',
  notProven: 'None of this shows that the data is usable. Arrange a trial restore.',
};

const nl: typeof en = {
  title: 'Uw depot: bewaar deze map',
  intro:
    'legt gegevens voor u neer bij een escrow-agent, verzegeld voor uw sleutel. De agent kan ze niet lezen. Met wat in deze map zit en uw privésleutel kunt u nu al nagaan dat u het depot kunt openen, en doet u dat op de dag dat het nodig is, ook zonder de leverancier.',
  have: 'Wat u hebt',
  files: {
    cover: 'beschrijft het verzegelde bestand',
    receipt: 'het nieuwste depotbewijs en zijn handtekening',
    signer: 'de publieke sleutel waarmee de leverancier depotbewijzen ondertekent',
    opener: 'een pagina die alles controleert en opent, in een browser, zonder internet',
    secret:
      'uw privésleutel, met een wachtwoordzin die u langs een andere weg krijgt. De leverancier heeft deze sleutel gemaakt',
    earlier: 'depotbewijs, handtekening en begeleidende pagina van elk depot waarop het nieuwste voortbouwt',
    suitcases: 'de lijst van de verzegelde bestanden die u nodig hebt, klaar om aan de agent te mailen',
    script: "opent de verzegelde bestanden samen, met gewone programma's",
  },
  chainTitle: 'Er zijn meer verzegelde bestanden nodig',
  chain: (number: number) =>
    number === 0
      ? 'Het nieuwste depot is een volledig depot: het verzegelde bestand bevat de hele dataset. Latere depots bevatten soms alleen wat sindsdien veranderd is, en gaan zonder dit bestand niet open. Vraag de leverancier dan om de nieuwe lijst van bestanden en de nieuwe depotbewijzen.'
      : `Het nieuwste depot is increment ${number}: het verzegelde bestand bevat alleen wat veranderd is sinds het vorige. Het gaat alleen open samen met ${number === 1 ? 'het volledige depot' : `de ${number} verzegelde bestanden ervoor`}. Vraag de agent om al deze bestanden tegelijk; suitcases.txt is de lijst, klaar om te mailen. Vraag de leverancier voor een later depot om de nieuwe lijst en de nieuwe depotbewijzen.`,
  chainDay:
    'Zet alle verzegelde bestanden in één map. Ontbreekt er een of is er een beschadigd, dan gaat geen latere nacht open.',
  suitcases: (id: string) =>
    `Om het depot ${id} te openen zijn al deze bestanden nodig.\nGeef ze samen vrij, met de depotbewijzen, handtekeningen en begeleidende pagina's die ernaast liggen.\nVernietig er tot die tijd geen enkel.`,
  suitcasesUnknown: 'en waarop dat voortbouwt: daarvan is hier geen depotbewijs',
  yours:
    'Wat niet in deze map hoort, en u zelf bewaart: uw privésleutel en de wachtwoordzin ervan. Raakt u die kwijt, dan gaat het depot nooit meer open; niemand anders heeft ze.',
  telephone: 'Vergelijk telefonisch',
  telephoneWhy:
    'Bel de leverancier op een nummer dat u al had, en laat deze cijfers voorlezen. Klopt er één niet, gebruik deze map dan niet.',
  signerKey: 'sleutel van de leverancier',
  openerDigest: 'SHA-256 van opener.html',
  recipientKey: 'uw sleutel, waarvoor is verzegeld',
  yourselves: 'Kijk daarbij naar wat uw eigen computer toont: deze brief kan niet voor zichzelf instaan.',
  otherSystems:
    'Op een Mac: shasum -a 256 opener.html; op Windows: certutil -hashfile opener.html SHA256 (de tweede van drie regels; spaties en hoofdletters maken geen verschil). De pagina toont de vingerafdruk bij "Handtekening van de leverancier".',
  monthly: 'Elke maand',
  monthlySteps: [
    'Vraag de leverancier om het nieuwste depotbewijs met handtekening. Is het ouder dan afgesproken, vraag waarom.',
    'Controleer het met uw privésleutel, in opener.html of met de regel hieronder: de uitkomst moet zijn dat uw sleutel dit depot opent.',
    'Laat de agent een of twee keer per jaar de SHA-256 berekenen uit het bestand dat hij heeft, en zeggen wanneer hij dat deed. Vergelijk die met het depotbewijs. Dezelfde cijfers staan ook naast het bestand: ze laten alleen zien dat hij het heeft als hij ze zelf berekende.',
  ],
  day: 'Op de dag zelf',
  daySteps: [
    'Vraag de agent om het verzegelde bestand en wat ernaast ligt, en zet het met deze map en uw privésleutel op een schijf met ruimte.',
    "Begint de naam anders dan die van het depotbewijs in deze map, dan is het een later depot: neem het depotbewijs waarvan de naam net zo begint, en schrijf in de regels hieronder die naam. Zonder depotbewijs gaat het ook open, met gewone programma's en alleen de laatste regel, maar dan bewijst niets wie het verzegelde.",
    'Open het op een van de drie manieren hieronder. Lukt het op de ene manier niet, probeer dan een andere. Staat er dan dat het bestand een increment is, dan hebt u nog andere verzegelde bestanden nodig: er staat bij welke.',
    'Klopt een controle niet, gebruik de inhoud dan niet, en vraag de agent het bestand opnieuw te sturen.',
  ],
  withDepot: 'Met depot',
  withOpener: 'Met de pagina opener.html',
  openerSteps:
    'Dubbelklik op opener.html en sleep de bestanden erin: het verzegelde bestand, het depotbewijs, zijn handtekening, de sleutel van de leverancier en uw privésleutel. De pagina maakt geen verbinding.',
  withStock: "Met gewone programma's",
  stockFirst: {
    gpg: 'Op Windows: WSL of Git Bash; op een Mac: gnupg en zo nodig zstd van Homebrew. Importeer eerst de twee sleutels: gpg --import signer.public.asc private.secret.asc. In de regels staat de vingerafdruk van hierboven: vergelijk die eerst telefonisch.',
    rsop: 'GnuPG kan dit depot niet lezen met elke sleutel waarvoor het is verzegeld. Neem een programma dat RFC 9580 leest, zoals rsop. Heeft uw sleutel een wachtwoordzin, zet die dan in een bestand en schrijf: rsop decrypt --with-key-password=BESTAND private.secret.asc.',
  },
  stockChain:
    'Op Windows: WSL of Git Bash; op een Mac: gnupg, zstd en coreutils van Homebrew. Importeer eerst de twee sleutels: gpg --import signer.public.asc private.secret.asc. Zet restore.sh, alle verzegelde bestanden en hun depotbewijzen in één map. In de regel staat de vingerafdruk van hierboven: vergelijk die eerst telefonisch. Staat er STOP, dan is er geen map new.',
  stockNone: "Met gewone programma's is dit depot niet samen te stellen: gebruik depot, of de pagina opener.html.",
  stockAfter:
    'Staat er STOP, of eindigt de laatste regel niet met exitcode 0 (echo $?), gebruik dan niet wat in de map new staat. De schijf heeft ruimte nodig voor de inhoud en nog eens voor het verzegelde bestand.',
  notProven: 'Dit laat niet zien dat de gegevens bruikbaar zijn. Zet ze eens op proef terug.',
};

export const letter: Both<typeof en> = { en, nl };
