import { CommanderError, type Command } from 'commander';
import { delayed, orAborted } from '../abort.js';
import type { DepotError } from '../errors.js';
import { ownName } from '../other-names.js';
import { version } from '../version.js';
import { CommandLine } from './command-line.js';
import type { Context, Ending, Start } from './context.js';
import { defineCompletion } from './completion.js';
import { defineConfig } from './config.js';
import { defineDecrypt } from './decrypt.js';
import { defineDemo } from './demo.js';
import { defineDoctor } from './doctor.js';
import { usage } from './flags.js';
import { defineHelp, pathOf, unknownIn } from './help.js';
import { pathBelow } from './help/page.js';
import { globalOptions } from './help/topics.js';
import { defineInit } from './init.js';
import { trialWord } from './init/options.js';
import { defineKey } from './key.js';
import { defineKit } from './kit.js';
import { defineLogin, defineLogout } from './login.js';
import { defineOpener } from './opener.js';
import { definePush } from './push.js';
import { defineReceipts } from './receipts.js';
import { defineReport } from './report.js';
import { defineRuns } from './runs.js';
import { defineSchedule } from './schedule.js';
import { defineSchema } from './schema.js';
import { defineStatus } from './status.js';
import { defineTrust } from './trust.js';
import { defineVerify } from './verify.js';
import { unchecked } from '../windows/unchecked.js';

/** By who uses them, in the order of `depot --help`. */
const commands = {
  'For the supplier:': [
    defineInit,
    defineDoctor,
    defineConfig,
    definePush,
    defineStatus,
    defineRuns,
    defineSchedule,
    defineTrust,
    defineLogin,
    defineLogout,
    defineKey,
    defineKit,
  ],
  'For the beneficiary (the agent does not need depot, only an SFTP server):': [
    defineVerify,
    defineDecrypt,
    defineOpener,
  ],
  'For the auditor, and the supplier:': [defineReceipts, defineReport],
  'For everyone:': [defineDemo, defineHelp, defineSchema, defineCompletion],
};

/**
 * The command line. Every command hands its typed options to `start`; what a command needs for its work is imported
 * when it works, so that `--help` and a usage error cost no key, no SSH and no compression library.
 */
export function buildProgram(start: Start): CommandLine {
  const program = new CommandLine('depot', start)
    .description('Deposits data with an escrow agent, so that only its beneficiary can open it.')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const [flags, text] of globalOptions) {
    if (flags.includes('--help')) program.helpOption(flags, text);
    else if (flags.includes('--version')) program.version(version, flags, text);
    else program.option(flags, text);
  }
  for (const [heading, defined] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const define of defined) define(program);
  }
  return program;
}

/** Parses and works; returns the exit status. Usage errors come out as DepotErrors. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  if (argv[0] === trialWord) return (await import('./init/try-source.js')).answerTrial(context);
  unchecked.tell = (message, weight) => context.screen.warn(message, weight);
  let status = 0;
  const program = buildProgram(async (options, work, ending = 'soon') => {
    status = await endedBy(context.signal, ending, work(options, context));
  });
  const said = { out: '', err: '' };
  forAll(program, (command) =>
    command.configureOutput({
      writeOut: (text) => {
        said.out += text;
      },
      // Commander says its errors here and throws them too; only the help of a group that was called bare is wanted.
      writeErr: (text) => {
        said.err += text;
      },
      outputError: () => undefined,
    }),
  );
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const unknown = unknownCommand(program);
    if (unknown !== null) throw unknown;
    // Help that was asked for, or the version. The exit status that Commander gives `depot help` is that of the process so far.
    if (said.out !== '') {
      context.screen.print(said.out);
      return 0;
    }
    if (error.code === 'commander.help' && !context.screen.json) {
      context.screen.stderr.write(said.err);
      return 2;
    }
    throw usageError(error, program);
  }
  return status;
}

const soonMs = 3_000;

/** The work's answer, or the reason of a signal that it does not heed: it may wait for a pipe, or for a share that gives nothing. */
async function endedBy(signal: AbortSignal, ending: Ending, work: Promise<number>): Promise<number> {
  if (ending === 'in order') return work;
  const late = delayed(signal, ending === 'soon' ? soonMs : 0);
  try {
    return await orAborted(work, late.signal);
  } finally {
    late.stop();
  }
}

/** Commander answers `depot psh --help` and `depot help psh` with the help of depot, as if nothing were wrong. */
function unknownCommand(program: Command): DepotError | null {
  let group = program;
  let [name, ...rest] = group.args;
  for (;;) {
    if (name === 'help') [name, ...rest] = rest;
    if (name === undefined || name.startsWith('-') || group.commands.length === 0) return null;
    const wanted = name;
    const next = group.commands.find((command) => command.name() === wanted);
    if (next === undefined) return unknownIn(group, wanted);
    group = next;
    [name, ...rest] = group.args.length > 0 ? group.args : rest;
  }
}

function forAll(command: Command, act: (command: Command) => void): void {
  act(command);
  for (const child of command.commands) forAll(child, act);
}

/** Commander's `error: unknown command 'psuh'\n(Did you mean push?)` in our style. */
function usageError(error: CommanderError, program: Command): DepotError {
  if (error.code === 'commander.help') return usage('no command given', 'see the commands: depot --help');
  const command = calledIn(program);
  const look = `see its options: depot help ${pathBelow(command)}`;
  if (error.code === 'commander.excessArguments') {
    const surplus = command.args.slice(command.registeredArguments.length);
    return usage(
      `${pathOf(command)} takes no ${command.registeredArguments.length === 0 ? '' : 'more '}arguments: ${surplus.map((word) => JSON.stringify(word)).join(', ')}`,
      look,
    );
  }
  const [what = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const own = error.code === 'commander.unknownOption' ? ownFlag(what, command) : undefined;
  if (own !== undefined) return usage(what.replaceAll("'", '"'), `write ${own}`);
  const meant = suggestion && /^\((Did you mean .*)\)$/.exec(suggestion)?.[1];
  return usage(what.replaceAll("'", '"'), meant ? `check the spelling: ${meant.replace(/^D/, 'd')}` : look);
}

/** What the command calls an option that has another name elsewhere: `unknown option '--bwlimit'`. */
function ownFlag(message: string, command: Command): string | undefined {
  const name = /'--([^=']+)/.exec(message)?.[1] ?? '';
  const own = ownName(
    name,
    command.options.map((option) => option.attributeName()),
  );
  const flag = command.options.find((option) => option.attributeName() === own?.key)?.long;
  return flag && `${flag} ${own?.value ?? ''}`.trimEnd();
}

/** The command that the words on the line lead to. */
function calledIn(command: Command): Command {
  const next = command.commands.find((one) => one.name() === command.args[0]);
  return next === undefined ? command : calledIn(next);
}
