/** What a cover says, and its blocks of shell lines: checking and opening in English, then the same in Dutch. */
import { coverBytes } from '../../src/receipt/cover.js';
import type { Receipt } from '../../src/receipt/schema.js';

export const textOf = (receipt: Receipt): string => new TextDecoder().decode(coverBytes(receipt));

export const blocks = (text: string): string[] => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
