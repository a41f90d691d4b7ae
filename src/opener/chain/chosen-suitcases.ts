/** The suitcases that a person chose: how each begins, and those of which the newest night is put together. */
import type { Chain } from '../../dataset/chain/chain-file.js';
import { DepotError, isDepotError } from '../../errors.js';
import { parseSuitcaseName } from '../../names/deposit.js';
import { changedMeanwhile } from '../../open/content-format.js';
import { ChainSink } from '../../open/chain-sink.js';
import type { Limit } from '../../open/opening.js';
import { TarReader } from '../../dataset/tar/read.js';
import type { UnwrappedSessionKey } from '../../pgp/sessionkey.js';
import { printable } from '../../printable.js';
import { findMembers, isWhole, newestWhole, type Members } from '../../reader/chain/members.js';
import { chooseNight, type Choice } from '../../reader/chain/nights.js';
import type { GivenReceipt } from '../chosen-files.js';
import { JoinedFiles } from '../folder.js';
import { Enough, examine } from '../open-blob.js';
import { sha256 } from '../primitives.js';
import type { Needed } from '../protocol.js';
import { preambleOf, segmentsOf } from '../suitcase-blob.js';
import type { SuitcaseReader, Unlocked } from '../suitcase-reader.js';
import type { OpenedSuitcase } from './night.js';
import { OwnFiles } from './own-files.js';

/** As `src/reader/chain/given.ts` has one in a file. */
export class ChosenSuitcase {
  readonly path: string;
  readonly bytes: number;
  readonly depositId: string | null;
  unwrapped: UnwrappedSessionKey | null = null;
  chain: Chain | null = null;
  problem: DepotError | null = null;
  unlocked: Unlocked | null = null;
  /** After it was opened to its end. */
  opened: (OpenedSuitcase & { chain: Chain | null }) | null = null;
  /** Why it was not. */
  failure: DepotError | null = null;
  #digest: Promise<string> | null = null;

  constructor(readonly file: File) {
    this.path = file.name;
    this.bytes = file.size;
    this.depositId = parseSuitcaseName(file.name)?.depositId ?? null;
  }

