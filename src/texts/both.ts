export type Language = 'en' | 'nl';

/** One text, or a page of texts, in the two languages. */
export type Both<T> = Readonly<Record<Language, T>>;
