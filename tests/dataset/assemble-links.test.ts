/** What a chain with many hard links costs: as many looks as links, and no listing of their directory for each. */
import type * as fs from 'node:fs';
import { opendirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { crm, restore } from './assembling.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, opendirSync: vi.fn(real.opendirSync) };
});

test('links that stay as they were are not looked for in listings of their directory', () => {
  const links = Array.from({ length: 500 }, (_, n) => `data/crm/link-${String(n).padStart(3, '0')}`);
  const { out } = restore(
    [
      crm,
      { path: 'data/crm/a', body: 'a' },
      ...links.map((path) => ({ path, type: 'hardlink' as const, link: 'data/crm/a' })),
    ],
    [{ steps: [crm, { path: 'data/crm/z', body: 'z' }] }],
  );
  expect(readdirSync(join(out, 'data/crm'))).toHaveLength(links.length + 2);
  expect(vi.mocked(opendirSync).mock.calls.length).toBeLessThan(10);
});