  sha256(): Promise<string> {
    return (this.#digest ??= digestOf(this.file));
  }

  /** How it begins. What the key does not open, or is no suitcase, has a problem. */
  async look(unwrap: (pkesk: Uint8Array) => Promise<UnwrappedSessionKey>, reader: SuitcaseReader): Promise<void> {
    try {
      const sealed = await preambleOf(this.file);
      this.unwrapped = await unwrap(sealed.preamble.pkesk);
      const { sessionKey, cipher } = this.unwrapped;
      this.unlocked = { ...sealed, sessionKey, cipher };
      this.chain = await chainOf(this.unlocked, reader);
    } catch (error) {
      if (!isDepotError(error) || !['verification-failed', 'not-addressed', 'archive-refused'].includes(error.code))
        throw error;
      this.problem = error;
    }
  }

  /** All of it: authenticated, compared with its manifest, and what it says of its night kept. */
  async open(reader: SuitcaseReader, limit: Limit | null): Promise<void> {
    const own = new OwnFiles();
    const joined = new JoinedFiles();
    const unlocked = this.unlocked!;
    try {
      const found = await reader.open(
        unlocked,
        examine(own, (path) => joined.add(path)),
        limit,
      );
      const { problems, chain = null, manifest } = found.contents!;
      if (problems.length > 0) throw wrong(`the contents are not what the manifest says: ${problems.join('; ')}`);
      if (chain === null && manifest === 'none') throw wrong('it has no manifest, so it cannot begin a chain');
      this.#digest = Promise.resolve(found.sha256);
      this.opened = openedAs(own, joined, chain, (consumer) =>
        reader.open(unlocked, consumer, null, found.segments).then(() => undefined),
      );
    } catch (error) {
      if (!isDepotError(error, 'verification-failed') && !isDepotError(error, 'archive-refused')) throw error;
      this.failure = error;
    }
  }

  wipe(): void {
    this.unwrapped?.sessionKey.fill(0);
  }
}

export function openedAs(
  own: OwnFiles,
  joined: JoinedFiles,
  chain: Chain | null,
  read: OpenedSuitcase['read'],
): OpenedSuitcase & { chain: Chain | null } {
  return { own, joined, chain, read };
}

async function chainOf(unlocked: Unlocked, reader: SuitcaseReader): Promise<Chain | null> {
  const sink = new ChainSink();
  const tar = new TarReader(sink);
  try {
    await reader.peek(unlocked, {
      write(bytes) {
        tar.write(bytes);
        sink.passed(bytes.length);
        if (sink.isDone) throw new Enough();
      },
      end: () => null,
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  return sink.chain;
}

async function digestOf(file: File): Promise<string> {
  const digest = sha256();
  for await (const bytes of segmentsOf(file)) digest.update(bytes);
  return digest.hex();
}

/** The night that is checked, and what of its chain there is. */
export interface ChosenNight {
  choice: Choice;
  members: Members;
  /** The full deposit first; null for what is missing. */
  suitcases: (ChosenSuitcase | null)[];
  needed: Needed;
}

/**
 * Chooses the newest night of which a suitcase was given. Opens the suitcases before it that have name and size of what the
 * chain names, since that also gives their digests.
 * @throws DepotError 'usage' where several nights may be meant
 */
export async function chooseSuitcases(
  suitcases: ChosenSuitcase[],
  receipts: readonly GivenReceipt[],
  { reader, limitOf }: { reader: SuitcaseReader; limitOf: (suitcase: ChosenSuitcase) => Limit },
): Promise<ChosenNight> {
  // A receipt alone is that of a night that somebody else has, or of one that comes later.
  const own = receipts.filter(({ receipt: { depositId, suitcase } }) =>
    suitcases.some((one) => one.depositId === depositId || one.bytes === suitcase.bytes),
  );
  const given = { suitcases, receipts: own.map((one) => ({ ...one, path: one.name })), passedOver: [] };
  const choice = await chooseNight(given, undefined);
  const { night } = choice;
  const named = (night.needs ?? []).flatMap(({ depositId, bytes }) =>
    suitcases.filter((one) => one.depositId === depositId && one.bytes === bytes && one.unlocked !== null),
  );
  const opening = named.filter((one) => one.problem === null);
  reader.expect([...opening, night.suitcase].reduce((sum, one) => sum + (one?.bytes ?? 0), 0));
  for (const one of opening) await one.open(reader, limitOf(one));
  const members = await findMembers(night, given);
  const chosen = members.members.map(({ suitcase }) => suitcase as ChosenSuitcase | null);
  // Those with another name than the chain's.
  for (const [number, one] of chosen.slice(0, -1).entries()) {
    if (one === null || one.opened !== null || one.failure !== null) continue;
    await one.open(reader, limitOf(one));
    if ((await one.sha256()) !== members.members[number]!.need!.sha256) one.failure = changedMeanwhile();
  }
  const whole = isWhole(members) ? null : await newestWhole(members, choice, given);
  return { choice, members, suitcases: chosen, needed: neededOf(members, whole) };
}

function neededOf({ night, members }: Members, whole: string | null): Needed {
  return {
    depositId: printable(night.id),
    suitcases: members.map(({ depositId, suitcase, damage, need }) => ({
      depositId: printable(depositId),
      bytes: need?.bytes ?? suitcase?.bytes ?? null,
      sha256: need?.sha256 ?? null,
      state:
        damage !== null || (suitcase as ChosenSuitcase | null)?.failure != null
          ? 'damaged'
          : suitcase === null
            ? 'missing'
            : 'given',
    })),
    isUnknown: night.needs === null,
    whole: whole === null ? null : printable(whole),
  };
}

function wrong(message: string): DepotError {
  return new DepotError('verification-failed', message);
}
