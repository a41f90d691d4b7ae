/** What doctor found, one finding for each thing that was looked at, and what a push would exit with. */
import type { Arrangement, Config } from '../config/types.js';
import type { Logins } from '../push/logins.js';
import { isDepotError } from '../errors.js';
import type { Advice } from '../sftp/probe-file.js';
import { type ErrorCode, exitStatus } from '../texts/exits.js';
import { printable } from '../printable.js';
import { hintLines } from '../ui/errors.js';
import { counted, labelled } from '../ui/format.js';
import type { Line } from '../ui/wrap.js';

/** One thing that was looked at, and what to do about it. */
export interface Finding {
  name: string;
  result: 'passed' | 'warning' | 'failed' | 'not possible';
  detail: string;
  hint?: string;
}

/** What an examination says after a write test. */
export interface Written {
  /** Settings that fit the server better, each with what was seen. */
  advice: Advice[];
  /** Those of `remote:`. */
  propose: Record<string, string | number>;
  /** Names that may still be there. */
  left: string[];
  /** Test files that the agent took. */
  collected: string[];
}

export interface Examination extends Partial<Written> {
  arrangement: string;
  ok: boolean;
  /** What a push would exit with, as far as can be seen. */
  exit: number;
  /** Why it may end otherwise; not there where nothing speaks for that. */
  doubt?: string;
  checks: Finding[];
}

export interface Patient {
  config: Config;
  arrangement: Arrangement;
  logins: Logins;
  /** Two small files may be written to the server. */
  writeTest: boolean;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  prompt: ((question: string) => Promise<string>) | undefined;
}

export class Report {
  readonly checks: Finding[] = [];
  #exit = 0;
  #doubt: string | undefined;
  #written: Partial<Written> = {};

  /** Nothing that is certain: the first counts. */
  doubt(why: string): void {
    this.#doubt ??= why;
  }

  written(test: Written): void {
    this.#written = test;
  }

  passed(name: string, detail: string): void {
    this.checks.push({ name, result: 'passed', detail: printable(detail) });
  }

  warning(name: string, detail: string, hint?: string): void {
    const finding: Finding = { name, result: 'warning', detail: printable(detail) };
    this.checks.push(hint === undefined ? finding : { ...finding, hint: printable(hint) });
  }

  add(finding: Finding): void {
    this.checks.push(finding);
  }

  notPossible(name: string, detail: string): void {
    this.checks.push({ name, result: 'not possible', detail: printable(detail) });
  }

  failed(name: string, code: ErrorCode, detail: string, hint?: string): void {
    if (this.#exit === 0) this.#exit = exitStatus[code];
    this.checks.push({ name, result: 'failed', detail: printable(detail), ...(hint === undefined ? {} : { hint }) });
  }

  /** A DepotError is a finding; anything else is a defect and goes up, as does a signal. */
  async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDepotError(error) || ['interrupted', 'terminated', 'hung-up', 'internal'].includes(error.code))
        throw error;
      this.failed(name, error.code, error.message.replaceAll('\n', '; '), error.hint);
    }
  }

  /** A secret that was looked at already is why `name` could not be: told once, there, with what to do about it. */
  forWantOf(secret: Finding, name: string, code: ErrorCode): void {
    if (this.#exit === 0) this.#exit = exitStatus[code];
    secret.result = 'failed';
    this.notPossible(name, `skipped: the ${secret.name} is not available`);
  }

  end(arrangement: string): Examination {
    return {
      arrangement,
      ok: this.#exit === 0,
      exit: this.#exit,
      ...(this.#doubt !== undefined && { doubt: this.#doubt }),
      checks: this.checks,
      ...this.#written,
    };
  }
}

const marks = {
  passed: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  'not possible': ['·', 'dim'],
} as const;

/** In plain words; scripts get the word of the finding. */
const words = { warning: 'warning: ', failed: 'failed: ', 'not possible': 'not tested: ' } as const;

/** An examination as people read it. */
export function examinationLines(e: Examination, paint: Paint): Line[] {
  return [
    ...checkLines(e.arrangement, e.checks, paint),
    ...adviceLines(e.arrangement, e.advice ?? []),
    ...(e.left === undefined
      ? []
      : [
          e.left.length === 0
            ? labelled('left', 'nothing there')
            : labelled('left there', e.left.map((name) => printable(name)).join(', ')),
        ]),
    labelled('push', outlook(e)),
  ];
}

/** The same where much else is on the screen: what somebody must see to, and how much there is besides. */
export function briefLines(e: Examination, paint: Paint): Line[] {
  const checks = e.checks.filter(({ result }) => result === 'failed' || result === 'warning');
  const passed = e.checks.filter(({ result }) => result === 'passed').length;
  return [
    ...(checks.length === 0 ? [paint('bold', e.arrangement)] : checkLines(e.arrangement, checks, paint)),
    `${paint('green', '✓')} ${counted(passed, 'check')} passed`,
    labelled('push', outlook(e)),
  ];
}

type Paint = (style: 'green' | 'yellow' | 'red' | 'dim' | 'bold', text: string) => string;

export function checkLines(title: string, checks: readonly Finding[], paint: Paint): Line[] {
  const width = Math.max(...checks.map((c) => c.name.length));
  return [
    paint('bold', title),
    ...checks.flatMap(({ name, result, detail, hint }) => {
      const [mark, style] = marks[result];
      const word = result === 'passed' ? '' : paint(style, words[result]);
      const hang = width + 4;
      return [
        { text: `${paint(style, mark)} ${name.padEnd(width)}  ${word}${detail}`, hang },
        ...hintLines(hint).map((one) => ({ text: `${' '.repeat(hang)}${one}`, hang })),
      ];
    }),
  ];
}

/** As it would stand in depot.yaml as `init` writes it. Never broken: the rest of a comment would be no comment. */
function adviceLines(arrangement: string, advice: readonly Advice[]): Line[] {
  if (advice.length === 0) return [];
  const of = (what: Advice['of'], indent: string): string[] =>
    advice.filter((one) => one.of === what).map(({ set, because }) => `${indent}${set}  # ${because}`);
  const remote = of('remote', '      ');
  return [
    'propose in depot.yaml, under arrangements:',
    `  ${arrangement}:`,
    ...of('arrangement', '    '),
    ...(remote.length === 0 ? [] : ['    remote:', ...remote]),
  ];
}

/** In one sentence or two: would it work, and what does that leave open? */
function outlook(e: Examination): string {
  if (e.exit !== 0) return `would exit with ${e.exit}`;
  if (e.doubt !== undefined) return e.doubt;
  const written = e.propose !== undefined || e.checks.some((c) => c.name === 'writing' && c.result === 'passed');
  const open = [
    ...(written ? [] : ['writing to the server']),
    ...e.checks.filter((c) => c.result === 'not possible' && /^(?:source |spool$)/.test(c.name)).map((c) => c.name),
  ];
  if (open.length === 0) return 'A push should work.';
  const list = open.length === 1 ? open[0]! : `${open.slice(0, -1).join(', ')} and ${open.at(-1)!}`;
  return `A push should work. ${list[0]!.toUpperCase()}${list.slice(1)} ${open.length === 1 ? 'was' : 'were'} not tested.`;
}
