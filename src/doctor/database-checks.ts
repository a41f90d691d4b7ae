/** A database source, looked at for real: connects, compares versions, says how large it is. */
import { checkTables, databases, seenWords } from '../databases/databases.js';
import { surroundingsOf } from '../push/databases.js';
import type { DatabaseSource } from '../source.js';
import { bytes } from '../ui/format.js';
import type { Patient, Report } from './findings.js';

/** A person waits for doctor. */
const timeLimitMs = 15_000;

/** Throws what a push would end with. */
export async function lookAtDatabase(
  name: string,
  source: DatabaseSource,
  o: Pick<Patient, 'config' | 'arrangement' | 'env' | 'signal'>,
  report: Pick<Report, 'passed' | 'warning' | 'notPossible'>,
): Promise<void> {
  const { title, look } = databases[source.kind];
  const around = await surroundingsOf(source, o, timeLimitMs);
  const seen = await look(source, around);
  if (seen === null) {
    report.notPossible(
      name,
      `there is no program to ask ${title} with (psql, mariadb, mysql); to test it: «depot push ${o.arrangement.name} --dry-run»`,
    );
    return;
  }
  checkTables(source, seen, around);
  report.passed(name, `${seenWords(seen)}${seen.bytes === null ? '' : `; ${bytes(seen.bytes)} in the database`}`);
  for (const warning of seen.warnings) report.warning(name, warning);
}
