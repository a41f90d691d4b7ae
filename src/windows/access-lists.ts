/** Asks Windows for security descriptors, and for the account that this is. */
import { run } from '../child.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { isWine, powershell, systemProgram } from './programs.js';
import { type Descriptor, parseSddl } from './sddl.js';
import { unchecked } from './unchecked.js';

/** What is known of a path: its descriptor, or why there is none to be had. */
export type Seen = Descriptor | { unknown: string };

export interface AccessLists {
  /** Of each path; null where this Windows has nothing to ask, which was said by then. */
  of(paths: readonly string[]): Promise<ReadonlyMap<string, Seen> | null>;
  /** The SID of this account, or its name where Windows does not say. */
  self(): Promise<string>;
}

/**
 * PowerShell, because icacls shows no owner, and both icacls and `dir /q` speak the language of the machine. Paths come in a
 * variable: they are no part of the script, and the console's code page does not garble them.
 */
const script = [
  "$ErrorActionPreference='Stop'",
  '$n=0',
  "foreach($p in ($env:DEPOT_PATHS -split '[|]')){$r='!';try{$r=(Get-Acl -LiteralPath $p).Sddl}catch{$r='!'+$_.CategoryInfo.Category};'#'+[string]$n+' '+$r;$n=$n+1}",
  "'#end'",
].join(';');

/** PowerShell would ask for another path: Windows takes these away, and Node does not. */
const trailing = /[^\\/][. ](?:[\\/]|$)/;

const ambiguous = { unknown: 'a name on the way to it ends with a dot or a space, which some programs drop' };

/** Without what stands before very long paths; Node's mkdir answers with it for any. */
export function plain(path: string): string {
  return path.replace(/^\\\\\?\\(?:UNC\\)?/, (prefix) => (prefix.endsWith('UNC\\') ? '\\\\' : ''));
}

/** A variable holds 32,767 characters. */
const mostCharacters = 30_000;
const timeoutMs = 120_000;

/**
 * Asks each path once in a run: where no other account can exchange a part of a way now, none can later. So the answers hold,
 * and what depot is going to need can be asked for together, in one call of a third of a second.
 */
export class WindowsAccessLists implements AccessLists {
  readonly #env: NodeJS.ProcessEnv;
  readonly #seen = new Map<string, Promise<Seen | null>>();
  #self: Promise<string> | undefined;
  #told = false;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.#env = env;
  }

  async of(paths: readonly string[]): Promise<ReadonlyMap<string, Seen> | null> {
    this.#ask(paths.filter((path) => !this.#seen.has(path) && !trailing.test(path)));
    // Taken before anything is waited for: another question may forget an answer meanwhile.
    const answers = paths.map((path) => ({ path, answer: this.#seen.get(path) ?? ambiguous }));
    const found = new Map<string, Seen>();
    for (const { path, answer } of answers) {
      const seen = await answer;
      if (seen === null) return null;
      found.set(path, seen);
      // It may be there, or open to this account, the next time.
      if ('unknown' in seen && this.#seen.get(path) === answer) this.#seen.delete(path);
    }
    return found;
  }

  self(): Promise<string> {
    return (this.#self ??= ownAccount(this.#env));
  }

  #ask(paths: readonly string[]): void {
    for (let from = 0; from < paths.length; ) {
      let length = 0;
      let to = from;
      while (to < paths.length && (to === from || length + paths[to]!.length < mostCharacters))
        length += paths[to++]!.length + 1;
      const batch = paths.slice(from, to);
      const answer = this.#answer(batch);
      // Who waits for it hears of a failure; nobody may be waiting yet.
      answer.catch(() => undefined);
      for (const [i, path] of batch.entries()) {
        const seen = answer.then((all) => all?.[i] ?? null);
        seen.catch(() => undefined);
        this.#seen.set(path, seen);
      }
      from = to;
    }
  }

  async #answer(paths: readonly string[]): Promise<Seen[] | null> {
    const { argv, env } = powershell(script, this.#env);
    let output: string;
    try {
      const ended = await run(argv, {
        code: 'internal',
        env,
        setEnv: { DEPOT_PATHS: paths.map(plain).join('|') },
        stdout: 'keep',
        maxBytes: 16 * 2 ** 20,
        timeoutMs,
      });
      output = ended.output.toString('latin1');
    } catch (error) {
      // Where it is not, it never was. Whatever else keeps it from starting, or makes it fail, may be somebody's doing.
      const cause = error instanceof DepotError ? error.cause : undefined;
      if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ENOENT') throw notAnswered(error);
      return this.#none(`there is no ${printable(argv[0]!)}`);
    }
    if (output.trim() === '' && isWine(this.#env)) return this.#none("Wine's PowerShell does nothing");
    return read(output, paths.length);
  }

  #none(why: string): null {
    if (!this.#told)
      unchecked.tell(
        `depot did not check who else may change the configuration, read secrets or write to the state directory: ${why}`,
      );
    this.#told = true;
    return null;
  }
}

function notAnswered(error: unknown): DepotError {
  return new DepotError(
    'config-insecure',
    `could not find out who may read and change depot's files: ${error instanceof DepotError ? error.message : codeOrSaid(error)}`,
    {
      hint: 'check whether PowerShell works for this account: «powershell -NoProfile -Command Get-Acl .»',
      cause: error,
    },
  );
}

function read(output: string, count: number): Seen[] {
  // Where a console breaks long lines, what follows belongs to the line before.
  const answers = output.replace(/\r?\n(?!#)/g, '').split(/\r?\n/);
  const found = new Map<number, string>();
  for (const line of answers) {
    const [, index, text] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (index !== undefined) found.set(Number(index), text!);
  }
  if (!answers.includes('#end') || found.size !== count)
    throw notAnswered(new Error('Get-Acl did not answer for every path'));
  return Array.from({ length: count }, (_, i) => {
    const text = found.get(i) ?? '';
    if (text.startsWith('!')) return { unknown: `Windows does not show its access list (${printable(text.slice(1))})` };
    return parseSddl(text) ?? { unknown: `depot does not understand its access list: ${printable(text)}` };
  });
}

/** `"acme\svc","S-1-5-21-…"`, whatever the language; where whoami knows no flags, `acme\svc`. */
async function ownAccount(env: NodeJS.ProcessEnv): Promise<string> {
  const { output } = await run([systemProgram('whoami', env), '/user', '/fo', 'csv', '/nh'], {
    code: 'internal',
    env,
    stdout: 'keep',
    timeoutMs,
  }).catch((error: unknown) => {
    throw notAnswered(error);
  });
  const text = output.toString('utf8').trim();
  const [, sid] = /,"(S-1-[0-9-]+)"$/.exec(text) ?? [];
  if (sid !== undefined) return sid;
  if (/^[^\s",]+\\[^",]+$/.test(text)) return text;
  throw notAnswered(new Error('whoami does not say which account this is'));
}

const ofThisMachine = new WindowsAccessLists();

/** Those of this Windows; null elsewhere, where owners and modes say it all. */
export function accessLists(platform: NodeJS.Platform = process.platform): AccessLists | null {
  return platform === 'win32' ? ofThisMachine : null;
}
