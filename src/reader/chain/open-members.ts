/** Opens suitcases of a chain, one after the other, in one thread, and puts the night together there. */
import type { Assembled } from '../../dataset/assemble/assemble.js';
import type { CountedNight } from '../../dataset/assemble/tally.js';
import { DepotError, errorFromRecord } from '../../errors.js';
import { openSuitcases } from '../../open/chain.js';
import type { Assembling } from '../../open/assemble.js';
import type { NightCheck, Outcome } from '../../open/open-all.js';
import type { OpenMode, OpenOptions, OpenResult } from '../../open/opening.js';
import { printable } from '../../printable.js';
import { wrong } from '../found.js';
import type { Limits } from '../room.js';
import { openSuitcaseFile, type SuitcaseFile } from '../suitcase-file.js';
import type { Member } from './members.js';

interface OpenMembersOptions {
  /** Each with its suitcase. */
  members: readonly { member: Member; mode: OpenMode }[];
  limits: Limits;
  goesOn: boolean;
  night?: NightCheck | null;
  assembling?: Assembling;
  signal: AbortSignal;
}

interface OpenMembersHooks {
  warn(message: string): void;
  progress(p: { bytes: number; totalBytes: number | null }): void;
}

interface OpenedMembers {
  /** In the order in which they were asked for; an error, which names its deposit, is the last one unless it `goesOn`. */
  opened: (OpenResult | DepotError)[];
  /** These two are null where they were not asked for, or a suitcase could not be opened. */
  night: CountedNight | DepotError | null;
  assembled: Assembled | DepotError | null;
}

/** @throws the signal's reason; 'local-unreadable' */
export async function openMembers(o: OpenMembersOptions, hooks: OpenMembersHooks): Promise<OpenedMembers> {
  const files: SuitcaseFile[] = [];
  try {
    const suitcases: OpenOptions[] = [];
    for (const { member, mode } of o.members) {
      const { suitcase, need } = member;
      const file = await openSuitcaseFile(suitcase!.path);
      files.push(file);
      const { handle, preamble, consumed } = file;
      const { sessionKey, cipher } = suitcase!.unwrapped!;
      const wantsSha256 = need !== null;
      suitcases.push({ fd: handle.fd, preamble, consumed, sessionKey, cipher, mode, ...o.limits, wantsSha256 });
    }
    const totalBytes = o.members.reduce((sum, { member }) => sum + member.suitcase!.bytes, 0);
    const { opened, night, assembled } = await openSuitcases(
      { suitcases, goesOn: o.goesOn, night: o.night ?? null, assembling: o.assembling ?? null },
      {
        signal: o.signal,
        warn: (message) => hooks.warn(message),
        progress: (bytes) => hooks.progress({ bytes, totalBytes }),
      },
    );
    return {
      opened: opened.map((outcome, i) => asNeeded(resultOf(outcome), o.members[i]!.member)),
      night: night && resultOf(night),
      assembled: assembled && resultOf(assembled),
    };
  } finally {
    for (const { handle } of files) await handle.close();
  }
}

function resultOf<T>(outcome: Outcome<T>): T | DepotError {
  return 'done' in outcome ? outcome.done : errorFromRecord(outcome.error);
}

function asNeeded(result: OpenResult | DepotError, { depositId, suitcase, need }: Member): OpenResult | DepotError {
  if (!(result instanceof DepotError) && need !== null && result.sha256 !== need.sha256)
    return wrong(`${printable(suitcase!.path)} changed while it was read`);
  if (result instanceof DepotError) result.message = `${printable(depositId)}: ${result.message}`;
  return result;
}
