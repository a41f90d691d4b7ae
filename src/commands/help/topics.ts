/** What `depot help TOPIC` says: what is the same for all commands. */
import { configCandidates, surroundings } from '../../config/locate.js';
import { stateDirectory, type Surroundings } from '../../config/state.js';
import { isDepotError } from '../../errors.js';
import { docsPage } from '../../installation.js';
import { exits, exitStatuses } from '../../texts/exits.js';
import type { Context } from '../context.js';
import { columns, described, folded, type Row } from './rows.js';

/** What every command takes. */
export const globalOptions = [
  ['--config <file>', 'the configuration file (else $DEPOT_CONFIG, ./depot.yaml, and more: depot help files)'],
  [
    '--state <directory>',
    'where receipts, ledger and run records are (else $DEPOT_STATE_DIR, state: in depot.yaml, and more: depot help files)',
  ],
  ['--json', 'print one JSON document on standard output, for errors too'],
  ['--json-events', 'like --json, but first a line of JSON for each event'],
  ['-q, --quiet', 'print only what somebody must act on (with --json, on standard error)'],
  ['-v, --verbose', 'log what happens on standard error (also $DEPOT_LOG: info, or debug for all of SFTP)'],
  ['--no-color', 'print without colours (also $NO_COLOR)'],
  ['-h, --help', 'show the help of a command'],
  ['-V, --version', 'show the version'],
] as const;

type Surrounding = Pick<Context, 'env' | 'cwd'>;

/** By name, in the order in which they are offered. */
export const topics = {
  'exit-codes': exitCodes,
  environment,
  files,
  options,
} as const satisfies Record<string, (here: Surrounding) => string>;

export type Topic = keyof typeof topics;

export function isTopic(name: string): name is Topic {
  return Object.hasOwn(topics, name);
}

function page(...parts: string[]): string {
  return `${parts.join('\n\n')}\n`;
}

function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.map((row) => described(row, width)).join('\n');
}

function exitCodes(): string {
  const rows = exitStatuses.map((exit): Row => {
    const { en, do: next } = exits[exit];
    return [String(exit).padStart(3), next === 'nothing' ? en : `${en}; ${next.replaceAll('`', '')}`];
  });
  return page(
    folded('The exit codes of depot, and what to do. The message says whether anything was published.', columns),
    table(rows),
    folded(`More about each: ${docsPage('exit-codes.md')}`, columns),
  );
}

function options(): string {
  return page(
    'Every command takes these, before or after its name:',
    table(globalOptions),
    folded(`The fields of the JSON: ${docsPage('exit-codes.md')}`, columns),
  );
}

function environment(): string {
  return page(
    'Variables that depot reads. Flags override them; they override depot.yaml.',
    table([
      ['DEPOT_CONFIG', 'the configuration file, like --config'],
      ['DEPOT_STATE_DIR', 'the state directory, like --state'],
      ['DEPOT_PASSWORD', 'the password for the server'],
      ['DEPOT_PRIVATE_KEY_PASSPHRASE', 'the passphrase of the SSH key'],
      ['DEPOT_SIGNING_KEY_PASSPHRASE', 'the passphrase of the signing key'],
      ['DEPOT_PASSPHRASE', 'the passphrase of the key that verify, decrypt, key or kit uses or makes'],
      ['…_FILE', 'a file with the secret instead: DEPOT_PASSWORD_FILE and so on. Others must not be able to read it'],
      ['DEPOT_LOG', 'info: log what happens, like --verbose; debug: also all of SSH and SFTP'],
      ['DEPOT_DEBUG', '1: also print stack traces, which contain no secrets'],
      ['NO_COLOR', 'if set to anything: no colours'],
      [
        'JOB_COMPLETION_INDEX, JOB_COMPLETIONS',
        'Kubernetes: which part of all arrangements push --all takes, like --shard',
      ],
      ['CI_NODE_INDEX, CI_NODE_TOTAL', 'GitLab: the same'],
      ['CREDENTIALS_DIRECTORY, STATE_DIRECTORY', "systemd: the unit's secrets and state"],
      ['SSH_AUTH_SOCK', 'the ssh-agent to log in with, if depot.yaml asks for it'],
    ]),
    folded('Programs that depot runs (sources, notify) do not see DEPOT_… or CREDENTIALS_DIRECTORY.', columns),
  );
}

/** With the paths of this machine and account. */
function files({ env, cwd }: Surrounding): string {
  const s = surroundings(env, cwd);
  const configs = configCandidates({ ...s, env: { ...env, DEPOT_CONFIG: undefined } }, undefined);
  const [own, system] = [undefined, configs.at(-1)!.path].map((configPath) => defaultState(s, configPath));
  return page(
    table([
      [
        'depot.yaml',
        `--config or $DEPOT_CONFIG, else the first that exists:\n${configs.map(({ path }) => path).join('\n')}`,
      ],
      [
        'state',
        `--state, $DEPOT_STATE_DIR, state: in depot.yaml, else\n${system!}, if depot.yaml is ${configs.at(-1)!.path}\n${own!}`,
      ],
      ['known_hosts', 'beside depot.yaml: the host keys that depot trust pins'],
      ['secrets/', 'beside depot.yaml: what depot login stores in files'],
      ['documents', docsPage('')],
    ]),
    folded(
      'Paths in depot.yaml are relative to it. For each arrangement, the state directory holds the receipts and their signatures (ID.receipt.json, .asc), the covers, the ledger (ledger.ndjson) and what each run did (runs.ndjson).',
      columns,
    ),
  );
}

function defaultState(s: Surroundings, configPath: string | undefined): string {
  const env = { ...s.env, DEPOT_STATE_DIR: undefined };
  try {
    return stateDirectory({ ...s, env }, { configPath }).path;
  } catch (error) {
    return isDepotError(error) ? 'nowhere: this account has no home directory' : String(error);
  }
}
