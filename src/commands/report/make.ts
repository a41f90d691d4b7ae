import { keepHeapSmall } from '../../heap.js';
import type { ReceiptsListFlags } from '../receipts/options.js';
import path from 'node:path';
import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { attentionOf } from '../../report/attention.js';
import type { ReportData } from '../../report/data.js';
import { requireReplaceable, writeReport } from '../../report/report-file.js';
import { gatherReport } from '../../report/gather.js';
import { reportPage } from '../../report/page.js';
import { bytes, counted, labelled } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';
import type { Context } from '../context.js';
import { throwIfAborted } from '../deposits.js';
import { ownSigners, signatureCheck } from '../receipts/signers.js';
import { statesFor } from '../receipts/states.js';

export interface ReportFlags extends ReceiptsListFlags {
  out: string;
  language: 'en' | 'nl';
  signers: string[];
}

/** More would push what was written off the screen; the page has them all. */
const mostNamed = 10;

export async function makeReport(o: ReportFlags, context: Context): Promise<number> {
  keepHeapSmall();
  const file = path.resolve(context.cwd, o.out);
  // Before the work, which takes a while with many deposits; and again before the rename.
  await requireReplaceable(file);
  const { directory, config, names } = await statesFor(o, o.names, context);
  if (names.length === 0)
    throw new DepotError(
      'incomplete',
      `nothing to report on: no arrangement in depot.yaml, and none in ${printable(directory)}`,
      { hint: 'check that this is the right state directory: --state DIRECTORY' },
    );
  const check = await signatureCheck(o.signers.length > 0 ? o.signers : ownSigners(config));
  const data = await gatherReport({
    config,
    stateDirectory: directory,
    names,
    from: o.from ?? null,
    to: o.to ?? null,
    checkSignature: check,
    now: new Date(),
    pause: () => {
      throwIfAborted(context.signal);
    },
  });
  const { bytes: size, sha256 } = await writeReport(file, reportPage(data, o.language));
  context.screen.result(
    { ok: true, out: file, bytes: size, sha256, arrangements: data.arrangements.map(summary) },
    lines(data, file, size, sha256),
  );
  return 0;
}

function summary(a: ReportData['arrangements'][number]): object {
  return {
    arrangement: a.name,
    state: a.state,
    lastDeposit:
      a.last === null
        ? null
        : { depositId: a.last.depositId, finishedAt: a.last.at.toISOString().replace(/\.\d+Z$/, 'Z') },
    deposits: a.points.length,
    rows: a.deposits.length,
    gaps: a.gaps.length,
    failedRuns: a.failedRuns.total,
    ledgerProblems: a.audit.problems.length,
    unchecked: a.audit.unchecked.length,
  };
}

function lines(data: ReportData, file: string, size: number, sha256: string): Line[] {
  const deposits = data.arrangements.reduce((sum, { points }) => sum + points.length, 0);
  const bad = data.arrangements.flatMap((a) => {
    const what = attentionOf(a);
    return what === null ? [] : [labelled('attention', `${a.name}: ${what}`)];
  });
  return [
    labelled(
      'report',
      `${printable(file)}, ${bytes(size)}: ${counted(data.arrangements.length, 'arrangement')}, ${counted(deposits, 'deposit')}`,
    ),
    labelled('sha256', sha256),
    ...bad.slice(0, mostNamed),
    ...(bad.length > mostNamed ? [labelled('', `and ${counted(bad.length - mostNamed, 'more', 'more')}`)] : []),
  ];
}
