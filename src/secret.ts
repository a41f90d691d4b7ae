/**
 * A password or passphrase that cannot end up in a message by accident: print it, put it into a template, JSON or
 * `util.inspect`, and `[secret]` shows. Only `reveal()` gives the value, so a search for that word finds every place where
 * one leaves its wrapper. A structured clone (a message to a thread) carries nothing: reveal it on purpose.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.toPrimitive](): string {
    return shown;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return shown;
  }
}

const shown = '[secret]';
