/** A value read from text, or what is wrong with the text (to be put after the place where it stands). */
export type Parsed<T> = { value: T } | { wrong: string };
