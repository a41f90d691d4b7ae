/** Findings and figures as the page says them. */
import type { Verification } from '../reader/checks.js';
import type { OpenerTexts } from '../texts/opener-en.js';

/** What the page says of it all. Without the holder's key it is not shown that anybody can open the deposit, and that is what the page is for. */
export function verdictOf({ result, code, checks }: Verification): keyof OpenerTexts['verdict'] {
  if (result === 'passed' && !checks.some((check) => check.name === 'key-proof' && check.result === 'passed'))
    return 'withoutKey';
  return code === 'not-addressed' && checks.every((check) => check.result !== 'failed' || check.name === 'key-proof')
    ? 'otherKey'
    : result;
}

/** A number of bytes, as people of that language write it. */
export function sizeIn(language: string, octets: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = octets === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(octets) / 10));
  return `${(octets / 1024 ** power).toLocaleString(language, { maximumFractionDigits: power === 0 ? 0 : 1 })} ${units[power]!}`;
}
