/** The script at the end of docs/beneficiary.md, which comes from src/dataset/restore.sh. */
import { readFileSync } from 'node:fs';

export const beneficiaryPage = new URL('../../docs/beneficiary.md', import.meta.url);
const script = new URL('../../src/dataset/restore.sh', import.meta.url);

/** The page with the script as it is. */
export function withScript(page: string): string {
  return page.replace(/(?<=^```shell\n)[^]*?(?=^```$)/m, () => readFileSync(script, 'utf8'));
}

/** The script as a person takes it from the page. */
export function scriptOn(page: string): string {
  return /^```shell\n([^]*?)^```$/m.exec(page)![1];
}
