/** Lines for a shell that check and open a deposit: on its cover, in the letter of a kit, on the offline page and in documents. */
import { receiptName, signatureName, suitcaseName, type Compression } from '../names/deposit.js';
import type { Receipt } from './schema.js';

/** A deposit as lines for a shell name it. */
export interface NamedDeposit {
  depositId: string;
  suitcase: Pick<Receipt['suitcase'], 'name'>;
  encryption: Pick<Receipt['encryption'], 'packet' | 'compression'> & {
    recipients: Pick<Receipt['encryption']['recipients'][number], 'fingerprint' | 'algorithm'>[];
  };
  supplier?: Pick<Receipt['supplier'], 'signerFingerprint'>;
  chain?: Pick<NonNullable<Receipt['chain']>, 'number'>;
}

/** It opens only with the suitcases that it is built on. */
export function isIncrement({ chain }: Pick<NamedDeposit, 'chain'>): boolean {
  return chain !== undefined && chain.number > 0;
}

/** The deposit of documents, which is called `ID`, for a key that GnuPG reads. */
export function anyDeposit(
  compression: Compression,
  packet: NamedDeposit['encryption']['packet'] = 'SEIPDv1',
): NamedDeposit {
  return {
    depositId: 'ID',
    suitcase: { name: suitcaseName('ID', compression) },
    encryption: { packet, compression, recipients: [] },
    // Whoever has one may find that theirs is an increment.
    chain: { number: 0 },
  };
}

/** Lines for a shell that check and open the deposit with depot; of an increment, with all suitcases in the same folder. */
export function depotLines(f: NamedDeposit): string {
  const proof = `--receipt ${receiptName(f.depositId)} --signer signer.public.asc --key private.secret.asc`;
  if (isIncrement(f)) return `depot decrypt . --at ${f.depositId} ${proof} --out new`;
  return [
    `depot verify ${f.suitcase.name} ${proof} --deep &&`,
    `depot decrypt ${f.suitcase.name} ${proof} --out new`,
  ].join('\n');
}

/** A program that opens a deposit; `rsop` stands for every one with the Stateless OpenPGP command line. */
export type StockTool = 'gpg' | 'rsop';

/** No GnuPG reads a key of version 6, nor the algorithms 25 and 26 of RFC 9580 in one of version 4. */
export function gnupgReads({
  fingerprint,
  algorithm,
}: Pick<Receipt['encryption']['recipients'][number], 'fingerprint' | 'algorithm'>): boolean {
  return fingerprint.length === 40 && !['X25519', 'X448'].includes(algorithm);
}

/** With what the deposit can be opened: one program for all keys, or both, where GnuPG reads only some. */
export function stockTools({ encryption }: NamedDeposit): StockTool[] {
  if (encryption.packet === 'SEIPDv2') return ['rsop'];
  if (encryption.recipients.every(gnupgReads)) return ['gpg'];
  return encryption.recipients.some(gnupgReads) ? ['gpg', 'rsop'] : ['rsop'];
}

/**
 * The lines that check and open the deposit without depot: the receipt is signed by the key that the reader expects,
 * and names the digest of this suitcase. Each line that fails says so and ends with 1.
 *
 * `gpg --verify` ends well for a signature by any key that it knows, so the fingerprint of the primary key, the last
 * field of VALIDSIG, must be `signer`. Beside the suitcase, the reader writes it in: whoever made a receipt could have
 * made the lines, too. A user id may hold the word VALIDSIG, so the line must begin with it.
 *
 * `gpg -d` and `rsop decrypt` give plaintext before it has authenticated, and only bash, zsh and ksh have `pipefail`:
 * so nothing is piped out of them, and what they wrote is unpacked when they ended well and else removed. Each line is
 * right by itself, and none changes the shell that it is pasted into.
 *
 * Other programs, and depot on Windows once, record directories without the right to enter them: `chmod` gives it to the
 * owner, and follows no links.
 *
 * For an increment `src/dataset/restore.sh` does all of that.
 */
export function stockLines(f: NamedDeposit, tool: StockTool = stockTools(f).at(-1)!, signer = 'FINGERPRINT'): string {
  if (isIncrement(f)) return `sh restore.sh ${signer} ${f.suitcase.name} new`;
  const [receipt, signature] = [receiptName(f.depositId), signatureName(f.depositId)];
  const opened = openedName(f);
  const decrypt =
    tool === 'gpg'
      ? `gpg -d -o ${opened} ${f.suitcase.name}`
      : `rsop decrypt private.secret.asc < ${f.suitcase.name} > ${opened}`;
  const signed = verifiesWithGnupg(f, tool)
    ? `gpg --status-fd 1 --verify ${signature} ${receipt} | grep '^.GNUPG:. VALIDSIG .* ${signer}$'`
    : `rsop verify ${signature} signer.public.asc < ${receipt}`;
  const same = String.raw`grep "\"sha256\": \"$(sha256sum < ${f.suitcase.name} | cut -c 1-64)\"" ${receipt}`;
  const open = `mkdir -m 700 new && { ${decrypt} || { rm -f ${opened}; rmdir new; false; }; } && ${unpack(f.encryption.compression, opened)} && rm ${opened} && chmod -R u+rX new`;
  const notOpened = stop('not opened; do not use what this left in new');
  return [
    `(${signed} || ${stop('the receipt is not signed by that key')}) &&`,
    `(${same} || ${stop('this is not the file of the receipt')}) &&`,
    f.chain === undefined ? `${open} || ${notOpened}` : `(${open} || ${notOpened}) && ${notIncrement}`,
  ].join('\n');
}

/** Lines of one deposit of an arrangement with `incremental:` are used with another one's name, too. */
const notIncrement = `([ ! -e new/DEPOT/chain.json ] || ${stop('this is an increment: new holds only what changed; new/DEPOT/README.md says what else you need')})`;

/** A sentence where a person sees it; `!` makes its exit code 1. */
function stop(why: string): string {
  return `! echo 'STOP: ${why}' >&2`;
}

/** Whether GnuPG reads the signature of the receipt, and not only the suitcase. */
export function verifiesWithGnupg(f: NamedDeposit, tool: StockTool): boolean {
  return tool === 'gpg' && f.supplier?.signerFingerprint.length !== 64;
}

/** Where the lines put the archive before they unpack it. */
export function openedName(f: NamedDeposit): string {
  return `new/opened.tar${suffixes[f.encryption.compression]}`;
}

const suffixes: Record<Compression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

/** Tested before it is unpacked: of a pipeline only the last program's word counts. */
function unpack(compression: Compression, opened: string): string {
  if (compression === 'none') return `tar -x -f ${opened} -C new`;
  const program = compression === 'gzip' ? 'gzip' : 'zstd';
  return `${program} -t ${opened} && ${program} -d < ${opened} | tar -x -f - -C new`;
}
