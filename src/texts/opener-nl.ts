import type { OpenerTexts } from './opener-en.js';

/** Written in Dutch, not translated. */
export const dutch: OpenerTexts = {
  texts: {
    title: 'Een depot controleren en openen',
    intro:
      'Deze pagina controleert een escrowdepot en opent het, alleen op deze computer: ze werkt zonder internet, installeert niets, en niets van wat u hier kiest verlaat deze computer.',
    trust:
      'Ga eerst na dat dit de echte pagina is: vergelijk de SHA-256 ervan telefonisch met de leverancier, die hem met “depot opener” vindt. De pagina kan niet voor zichzelf instaan.',
    filesTitle: '1. Wat u hebt',
    drop: 'Sleep al uw bestanden hierheen: elk wordt herkend aan wat erin staat. Of kies ze hieronder een voor een. Geef wat u hebt: wat ontbreekt wordt niet gecontroleerd, en het resultaat zegt dat.',
    suitcase: 'Koffer',
    suitcaseWhat:
      'Het versleutelde bestand dat de escrow-agent vrijgeeft; de naam eindigt op .pgp. Bevat het alleen wat sinds een eerder bestand veranderd is, kies dan ook die eerdere. Laat het weg om vooraf te controleren of uw sleutel het depot opent.',
    receipt: 'Depotbewijs',
    receiptWhat: 'De naam eindigt op .receipt.json.',
    signature: 'Handtekening onder het depotbewijs',
    signatureWhat: 'De naam eindigt op .receipt.json.asc.',
    signers: 'Publieke sleutel van de leverancier',
    signersWhat:
      'De sleutel waarmee depotbewijzen ondertekend zijn. Vergelijk de vingerafdruk met die de leverancier u noemde. Het mogen er meer zijn.',
    key: 'Uw privésleutel',
    keyWhat: 'Hij wordt hier gelezen, hier gebruikt, en nergens bewaard.',
    passphrase: 'Wachtwoordzin van uw privésleutel',
    passphraseWhat: 'Alleen als hij er een heeft.',
    agent: 'SHA-256 die de escrow-agent u noemde',
    agentWhat:
      'Niet verplicht: 64 cijfers en letters a tot f. Vraag de agent die te berekenen uit het bestand dat hij heeft, en te zeggen wanneer hij dat deed.',
    most: 'Grootste omvang na het uitpakken',
    mostWhat:
      'Een klein bestand kan bij het uitpakken een hele schijf vullen: de pagina stopt bij deze omvang. Automatisch: zo veel als een ondertekend depotbewijs zegt; zonder dat 100 keer de grootte van de koffer, ten minste 1 GiB.',
    chooseFolder: 'Een map kiezen waarin alles zit…',
    choose: 'Kiezen…',
    remove: 'Weglaten',
    check: 'Controleren',
    stop: 'Stoppen',
    resultTitle: '2. Wat er gevonden is',
    insideTitle: '3. Wat erin zit',
    folder: 'Alles in een map opslaan…',
    archive: 'Alles als één .tar-bestand opslaan…',
    search: 'Zoek een bestand op naam',
    name: 'Naam',
    size: 'Grootte',
    action: 'Actie',
    withoutTitle: 'Zonder deze pagina',
    without:
      "Hetzelfde met programma's die elke systeembeheerder heeft, op Linux, op macOS, of op Windows met WSL of Git Bash. Zet de bestanden in één map, met de publieke sleutel van de leverancier als signer.public.asc en uw privésleutel als private.secret.asc; voor gpg importeert u beide eerst, en schrijft u in plaats van FINGERPRINT de vingerafdruk van de sleutel van de leverancier, zoals u die telefonisch vergeleek (zonder spaties). Exitcode 0 betekent dat alles klopte; anders eindigen de regels met STOP en de reden, en gebruikt u niet wat in de map “new” staat.",
    withoutNames:
      'ID staat voor de naam van het depot; kies het depotbewijs, dan staan de echte namen er. Schrijf voor een bestand dat op .tar.zst.pgp eindigt steeds zstd in plaats van gzip, en .zst in plaats van .gz.',
    limitsTitle: 'Wat deze controles niet laten zien',
    licencesTitle: 'Licenties',
    licences:
      'Deze pagina bevat OpenPGP.js, onder de GNU Lesser General Public License, en andere vrije software, allemaal ongewijzigd. De broncode vindt u in de pakketten van het npm-register met de namen en versies hieronder. De leverancier van wie u deze pagina hebt, geeft u op verzoek ook wat nodig is om haar met een andere versie van OpenPGP.js opnieuw te bouwen.',
    licencesShow: 'Licentieteksten tonen',
  },
  limits: [
    'Dat de escrow-agent deze koffer heeft: alleen de agent kan dat zeggen, met een SHA-256 die hij uit het bestand berekent. Dezelfde cijfers staan in het depotbewijs en op de begeleidende pagina ernaast, en deze pagina kan niet zien hoe de agent eraan komt.',
    'Dat de gegevens goed zijn, inhoudelijk volledig, of genoeg om mee verder te werken: dat blijkt alleen als u ze op proef terugzet.',
    'Dat dit de echte pagina is: zie boven.',
  ],
  chosen: (names) => `✓ ${names}`,
  unknown: (names) => `Niet herkend: ${names}. Kies het in een van de rijen hieronder.`,
  several: (row) => `Er zijn meerdere bestanden gesleept voor “${row}”. Deze pagina neemt er één: kies het hieronder.`,
  nothing: 'Kies eerst een koffer of een depotbewijs.',
  badDigest: 'Een SHA-256 heeft 64 cijfers en letters a tot f.',
  mostByItself: 'Automatisch',
  checking: 'Bezig met controleren…',
  saving: 'Bezig met opslaan…',
  stopping:
    'Bezig met stoppen; wat al opgeslagen was, wordt verwijderd… Druk nog eens op Stoppen om meteen te stoppen.',
  stopped: 'Gestopt.',
  removed: 'Wat deels opgeslagen was, is verwijderd.',
  leftBehind: (name) =>
    `Let op: “${name}” kon niet worden verwijderd. Er kunnen ontsleutelde bestanden in staan: verwijder het zelf.`,
  outcome: { passed: '✓ In orde', failed: '✗ Fout', 'not possible': '– Niet gecontroleerd' },
  verdict: {
    passed: 'Alles wat gecontroleerd kon worden is in orde.',
    failed:
      'Er klopt iets niet. Vertrouw niet op dit depot voordat de oorzaak bekend is; er kan niets worden opgeslagen.',
    otherKey:
      'Voor zover het gecontroleerd kon worden klopt dit depot, maar de gekozen privésleutel opent het niet. Kies een andere van uw sleutels.',
    withoutKey:
      'Wat gecontroleerd is, is in orde, maar zonder uw privésleutel blijkt niet dat u dit depot kunt openen. Kies hem hierboven en controleer opnieuw.',
    incomplete: 'Er is niets fout, maar iets belangrijks kon niet gecontroleerd worden: zie hieronder.',
  },
  checks: {
    receipt: {
      title: 'Depotbewijs',
      passed: 'Het depotbewijs is een geldig depotbewijs.',
      failed: 'Dit bestand is geen geldig depotbewijs, of het is veranderd.',
      open: 'Zonder depotbewijs blijkt niet wie deze koffer maakte, en ook niet of hij volledig is.',
    },
    'receipt-signature': {
      title: 'Handtekening van de leverancier',
      passed:
        'De sleutel van de leverancier ondertekende precies dit depotbewijs. Dat het de sleutel van de leverancier is, weet u doordat u de vingerafdruk vergeleken hebt.',
      failed:
        'De handtekening hoort niet bij dit depotbewijs, of is niet van de gegeven sleutel. Het depotbewijs bewijst niets.',
      open: 'Zonder het bestand met de handtekening en de publieke sleutel van de leverancier blijkt niet wie het depotbewijs maakte: iedereen had het kunnen doen. Kies beide hierboven.',
    },
    suitcase: {
      title: 'Koffer',
      passed: 'Er is een koffer.',
      failed: 'De koffer kan niet gelezen worden.',
      open: 'Er is geen koffer gekozen. Dit zegt niets over het exemplaar van de agent.',
    },
    'suitcase-structure': {
      title: 'Vorm van de koffer',
      passed: 'Naar de vorm is de koffer één volledig versleuteld bericht. “Inhoud” gaat over wat erin zit.',
      failed: 'De koffer is beschadigd, afgebroken, of iets anders.',
      open: 'De vorm van de koffer is niet gecontroleerd.',
    },
    recipients: {
      title: 'Sleutels waarvoor hij bedoeld is',
      passed: 'De koffer is afgesloten voor de sleutels die het depotbewijs noemt.',
      failed: 'De koffer is afgesloten voor andere sleutels dan het depotbewijs noemt.',
      open: 'Er is geen depotbewijs om mee te vergelijken.',
    },
    contents: {
      title: 'Inhoud',
      passed:
        'Alles wat erin zit is ontsleuteld; elk bestand komt overeen met de lijst erin, die de leverancier maakte.',
      failed: 'Wat erin zit is niet als echt vast te stellen, of is niet wat de leverancier inpakte.',
      open: 'De inhoud is niet met de lijst van de leverancier vergeleken.',
    },
    'suitcase-size': {
      title: 'Grootte',
      passed: 'De koffer heeft de grootte die het depotbewijs noemt.',
      failed:
        'De koffer heeft een andere grootte dan het depotbewijs noemt: er ontbreekt een deel, of het is een andere koffer.',
      open: 'De grootte is niet vergeleken.',
    },
    'suitcase-sha256': {
      title: 'SHA-256 van de koffer',
      passed: 'Het is precies de koffer die het depotbewijs noemt, tot op de laatste bit.',
      failed: 'Het is niet de koffer die het depotbewijs noemt, of hij is veranderd.',
      open: 'De SHA-256 is niet vergeleken.',
    },
    'key-packets': {
      title: 'Sloten',
      passed: 'De sloten van de koffer zijn dezelfde als in het depotbewijs.',
      failed: 'De sloten van de koffer zijn niet dezelfde als in het depotbewijs.',
      open: 'De sloten zijn niet vergeleken.',
    },
    head: {
      title: 'Eerste bytes',
      passed: 'De versleutelde gegevens beginnen zoals het depotbewijs aanhaalt.',
      failed: 'De versleutelde gegevens beginnen anders dan het depotbewijs aanhaalt.',
      open: 'De eerste bytes zijn niet vergeleken.',
    },
    tail: {
      title: 'Laatste bytes',
      passed: 'De versleutelde gegevens eindigen zoals het depotbewijs aanhaalt.',
      failed: 'De versleutelde gegevens eindigen anders dan het depotbewijs aanhaalt.',
      open: 'De laatste bytes zijn niet vergeleken.',
    },
    'key-proof': {
      title: 'Uw sleutel opent het',
      passed: 'Uw privésleutel past op precies dit depot: hij ontsluit de sleutel waarmee de inhoud is versleuteld.',
      failed: 'Uw privésleutel opent dit depot niet, of depotbewijs en koffer horen niet bij elkaar.',
      open: 'Zonder uw privésleutel is niet gecontroleerd of hij het depot opent. Kies hem hierboven.',
    },
    chain: {
      title: 'Alle koffers die nodig zijn',
      passed: 'Alles waarop dit depot voortbouwt is hier, elk met de grootte en de SHA-256 die het noemt.',
      failed:
        'Een koffer die nodig is, is beschadigd of is een andere. Hij telt als ontbrekend: er is niets van gebruikt.',
      open: 'Dit depot bevat alleen wat sinds eerdere depots veranderd is, en die zijn hier niet allemaal: zie de lijst hierboven.',
    },
    'chain-signatures': {
      title: 'Handtekeningen van de depotbewijzen ervoor',
      passed: 'De leverancier ondertekende de depotbewijzen van alle depots waarop het voortbouwt.',
      failed: 'Een depotbewijs van een depot waarop het voortbouwt, is niet met de gegeven sleutel ondertekend.',
      open: 'De handtekeningen van de depotbewijzen ervoor zijn niet gecontroleerd. Kies deze bestanden hierboven.',
    },
    'chain-key-proof': {
      title: 'Uw sleutel opent die ervoor',
      passed: 'Uw privésleutel opent elk depot waarop het voortbouwt.',
      failed: 'Uw privésleutel opent een depot waarop het voortbouwt niet, en dus ook dit niet.',
      open: 'Niet van alle depots waarop het voortbouwt is gezien dat uw sleutel ze opent.',
    },
    'chain-contents': {
      title: 'Inhoud van die ervoor',
      passed: 'Alle koffers ervoor zijn ontsleuteld, en bevatten wat hun eigen lijsten zeggen.',
      failed: 'Van een koffer ervoor staat de echtheid niet vast, of hij hoort er niet bij. Hij telt als ontbrekend.',
      open: 'De koffers ervoor zijn niet allemaal geopend.',
    },
    dataset: {
      title: 'De hele nacht',
      passed: 'De koffers zijn samen de dataset van die nacht, zoals het depotbewijs zegt.',
      failed: 'De koffers zijn samen niet de dataset die het depotbewijs noemt, of meer dan was toegestaan.',
      open: 'Zonder het depotbewijs van deze nacht is er niets om het geheel mee te vergelijken.',
    },
    'agent-sha256': {
      title: 'Wat de agent zegt te hebben',
      passed:
        'De SHA-256 die de agent gaf, is die van het depotbewijs. Die staat ook naast het bestand: vraag of de agent hem uit het bestand berekende, en wanneer. Alleen dan laat hij zien dat de agent het heeft.',
      failed: 'De SHA-256 die de agent gaf, is niet die van het depotbewijs.',
      open: 'Vraag de escrow-agent de SHA-256 te berekenen uit het bestand dat hij heeft, en vul hem hierboven in.',
    },
  },
  failures: {
    usage:
      'Wat u koos hoort bij meerdere nachten, en deze pagina kan niet weten welke u wilt. Laat de bestanden van de andere weg, en controleer opnieuw.',
    incomplete: 'Er ontbreekt iets dat hiervoor nodig is.',
    'passphrase-wrong':
      'De wachtwoordzin past niet bij uw privésleutel. Probeer het opnieuw: hoofdletters en spaties tellen mee, en het moet de wachtwoordzin van precies deze sleutel zijn.',
    'secret-missing': 'Uw privésleutel is vergrendeld: vul hierboven de wachtwoordzin in.',
    'key-unreadable':
      'Een sleutel kan niet gelezen worden. Staat elk bestand in de juiste rij: de publieke sleutel van de leverancier, en uw privésleutel? Een sleutel op een smartcard kan hier niet gebruikt worden: gebruik de opdrachten hieronder.',
    'verification-failed': 'De echtheid van de koffer kon niet worden vastgesteld.',
    'archive-refused': 'De inhoud is beschadigd of gevaarlijk en is geweigerd.',
    'local-unreadable':
      'Een bestand kan niet gelezen worden: het is verplaatst of veranderd, of het hoort niet in die rij. Kies het opnieuw.',
    'local-disk-full':
      'Er is niet genoeg ruimte. Kies een plaats met meer ruimte; meer dan 2 GiB tegelijk kunnen alleen browsers op basis van Chromium (Chrome, Edge) opslaan.',
    'local-not-writable':
      'Op deze plaats kan niet geschreven worden. Kies een andere plaats, zoals een nieuwe map in uw documenten.',
    'output-exists':
      'Er is al een map met die naam. Er is niets overschreven. Geef die een andere naam, of kies een andere plaats.',
    internal:
      'Deze pagina stuitte op iets waarvoor ze niet gemaakt is. De koffer is ongedeerd: gebruik de opdrachten hieronder.',
  },
  summary: (entries, bytes, notListed) =>
    `${entries} items, ${bytes}. Alles is ontsleuteld en echt bevonden.${notListed === null ? '' : ` Nog ${notListed} staan niet in deze lijst; “alles opslaan” slaat ook die op.`}`,
  needed: (id, all, given) =>
    `${id} is op zichzelf niet de hele dataset: er zijn ${all} koffers nodig, en daarvan zijn er ${given} hier en in orde.`,
  neededUnknown: 'Welke koffers daaraan voorafgaan is niet bekend: dat staat hier nergens in.',
  neededStates: { given: '✓ hier', missing: '✗ ontbreekt', damaged: '✗ beschadigd, telt als ontbrekend' },
  neededWhole: (id) =>
    `Vraag de agent om wat ontbreekt. De nieuwste nacht die hier heel is, is ${id}: laat om die te openen de koffers weg die later kwamen.`,
  otherNights: (nights) => `Terzijde gelaten, omdat ze niet horen bij de nacht die gecontroleerd is: ${nights}.`,
  night: (suitcases) =>
    `Eén nacht, samengesteld uit ${suitcases} koffers; wat sindsdien verwijderd is, zit er niet in.`,
  roomNight:
    'Tijdens het opslaan kan er nog eens zo veel nodig zijn, voor de stukken waaruit bestanden gemaakt worden.',
  noFolderNight:
    'Deze browser kan een nacht niet in een map samenstellen; browsers op basis van Chromium (Chrome, Edge, Brave, Opera) wel. Alle koffers zijn gecontroleerd, en losse bestanden uit de lijst kunnen worden opgeslagen, elk tot 2 GiB met alles waaruit het gemaakt wordt. Gebruik voor de hele nacht een van die browsers, depot, of de opdrachten hieronder.',
  otherReceipt:
    'Depotbewijs en koffer horen niet bij elkaar. Meestal is het dan het depotbewijs van een eerder of later depot: kies dat waarvan de naam begint zoals die van de koffer. U kunt de koffer ook zonder openen (laat depotbewijs en handtekening weg), maar dan blijkt nergens uit wie hem verzegelde.',
  otherReceipts: (taken, others) =>
    `Er waren meerdere depotbewijzen. Gecontroleerd is met ${taken}: dat hoort bij wat u wilde controleren, of is het nieuwste. Niet gebruikt: ${others}.`,
  ownKeys: (names) =>
    `${names}: dit is uw eigen publieke sleutel, niet die van de leverancier. De handtekening is er niet mee gecontroleerd. Kies de publieke sleutel van de leverancier.`,
  tooMuchInside: (most) =>
    `Uit deze koffer komt meer dan ${most}; daar is de pagina gestopt. Verwacht u zo veel, kies dan meer bij “Grootste omvang na het uitpakken” en controleer opnieuw. Zo niet, dan kan iemand hem gemaakt hebben om uw schijf te vullen: vraag het de leverancier.`,
  tooMuchSaved: (most) =>
    `Het opslaan is bij ${most} gestopt: het archief noemt dezelfde bestanden vele malen, en elk wordt hier een kopie. Verwacht u zo veel, kies dan meer bij “Grootste omvang na het uitpakken”, controleer opnieuw en sla opnieuw op; of gebruik de opdrachten hieronder.`,
  originProven: 'Herkomst: bewezen door het ondertekende depotbewijs.',
  originNotProven:
    'Herkomst: niet bewezen. Wie uw publieke sleutel heeft kan een koffer maken; alleen een depotbewijs met de handtekening van de leverancier laat zien waar hij vandaan komt.',
  noManifest: 'Er zit geen lijst in om mee te vergelijken: dit archief is niet door depot gemaakt.',
  canFolder:
    'In de map die u kiest komt een nieuwe map. Tijden en rechten van bestanden blijven niet bewaard; links worden kopieën of worden genoemd. Gebruik voor exact terugzetten depot of de opdrachten hieronder.',
  room: (bytes, most) =>
    `Er is ongeveer ${bytes} voor nodig, en meer waar links kopieën worden; het opslaan stopt bij ${most}. Geen browser vertelt deze pagina hoeveel ruimte er is op de plaats die u kiest: ga dat eerst na.`,
  noFolder:
    'Deze browser kan niet in een map opslaan; browsers op basis van Chromium (Chrome, Edge, Brave, Opera) kunnen dat. Wat deze opslaat staat eerst in zijn geheugen, dus hoogstens 2 GiB tegelijk. Gebruik voor meer de opdrachten hieronder.',
  tooLarge: 'Dit depot is groter dan dat: gebruik een andere browser, of de opdrachten hieronder.',
  matching: (shown, all) => (shown === all ? `${all} in de lijst` : `de eerste ${shown} van ${all}`),
  save: 'Opslaan…',
  saveNamed: (name) => `${name} opslaan`,
  kinds: { directory: 'map', symlink: 'link', hardlink: 'link' },
  saved: (name) => `Opgeslagen: ${name}`,
  savedFolder: (name, files, notes) =>
    `${files} bestanden opgeslagen in de map ${name}.${notes === 0 ? '' : ' Sommige zijn niet zoals in het archief: zie NOT-AS-IN-THE-ARCHIVE.txt daarin.'}`,
};
