import { type DepotError, type ErrorCode, isDepotError } from '../errors.js';

export interface Check {
  name: string;
  result: 'passed' | 'failed' | 'not possible';
  detail: string;
}

export interface Verification {
  ok: boolean;
  result: 'passed' | 'failed' | 'incomplete';
  checks: Check[];
  /** Of what failed first, or 'incomplete'; null when it passed. */
  code: ErrorCode | null;
}

/** Two verifications as one: what failed in the first is said first. */
export function together(first: Verification, second: Verification): Verification {
  const failed = [first, second].find(({ result }) => result === 'failed') ?? [first, second].find(({ ok }) => !ok);
  const { ok, result, code } = failed ?? first;
  return { ok, result, code, checks: [...first.checks, ...second.checks] };
}

/** Collects checks. What was not checked is said, and never counts as passed (law 11 of docs/architecture.md). */
export class Checks {
  readonly #hints: boolean;
  readonly #checks: Check[] = [];
  #incomplete = false;
  #failure: ErrorCode | null = null;

  /** `hints`: details say what to type, too. */
  constructor(hints: boolean) {
    this.#hints = hints;
  }

  passed(name: string, detail: string): void {
    this.#checks.push({ name, result: 'passed', detail });
  }

  failed(name: string, detail: string, code: ErrorCode = 'verification-failed'): void {
    this.#failure ??= code;
    this.#checks.push({ name, result: 'failed', detail });
  }

  /** As `failed`, with what to type. */
  refused(name: string, error: DepotError): void {
    this.failed(name, this.#detail(error), error.code);
  }

  #detail({ message, hint }: DepotError): string {
    return this.#hints && hint !== undefined ? `${message}; ${hint}` : message;
  }

  has(name: string, result: Check['result']): boolean {
    return this.#checks.some((check) => check.name === name && check.result === result);
  }

  /** Nobody asked for it, and it could not be checked; `hint` is what to type so that it can. */
  notPossible(name: string, detail: string, hint?: string): void {
    this.#checks.push({
      name,
      result: 'not possible',
      detail: this.#hints && hint !== undefined ? `${detail} (${hint})` : detail,
    });
  }

  /** It was asked for, and could not be checked: the whole is incomplete. */
  missing(name: string, detail: string, hint?: string): void {
    this.#incomplete = true;
    this.notPossible(name, detail, hint);
  }

  /** `passed` when the two are equal; the detail of a failure shows both. */
  equal(name: string, found: string | number, expected: string | number, what: string): boolean {
    if (found === expected) this.passed(name, what);
    else this.failed(name, `${found}, but the receipt says ${expected}`);
    return found === expected;
  }

  /** Runs a check; a DepotError of those codes is its failure, 'incomplete' means missing, others are thrown on. */
  async attempt<T>(
    name: string,
    work: () => Promise<T>,
    codes: ErrorCode[] = ['verification-failed'],
  ): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!isDepotError(error)) throw error;
      if (error.code === 'incomplete') this.missing(name, this.#detail(error));
      else if (codes.includes(error.code)) this.refused(name, error);
      else throw error;
      return null;
    }
  }

  verdict(): Verification {
    const result = this.#failure !== null ? 'failed' : this.#incomplete ? 'incomplete' : 'passed';
    const code = this.#failure ?? (this.#incomplete ? 'incomplete' : null);
    return { ok: code === null, result, checks: this.#checks, code };
  }
}
