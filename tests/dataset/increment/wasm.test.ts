import { expect, test } from 'vitest';
import { compiled, written } from './wasm.js';

test('cut.ts is what cut.wat compiles to', async () => {
  expect(written()).toBe(await compiled());
});
