import { describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import type { Handling } from './handling.js';
import { hold, type Row } from './row.js';
import { groups } from './table.js';

export const rows = new Map<string, Row>(groups.flatMap((group) => group.rows.map((row) => [row.name, row] as const)));

/** Tests that each row fails against a program without the handling that it is named beside. */
export function foundOutWithout(handlings: readonly Handling[]): void {
  describe('the row fails without this handling:', () => {
    test.each(handlings)('$what', { timeout: 180_000 }, async ({ file, of, without, row: name }) => {
      const row = rows.get(name)!;
      if (row.skip === true) return;
      const program = await alteredDepot({ [file]: (source) => source.replace(of, () => without) });
      await expect(hold(row, program)).rejects.toThrow();
    });
  });
}
