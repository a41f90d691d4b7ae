import type { CommandLine } from './command-line.js';
import { packageFile } from '../installation.js';
import type { Context } from './context.js';
import { globals, isOneOf, type Flags } from './flags.js';

/** The files in schemas/; those of receipts and attestations by the version of their format. */
export const schemaNames = [
  'depot',
  'depot.include',
  'receipt-1',
  'receipt-2',
  'attestation-1',
  'attestation-2',
  'run-1',
  'runs-1',
  'event-1',
] as const;
type SchemaName = (typeof schemaNames)[number];

export function schemaOptions(name: string, flags: Flags) {
  return { ...globals(flags), name: isOneOf(name, schemaNames, 'the schema') };
}
type SchemaFlags = ReturnType<typeof schemaOptions>;

export function defineSchema(parent: CommandLine): void {
  parent
    .command('schema')
    .argument('<name>', schemaNames.join(', '))
    .summary('print a JSON Schema')
    .description(
      'Prints a JSON Schema: for depot.yaml and the files that it includes, for your editor; for receipts, attestations, runs and events, for programs that read them.',
    )
    .ends([], 'depot schema depot > depot.schema.json # for an editor that completes depot.yaml')
    .runs(schemaOptions, print);
}

async function print({ name }: SchemaFlags, { screen }: Context): Promise<number> {
  const text = schemaText(name);
  screen.result({ ok: true, schema: JSON.parse(text) as unknown }, [text.trimEnd()]);
  return Promise.resolve(0);
}

export function schemaText(name: SchemaName): string {
  return packageFile(`schemas/${name}.schema.json`).toString();
}
