/** Attestations: as the beneficiary sent them, and `….filed.json`, which says what was found at the import. */
import * as v from 'valibot';
import { isDepotError } from '../errors.js';
import { maxAttestationBytes, parseAttestation, type Attestation } from '../receipt/attestation.js';
import { readBounded, writeFileAtomic } from '../durable-file.js';
import { attestationName, parseAttestationName, parseReceiptName } from '../names/deposit.js';
import { sha256Hex } from '../primitives.js';
import { parseReceipt } from '../receipt/parse.js';
import { commitmentOf, fromBase16 } from '../receipt/proof.js';
import type { ArrangementState, StoredReceipt } from './arrangement-state.js';

/** What the check at the import found. */
const filingSchema = v.object({
  schema: v.literal('depot.attestation-filing/1'),
  attestationSha256: v.string(),
  filedAt: v.string(),
  /** Primary key whose signature it bears, and when that was made. */
  signedBy: v.string(),
  signedAt: v.string(),
  /** Name of the beneficiary in the configuration of that time; null when its key was in no configuration any more. */
  beneficiary: v.nullable(v.string()),
  /** The supplier made the key that signed it, so the supplier could have made the attestation. */
  selfAttested: v.boolean(),
});
export type Filing = v.InferOutput<typeof filingSchema>;

export interface FiledAttestation {
  depositId: string;
  number: number;
  /** Absolute path of the attestation. */
  path: string;
  sha256: string;
  attestation: Attestation;
  filing: Filing;
}

/** By deposit, as they were begun, without those that were damaged since: `attestationFaults` names these. */
export async function filedAttestations(state: ArrangementState, depositId?: string): Promise<FiledAttestation[]> {
  const found: FiledAttestation[] = [];
  for (const name of await state.names()) {
    const parts = parseAttestationName(name);
    if (parts === null || (depositId !== undefined && parts.depositId !== depositId)) continue;
    const filed = await readFiled(state, name);
    if (filed !== null && filed.attestation.depositId === parts.depositId) found.push({ ...parts, ...filed });
  }
  return found.sort((a, b) => (a.depositId === b.depositId ? a.number - b.number : a.depositId < b.depositId ? -1 : 1));
}

/** The attestation of the deposit that was begun last among those that have one; null when none has. */
export async function newestAttestation(state: ArrangementState): Promise<FiledAttestation | null> {
  const names = (await state.names()).filter((name) => parseAttestationName(name) !== null);
  for (const id of [...new Set(names.map((name) => parseAttestationName(name)!.depositId))].reverse()) {
    const newest = (await filedAttestations(state, id)).at(-1);
    if (newest !== undefined) return newest;
  }
  return null;
}

type Filed = Omit<FiledAttestation, 'depositId' | 'number'>;
async function readFiled(state: ArrangementState, name: string): Promise<Filed | null> {
  const path = state.file(name);
  const bytes = await readBounded(path, maxAttestationBytes);
  const said = await readBounded(state.file(filingName(name)), maxAttestationBytes);
  if (bytes === null || said === null) return null;
  try {
    const filing = v.safeParse(filingSchema, JSON.parse(said.toString('utf8')));
    const sha256 = sha256Hex(bytes);
    if (!filing.success || filing.output.attestationSha256 !== sha256) return null;
    return { path, sha256, attestation: parseAttestation(bytes, name), filing: filing.output };
  } catch (error) {
    if (error instanceof SyntaxError || isDepotError(error, 'verification-failed')) return null;
    throw error;
  }
}

/** Attestations that are not what was filed, or that are gone: none of them vanishes without a word. */
export async function attestationFaults(state: ArrangementState): Promise<{ depositId: string; message: string }[]> {
  const faults: { depositId: string; message: string }[] = [];
  const names = new Set(await state.names());
  const receipts = new Map<string, string[]>();
  for (const name of names) {
    const id = parseReceiptName(name)?.depositId;
    if (id !== undefined) receipts.set(id, [...(receipts.get(id) ?? []), name]);
  }
  for (const name of names) {
    const parts = parseAttestationName(name.replace(/\.attestation((?:\.\d+)?)\.filed\.json$/, '.attestation$1.json'));
    if (parts === null) continue;
    const { depositId } = parts;
    const attestation = attestationName(depositId, parts.number);
    const fault = (message: string) =>
      faults.push({ depositId, message: `${state.file(attestation)} ${message}, so it no longer proves anything` });
    if (name !== attestation) {
      if (!names.has(attestation)) fault('was filed and is now missing');
    } else if (!names.has(filingName(name)))
      fault(`has lost ${filingName(name)}, which says what was found when it was filed`);
    else if (!names.has(`${name}.asc`)) fault('has lost its signature');
    else
      await readFiled(state, name).then(
        async (filed) => {
          if (filed?.attestation.depositId !== depositId) fault('differs from what was filed');
          else if (!fits(filed.attestation, await state.receiptsOf(depositId, receipts.get(depositId) ?? [])))
            fault('does not open the key proof of the receipt that it names');
        },
        (error: unknown) => {
          if (!isDepotError(error)) throw error;
          fault(`could not be checked (${error.message})`);
        },
      );
  }
  return faults;
}

/** An opening that does not fit was written by somebody who had no key: whoever edited both files cannot make one. */
function fits({ receiptSha256, opening }: Attestation, receipts: readonly StoredReceipt[]): boolean {
  const named = receipts.find(({ sha256 }) => sha256 === receiptSha256);
  if (named === undefined) return true;
  try {
    return commitmentOf(fromBase16(opening)) === parseReceipt(named.bytes, named.path).keyProof.commitment;
  } catch (error) {
    // A receipt that is none is what the ledger's check is about.
    if (isDepotError(error)) return true;
    throw error;
  }
}

/** Files a checked attestation under the next free number, itself last. Under the arrangement's lock. */
export async function fileAttestation(
  state: ArrangementState,
  o: {
    depositId: string;
    bytes: Uint8Array;
    signature: Uint8Array;
    filing: Omit<Filing, 'schema' | 'attestationSha256'>;
  },
): Promise<FiledAttestation> {
  const taken = (await state.names()).flatMap((name) => {
    const parts = parseAttestationName(name);
    return parts?.depositId === o.depositId ? [parts.number] : [];
  });
  const number = 1 + Math.max(0, ...taken);
  const name = attestationName(o.depositId, number);
  const sha256 = sha256Hex(o.bytes);
  const filing: Filing = { schema: 'depot.attestation-filing/1', attestationSha256: sha256, ...o.filing };
  await writeFileAtomic(state.file(`${name}.asc`), o.signature);
  await writeFileAtomic(state.file(filingName(name)), `${JSON.stringify(filing, null, 2)}\n`);
  await writeFileAtomic(state.file(name), o.bytes);
  const attestation = parseAttestation(o.bytes, name);
  return { depositId: o.depositId, number, path: state.file(name), sha256, attestation, filing };
}

function filingName(name: string): string {
  return name.replace(/\.json$/, '.filed.json');
}
