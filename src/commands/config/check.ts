import { checkConfig } from '../../doctor/config-check.js';
import { checkLines } from '../../doctor/findings.js';
import { printable } from '../../printable.js';
import { Logins } from '../../push/logins.js';
import { counted, labelled } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';
import type { Context, GlobalOptions } from '../context.js';
import { chooseArrangements, configFor } from '../deposits.js';

const someFailed = 4;

export async function checkConfiguration(o: GlobalOptions, context: Context): Promise<number> {
  const { screen, env } = context;
  const config = await configFor(o, context);
  const arrangements = chooseArrangements(config, [], 'all');
  const files = config.files.map((path) => ({
    path,
    arrangements: arrangements.filter(({ file }) => file === path).map(({ name }) => name),
  }));
  for (const warning of config.warnings) screen.warn(warning);
  const found = await checkConfig(config, arrangements, { logins: await Logins.of(config, arrangements), env });
  const exits = new Set([found.supplier, ...found.arrangements].map(({ exit }) => exit).filter((exit) => exit !== 0));
  const [exit = 0] = exits;
  const document = {
    ok: exits.size === 0,
    config: config.path,
    state: config.state.path,
    files,
    warnings: config.warnings,
    ...found,
  };
  const paint: Parameters<typeof checkLines>[2] = (style, text) => screen.paint(style, text);
  const lines: Line[] = [
    ...files.map(({ path, arrangements: names }, i) =>
      labelled(i === 0 ? 'valid' : 'included', `${printable(path)}: ${holds(names)}`),
    ),
    labelled('state', `${printable(config.state.path)} (${config.state.from})`),
    ...[
      { title: 'supplier', checks: found.supplier.checks },
      ...found.arrangements.map(({ arrangement, checks }) => ({ title: arrangement, checks })),
    ].flatMap(({ title, checks }) => ['', ...checkLines(title, checks, paint)]),
  ];
  const code = exits.size > 1 ? someFailed : exit;
  lines.push(
    '',
    labelled(
      'result',
      code === 0
        ? 'valid, and this account can read what it names. Sources, logins and the server: «depot doctor»'
        : `valid, but this account cannot use everything that it names: a push would exit with ${code}`,
    ),
  );
  if (code === 0) {
    screen.result(document, lines);
    return 0;
  }
  screen.failure(document, lines);
  return code;
}

/** Hundreds of names would hide the rest. */
const mostNamed = 5;

function holds(names: readonly string[]): string {
  if (names.length === 0) return 'no arrangements';
  const count = counted(names.length, 'arrangement');
  return names.length > mostNamed ? count : `${count} (${names.join(', ')})`;
}
