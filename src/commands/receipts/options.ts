import { date, fingerprint, given, globals, list, text, usage, type Flags } from '../flags.js';
import { periodOf } from '../period.js';
import type { ReceiptsNoteFlags } from './note.js';

export function receiptsListOptions(names: string[], flags: Flags) {
  const { from, to } = periodOf(flags);
  const [chain, receipts] = [text(flags, 'chain'), text(flags, 'receipts')];
  if (chain !== undefined && (names.length > 0 || from !== undefined || to !== undefined))
    throw usage('--chain is for one deposit', 'give only the id: --chain ID');
  if (receipts !== undefined && chain === undefined) throw usage('--receipts needs --chain', 'add --chain ID');
  return { ...globals(flags), names, from, to, chain, receipts };
}
export type ReceiptsListFlags = ReturnType<typeof receiptsListOptions>;

export function receiptsVerifyOptions(names: string[], flags: Flags) {
  return { ...globals(flags), names, against: text(flags, 'against'), signers: list(flags, 'signer') };
}
export type ReceiptsVerifyFlags = ReturnType<typeof receiptsVerifyOptions>;

export function receiptsNoteOptions(id: string, flags: Flags, today = new Date()): ReceiptsNoteFlags {
  const value = text(flags, 'destroyed');
  const dropped = given(flags, 'dropped');
  if (dropped && value !== undefined) throw usage('--dropped and --destroyed contradict each other');
  if (dropped) return { ...globals(flags), id, dropped };
  if (value === undefined)
    throw usage('nothing to note', 'add --destroyed DATE, the date that the agent confirmed; or --dropped');
  const at = date(flags, 'destroyed')!;
  if (!/^\d{4}-\d\d-\d\d$/.test(value))
    throw usage(
      `--destroyed is a date like 2026-11-22, not ${JSON.stringify(value)}`,
      'give only the date, as the agent confirmed it: --destroyed 2026-11-22',
    );
  if (at > today) throw usage(`--destroyed ${value} is in the future`, 'give the day on which the agent destroyed it');
  return { ...globals(flags), id, dropped, destroyed: value };
}

export function receiptsImportOptions(file: string, flags: Flags) {
  const o = {
    ...globals(flags),
    file,
    signature: text(flags, 'signature'),
    signers: list(flags, 'signer'),
    fingerprint: fingerprint(flags, 'fingerprint'),
  };
  if (o.fingerprint !== undefined && o.signers.length === 0)
    throw usage('--fingerprint is for a key given with --signer, and none was given', 'add --signer FILE');
  return o;
}
export type ReceiptsImportFlags = ReturnType<typeof receiptsImportOptions>;
