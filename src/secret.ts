/**
 * A password or passphrase that cannot end up in a message by accident: printing it, putting it into
 * a template, JSON or `util.inspect` shows `[secret]`. Only `reveal()` gives the value, so a search
 * for that word finds every place where one leaves its wrapper.
 *
 * A structured clone (a message to a worker thread) carries nothing: reveal it there on purpose.
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
