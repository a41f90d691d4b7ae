/** What the opener page says, in English; opener-nl.ts has the same in Dutch. */
export const english = {
  /** Every `data-text` of page.html. */
  texts: {
    title: 'Check and open a deposit',
    intro:
      'This page checks an escrow deposit and opens it, on this computer alone: it works without internet, installs nothing, and nothing that you choose here leaves this computer.',
    trust:
      'First make sure that this page is the real one: compare its SHA-256 by telephone with the supplier, who finds it with “depot opener”. The page cannot vouch for itself.',
    filesTitle: '1. What you have',
    drop: 'Drop all your files here: each is recognised by its contents. Or choose them one by one below. Give what you have: the page does not check what is missing, and the result says so.',
    suitcase: 'Suitcase',
    suitcaseWhat:
      'The encrypted file that the escrow agent releases; its name ends in .pgp. If it holds only what changed since earlier ones, choose those too. Leave it out to check beforehand whether your key opens the deposit.',
    receipt: 'Receipt',
    receiptWhat: 'Its name ends in .receipt.json.',
    signature: 'Signature of the receipt',
    signatureWhat: 'Its name ends in .receipt.json.asc.',
    signers: 'Public key of the supplier',
    signersWhat:
      'The key that signs the receipts. Compare its fingerprint with the one that the supplier told you. There may be several.',
    key: 'Your private key',
    keyWhat: 'This page reads it, uses it, and does not keep it.',
    passphrase: 'Passphrase of your private key',
    passphraseWhat: 'Only if it has one.',
    agent: 'SHA-256 that the escrow agent told you',
    agentWhat:
      'Optional: 64 digits and letters a to f. Ask the agent to compute it from the file that it holds, and to say when it did.',
    most: 'Largest size when unpacked',
    mostWhat:
      'A small file can unpack to one that fills a disk: the page stops at this size. Automatic: as much as a signed receipt says; without one, 100 times the size of the suitcase, at least 1 GiB.',
    chooseFolder: 'Choose a folder with all of them…',
    choose: 'Choose…',
    remove: 'Leave out',
    check: 'Check',
    stop: 'Stop',
    resultTitle: '2. What was found',
    insideTitle: '3. What is inside',
    folder: 'Save everything to a folder…',
    archive: 'Save everything as one .tar file…',
    search: 'Find a file by its name',
    name: 'Name',
    size: 'Size',
    action: 'Action',
    withoutTitle: 'Without this page',
    without:
      "You can do the same with programs that any system administrator has, on Linux, on macOS, or on Windows with WSL or Git Bash. Put the files into one folder, with the supplier's public key as signer.public.asc and your private key as private.secret.asc; for gpg, import both first, and replace FINGERPRINT with that of the supplier's key, as you compared it by telephone (no spaces). Exit code 0 means that everything was right; otherwise the output ends with STOP and the reason: then do not use what is in the folder “new”.",
    withoutNames:
      'ID stands for the name of the deposit; choose the receipt, and the lines show the real names. For a file that ends in .tar.zst.pgp, write zstd in place of gzip, and .zst in place of .gz, each time.',
    limitsTitle: 'What these checks do not show',
    licencesTitle: 'Licences',
    licences:
      'This page contains OpenPGP.js, under the GNU Lesser General Public License, and other free software, all unchanged. Their sources are the packages of the npm registry with the names and versions below. On request, the supplier who gave you this page also gives you what it takes to rebuild it with another version of OpenPGP.js.',
    licencesShow: 'Show the licence texts',
  },
  limits: [
    'That the escrow agent holds this suitcase: only the agent can say so, with a SHA-256 that it computes from the file. The same digits are in the receipt and the cover beside the file, and this page cannot tell where the agent got them.',
    'That the data is good, complete in substance, or enough to continue with: only a trial restore shows that.',
    'That this page is the real one: see above.',
  ],
  chosen: (names: string) => `✓ ${names}`,
  unknown: (names: string) => `Not recognised: ${names}. Choose it in one of the rows below.`,
  /** Several files were dropped for a row that takes one. */
  several: (row: string) => `Several files were dropped for “${row}”. This page takes one: choose it below.`,
  nothing: 'Choose a suitcase or a receipt first.',
  badDigest: 'A SHA-256 has 64 digits and letters a to f.',
  /** The choice of how much may come out that leaves it to the page. */
  mostByItself: 'Automatic',
  checking: 'Checking…',
  saving: 'Saving…',
  stopping: 'Stopping, and removing what was saved so far… Press Stop again to stop at once.',
  stopped: 'Stopped.',
  /** What was half saved is gone, or lies there under this name. */
  removed: 'What was partly saved was removed.',
  leftBehind: (name: string) =>
    `Careful: “${name}” could not be removed. It may hold decrypted files: delete it yourself.`,
  outcome: { passed: '✓ OK', failed: '✗ Wrong', 'not possible': '– Not checked' },
  verdict: {
    passed: 'Everything that could be checked is in order.',
    failed: 'Something is wrong. Do not rely on this deposit until the cause is known; nothing can be saved.',
    otherKey:
      'As far as it could be checked, nothing is wrong with this deposit, but the private key that you chose does not open it. Choose another of your keys.',
    withoutKey:
      'What was checked is in order, but without your private key, nothing shows that you can open this deposit. Choose the key above, and check again.',
    incomplete: 'Nothing is wrong, but something important could not be checked: see below.',
  },
  checks: {
    receipt: {
      title: 'Receipt',
      passed: 'The receipt is a valid receipt.',
      failed: 'This file is not a valid receipt, or it was changed.',
      open: 'Without a receipt, nothing shows who made this suitcase, or that it is complete.',
    },
    'receipt-signature': {
      title: 'Signature of the supplier',
      passed:
        "The supplier's key signed exactly this receipt. You know that it is the supplier's key because you compared its fingerprint.",
      failed:
        'The signature does not belong to this receipt, or was not made by the given key. The receipt proves nothing.',
      open: "Without the signature file and the supplier's public key, nothing shows who made the receipt: anyone could have. Choose both above.",
    },
    suitcase: {
      title: 'Suitcase',
      passed: 'There is a suitcase.',
      failed: 'The suitcase cannot be read.',
      open: "No suitcase was chosen. This says nothing about the agent's copy.",
    },
    'suitcase-structure': {
      title: 'Form of the suitcase',
      passed: 'In form, the suitcase is one complete encrypted message. “Contents” is about what is in it.',
      failed: 'The suitcase is damaged, cut off, or something else.',
      open: 'The form of the suitcase was not checked.',
    },
    recipients: {
      title: 'Keys that it is meant for',
      passed: 'The suitcase is locked for the keys that the receipt names.',
      failed: 'The suitcase is locked for other keys than the receipt names.',
      open: 'There is no receipt to compare with.',
    },
    contents: {
      title: 'Contents',
      passed: 'Everything inside was decrypted, and every file matches the list inside, which the supplier made.',
      failed: 'What is inside cannot be authenticated, or is not what the supplier packed.',
      open: "The contents were not compared with the supplier's list.",
    },
    'suitcase-size': {
      title: 'Size',
      passed: 'The suitcase has the size that the receipt names.',
      failed:
        'The suitcase does not have the size that the receipt names: a part is missing, or it is a different suitcase.',
      open: 'The size was not compared.',
    },
    'suitcase-sha256': {
      title: 'SHA-256 of the suitcase',
      passed: 'It is exactly the suitcase that the receipt names, to the last bit.',
      failed: 'It is not the suitcase that the receipt names, or it was changed.',
      open: 'The SHA-256 was not compared.',
    },
    'key-packets': {
      title: 'Locks',
      passed: 'The locks of the suitcase are the ones that the receipt quotes.',
      failed: 'The locks of the suitcase are not the ones that the receipt quotes.',
      open: 'The locks were not compared.',
    },
    head: {
      title: 'First bytes',
      passed: 'The encrypted data begins as the receipt quotes.',
      failed: 'The encrypted data does not begin as the receipt quotes.',
      open: 'The first bytes were not compared.',
    },
    tail: {
      title: 'Last bytes',
      passed: 'The encrypted data ends as the receipt quotes.',
      failed: 'The encrypted data does not end as the receipt quotes.',
      open: 'The last bytes were not compared.',
    },
    'key-proof': {
      title: 'Your key opens it',
      passed: 'Your private key fits exactly this deposit: it unlocks the key that its contents are encrypted with.',
      failed: 'Your private key does not open this deposit, or receipt and suitcase do not belong together.',
      open: 'Whether your private key opens the deposit was not checked: no private key was chosen. Choose it above.',
    },
    chain: {
      title: 'All suitcases that it needs',
      passed: 'Everything that this deposit is built on is here, each with the size and the SHA-256 that it names.',
      failed: 'A suitcase that it needs is damaged, or is the wrong one. It counts as missing: nothing in it was used.',
      open: 'This deposit holds only what changed since earlier ones, and not all of those are here: see the list above.',
    },
    'chain-signatures': {
      title: 'Signatures of the receipts before it',
      passed: 'The supplier signed the receipts of all deposits that it is built on.',
      failed: 'The receipt of a deposit that it is built on is not signed by the given key.',
      open: 'The signatures of the receipts before it were not checked. Choose these files above.',
    },
    'chain-key-proof': {
      title: 'Your key opens those before it',
      passed: 'Your private key opens every deposit that it is built on.',
      failed: 'Your private key does not open a deposit that it is built on, so it does not open this one either.',
      open: 'This page did not check your key against all deposits that it is built on.',
    },
    'chain-contents': {
      title: 'Contents of those before it',
      passed: 'All suitcases before it were decrypted, and hold what their own lists say.',
      failed: 'A suitcase before it cannot be authenticated, or does not belong to it. It counts as missing.',
      open: 'The suitcases before it were not all opened.',
    },
    dataset: {
      title: 'The whole night',
      passed: 'The suitcases together are the dataset of that night, as the receipt says.',
      failed: 'The suitcases together are not the dataset that the receipt names, or are larger than allowed.',
      open: 'Without the receipt of this night, there is nothing to compare the result with.',
    },
    'agent-sha256': {
      title: 'What the agent says it holds',
      passed:
        'The SHA-256 that the agent gave is the one in the receipt. The same digits are also beside the file: ask whether the agent computed them from the file, and when. Only then do they show that the agent holds it.',
      failed: 'The SHA-256 that the agent gave is not the one in the receipt.',
      open: 'Ask the escrow agent to compute the SHA-256 from the file that it holds, and enter it above.',
    },
  },
  failures: {
    usage:
      'The files that you chose belong to several nights, and this page cannot know which one you want. Leave out the files of the others, and check again.',
    incomplete: 'You did not choose everything that this needs.',
    'passphrase-wrong':
      'The passphrase does not unlock your private key. Try again: capitals and spaces count, and it must be the passphrase of exactly this key.',
    'secret-missing': 'Your private key is locked: enter its passphrase above.',
    'key-unreadable':
      "A key cannot be read. Is each file in the right row: the supplier's public key, and your private key? A key on a smart card cannot be used here: use the commands below.",
    'verification-failed': 'The suitcase could not be authenticated.',
    'archive-refused': 'The contents are damaged or dangerous and were refused.',
    'local-unreadable':
      'A file cannot be read: it was moved or changed, or does not belong in that row. Choose it again.',
    'local-disk-full':
      'There is not enough room. Choose a place with more room. Only browsers based on Chromium (Chrome, Edge) can save more than 2 GiB at once.',
    'local-not-writable': 'This page cannot write there. Choose another place, like a new folder in your documents.',
    'output-exists':
      'A folder of that name already exists, and nothing was written to it. Rename it, or choose another place.',
    internal: 'Something went wrong that this page did not foresee. The suitcase is unharmed: use the commands below.',
  },
  summary: (entries: string, bytes: string, notListed: string | null) =>
    `${entries} entries, ${bytes}. All of it was decrypted and authenticated.${notListed === null ? '' : ` ${notListed} more are not listed here; “save everything” saves them too.`}`,
  /** A deposit that is built on others. */
  needed: (id: string, all: string, given: string) =>
    `${id} is not the whole dataset by itself: you need ${all} suitcases, and ${given} of them ${given === '1' ? 'is' : 'are'} here and in order.`,
  neededUnknown: 'This page does not know which suitcases come before these: nothing here names them.',
  neededStates: { given: '✓ here', missing: '✗ missing', damaged: '✗ damaged, counts as missing' },
  neededWhole: (id: string) =>
    `Ask the agent for what is missing. The newest night that is whole here is ${id}: to open that one, leave out the suitcases that came later.`,
  otherNights: (nights: string) => `Not used, because they do not belong to the night that was checked: ${nights}.`,
  night: (suitcases: string) =>
    `One night, put together from ${suitcases} suitcases; what was removed since is not in it.`,
  roomNight: 'While it works, it may need as much again, for the pieces that files are made of.',
  noFolderNight:
    'This browser cannot put a night together in a folder; browsers based on Chromium (Chrome, Edge, Brave, Opera) can. It has checked all suitcases, and can save single files from the list, if a file and all that it is made of are at most 2 GiB. For the whole night, use one of those browsers, depot, or the commands below.',
  /** The receipt quotes other session key packets than the suitcase has. */
  otherReceipt:
    'Receipt and suitcase do not belong together. Usually it is the receipt of an earlier or later deposit: choose the one whose name begins like that of the suitcase. You can open the suitcase without it, too (leave out receipt and signature), but then nothing shows who sealed it.',
  /** Of several receipts this one was taken. */
  otherReceipts: (taken: string, others: string) =>
    `There were several receipts. The checks used ${taken}, which belongs to the suitcase, or is the newest. Not used: ${others}.`,
  /** The holder's own public keys, given as the supplier's. */
  ownKeys: (names: string) =>
    `${names}: this is your own public key, not the supplier's, so it was not used to check the signature. Choose the supplier's public key.`,
  /** More came out than the bound. */
  tooMuchInside: (most: string) =>
    `More than ${most} comes out of this suitcase, and the page stopped there. If you expect that much, choose more at “Largest size when unpacked”, and check again. If not, someone may have made it to fill your disk: ask the supplier.`,
  tooMuchSaved: (most: string) =>
    `Saving stopped at ${most}: the archive names the same files many times, and each becomes a copy here. If you expect that much, choose more at “Largest size when unpacked”, check again and save again; or use the commands below.`,
  originProven: 'Origin: proven by the signed receipt.',
  originNotProven:
    'Origin: not proven. Anyone who has your public key can make a suitcase; only a receipt signed by the supplier shows where it comes from.',
  noManifest: 'There is no list inside to compare with: this archive was not made by depot.',
  canFolder:
    'This page makes a new folder in the one that you choose. It does not keep the times and permissions of files; links become copies, or are listed. For an exact restore, use depot or the commands below.',
  /** Before saving: how much there is, and where it stops. */
  room: (bytes: string, most: string) =>
    `It takes about ${bytes}, and more where links become copies; saving stops at ${most}. A browser does not tell this page how much room there is in the place that you choose: check that first.`,
  noFolder:
    'This browser cannot save to a folder; browsers based on Chromium (Chrome, Edge, Brave, Opera) can. It first keeps in memory what it saves, so it can save at most 2 GiB at once. For more, use the commands below.',
  tooLarge: 'This deposit is larger than that: use another browser, or the commands below.',
  matching: (shown: string, all: string) => (shown === all ? `${all} listed` : `the first ${shown} of ${all}`),
  save: 'Save…',
  saveNamed: (name: string) => `Save ${name}`,
  kinds: { directory: 'folder', symlink: 'link', hardlink: 'link' },
  saved: (name: string) => `Saved: ${name}`,
  savedFolder: (name: string, files: string, notes: number) =>
    `Saved ${files} files to the folder ${name}.${notes === 0 ? '' : ' Some differ from the archive: see NOT-AS-IN-THE-ARCHIVE.txt in it.'}`,
};

export type OpenerTexts = typeof english;
