/** `DEPOT/chain.json` of an increment: the suitcases that it builds on (docs/format.md, section 12). */
import { DepotError } from '../../errors.js';
import { parseDepositId } from '../../names/deposit.js';
import { sha256Pattern } from '../../names/digest.js';
import { printable } from '../../printable.js';
import { refused } from '../tar/format.js';

export const CHAIN_SCHEMA = 'depot.chain/1';
export const MAX_CHAIN_BYTES = 1 << 20;
/** Every night adds an open manifest to the merge, and a suitcase to the day. */
export const MAX_CHAIN = 1000;
const MAX_SOURCES = 10_000;

/** A suitcase as a later one names it. */
export interface ChainedDeposit {
  depositId: string;
  /** Size and SHA-256 (hex) of the whole suitcase. */
  bytes: number;
  sha256: string;
}

export interface Chain {
  /** How many suitcases come before this one. */
  number: number;
  /** Names directly under `data/`, in their order. */
  sources: string[];
  /** `number` of them, the full deposit first. */
  deposits: ChainedDeposit[];
}

/** @throws DepotError 'archive-refused' */
export function parseChain(bytes: Uint8Array): Chain {
  if (bytes.length > MAX_CHAIN_BYTES) throw malformed(`more than ${MAX_CHAIN_BYTES} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new DepotError('archive-refused', 'chain.json is not JSON', { cause });
  }
  if (!isObject(json)) throw malformed('no object');
  const { schema, number, sources, deposits } = json;
  if (schema !== CHAIN_SCHEMA)
    throw malformed(
      typeof schema === 'string' && schema.startsWith('depot.chain/')
        ? `schema ${printable(schema.slice(0, 100))} is not known to this version of depot`
        : `no schema ${CHAIN_SCHEMA}`,
    );
  if (!isCount(number) || number < 1) throw malformed('number');
  if (number > MAX_CHAIN) throw malformed(`more than ${MAX_CHAIN} suitcases`);
  const named = sourcesOf(sources);
  if (!Array.isArray(deposits) || deposits.length !== number) throw malformed('deposits');
  const listed = deposits.map(depositOf);
  if (!areDistinct(listed.map(({ depositId }) => depositId)) || !areDistinct(listed.map(({ sha256 }) => sha256)))
    throw malformed('a deposit that comes twice');
  return { number, sources: named, deposits: listed };
}

/**
 * Whether what an increment says fits what a suitcase that it builds on says: the same sources, and the same deposits
 * before that one. @throws DepotError 'archive-refused'
 */
export function requireSameChain(chain: Chain, earlier: Chain): void {
  const { depositId } = chain.deposits[earlier.number] ?? { depositId: 'a deposit' };
  const same =
    earlier.number < chain.number &&
    earlier.deposits.every(({ depositId, bytes, sha256 }, i) => {
      const said = chain.deposits[i]!;
      return said.depositId === depositId && said.bytes === bytes && said.sha256 === sha256;
    });
  if (!same) throw refused(`${depositId} belongs to another chain than the increment that names it`);
  if (chain.sources.length !== earlier.sources.length || chain.sources.some((name, i) => name !== earlier.sources[i]))
    throw refused(`${depositId} has other sources than the increment that names it`);
}

function sourcesOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_SOURCES) throw malformed('sources');
  const names = value.map((name: unknown) => {
    if (typeof name !== 'string' || !/^(?!\.{1,2}$)[^/\0]+$/.test(name)) throw malformed('sources');
    return name;
  });
  if (!areDistinct(names)) throw malformed('a source that comes twice');
  return names;
}

function depositOf(value: unknown): ChainedDeposit {
  if (!isObject(value)) throw malformed('deposits');
  const { depositId, bytes, sha256 } = value;
  if (typeof depositId !== 'string' || parseDepositId(depositId) === null) throw malformed('depositId');
  if (!isCount(bytes)) throw malformed('bytes');
  if (typeof sha256 !== 'string' || !sha256Pattern.test(sha256)) throw malformed('sha256');
  return { depositId, bytes, sha256 };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function areDistinct(names: string[]): boolean {
  return new Set(names).size === names.length;
}

function malformed(what: string): DepotError {
  return refused(`chain.json is not one that this version reads: ${what}`);
}
