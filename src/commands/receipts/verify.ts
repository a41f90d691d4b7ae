import { keepHeapSmall } from '../../heap.js';
import type { ReceiptsVerifyFlags } from './options.js';
import { stat } from 'node:fs/promises';
import { DepotError } from '../../errors.js';
import { exitStatus } from '../../texts/exits.js';
import { printable } from '../../printable.js';
import { verifyLedger, type LedgerAudit } from '../../state/audit.js';
import { compareWithHeld } from '../../state/held.js';
import { counted } from '../../ui/format.js';
import type { Context } from '../context.js';
import { ownSigners, signatureCheck } from './signers.js';
import { statesFor, type States } from './states.js';

const ledgerBroken = 32;

export async function verifyReceipts(o: ReceiptsVerifyFlags, context: Context): Promise<number> {
  keepHeapSmall();
  if (o.against !== undefined) await requireDirectory(o.against);
  const states = await statesFor(o, o.names, context);
  const check = await signatureCheck(o.signers.length > 0 ? o.signers : ownSigners(states.config));
  const audits: { arrangement: string; audit: LedgerAudit; held: LedgerAudit | null }[] = [];
  for (const arrangement of states.names) {
    const state = states.of(arrangement);
    context.screen.eventsOf(arrangement)?.phase('verifying');
    audits.push({
      arrangement,
      audit: await verifyLedger(state, check),
      held: o.against === undefined ? null : await compareWithHeld(state, o.against, check),
    });
  }
  const whole = audits.every(
    ({ audit, held }) => audit.problems.length === 0 && (held === null || held.problems.length === 0),
  );
  const readable = audits.every(
    ({ audit, held }) => audit.unreadable.length === 0 && (held === null || held.unreadable.length === 0),
  );
  const nothing = audits.every(({ audit }) => audit.lines === 0 && audit.receipts === 0);
  // Asked for, and not possible: that is no agreement.
  const notHeld = o.against !== undefined && audits.every(({ held }) => held === null || held.receipts === 0);
  const unsigned = check === undefined;
  const checked = readable && !nothing && !notHeld && !unsigned;
  const document = {
    ok: whole && checked,
    result: !whole ? 'failed' : checked ? 'passed' : 'incomplete',
    state: states.directory,
    arrangements: audits.map(({ arrangement, audit, held }) => ({
      arrangement,
      ...audit,
      ...(held === null ? {} : { against: held }),
    })),
  };
  const lines = audits.flatMap(({ arrangement, audit, held }) => auditLines(arrangement, audit, held, unsigned));
  if (whole && nothing) lines.push(nothingIn(states));
  else if (whole && notHeld)
    lines.push(`– nothing was compared: no receipt of these arrangements in ${printable(o.against ?? '')}`);
  if (whole && checked) context.screen.result(document, lines);
  else context.screen.failure(document, lines);
  if (whole && nothing)
    context.screen.hint(
      'check that this is the right state directory: «depot status» shows it; for another one, add --state DIRECTORY',
    );
  if (whole && !nothing && unsigned) context.screen.hint('name the public key of the supplier: --signer FILE');
  const badlySigned = audits.some(({ audit, held }) =>
    [...audit.problems, ...(held?.problems ?? [])].some(({ kind }) => kind === 'signature'),
  );
  if (badlySigned)
    context.screen.hint(
      o.signers.length > 0
        ? 'give every key that signed, each with --signer FILE'
        : 'if the signing key was replaced, add the earlier public key to supplier.formerSigningKeys in depot.yaml, or give it with --signer FILE',
    );
  return !whole ? ledgerBroken : checked ? 0 : exitStatus.incomplete;
}

/** A directory in which nothing is found may be the wrong one: it is not whole, it is not checked. */
function nothingIn({ directory, exists }: States): string {
  return `– nothing was checked: ${exists ? 'no ledger and no receipt in' : 'there is no directory'} ${printable(directory)}`;
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DepotError(
      'local-unreadable',
      `--against ${printable(path)}: ${missing ? 'there is no such directory' : printable((cause as Error).message)}`,
      { hint: 'give the directory that has the receipts that others hold', cause },
    );
  });
  if (!found.isDirectory())
    throw new DepotError('local-unreadable', `--against ${printable(path)} is not a directory`, {
      hint: 'give the directory that has the receipts that others hold',
    });
}

function auditLines(arrangement: string, audit: LedgerAudit, held: LedgerAudit | null, unsigned: boolean): string[] {
  const problems = [...audit.problems, ...(held?.problems ?? [])];
  const unreadable = [...audit.unreadable, ...(held?.unreadable ?? [])];
  const closed = new Set(unreadable.map(({ message }) => message));
  const head =
    problems.length > 0
      ? `✗ ${arrangement}: broken; ${counted(problems.length, 'problem')}`
      : unreadable.length > 0
        ? `– ${arrangement}: not everything could be checked; ${counted(unreadable.length, 'receipt')} could not be read`
        : audit.lines === 0 && audit.receipts === 0
          ? `– ${arrangement}: no deposit yet`
          : `${unsigned ? '–' : '✓'} ${arrangement}: intact${unsigned ? ', but no signature was checked' : ''}; ${counted(audit.lines, 'ledger line')}, ${counted(audit.receipts, 'receipt')}${held === null ? '' : `; matches ${counted(held.receipts, 'receipt')} held elsewhere`}`;
  return [
    head,
    ...problems.map((p) => `    ${p.kind}: ${printable(p.message)}`),
    ...unreadable.flatMap(({ message, hint }) => [
      `    unreadable: ${printable(message)}`,
      ...(hint === null ? [] : [`      ${printable(hint)}`]),
    ]),
    ...[...audit.warnings, ...(held?.warnings ?? [])].map((warning) => `    warning: ${printable(warning)}`),
    ...[...new Set([...audit.unchecked, ...(held?.unchecked ?? [])])]
      .filter((what) => !closed.has(what))
      .map((what) => `  – not checked: ${printable(what)}`),
  ];
}
