import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { schemaNames } from '../../src/commands/schema.js';
import { checkout, depotInside, json } from '../support/cli.js';

const files = readdirSync(join(checkout, 'schemas')).filter((name) => name.endsWith('.json'));

test('schema knows every file in schemas/, and prints it as it is', async () => {
  expect(schemaNames.map((name) => `${name}.schema.json`).sort()).toEqual(files.sort());
  for (const name of schemaNames) {
    const text = readFileSync(join(checkout, 'schemas', `${name}.schema.json`), 'utf8');
    const { code, stdout } = await depotInside(['schema', name]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: text });
    expect(json(await depotInside(['schema', name, '--json']))).toEqual({
      ok: true,
      schema: JSON.parse(text) as object,
    });
  }
});

test('a schema that there is not is refused, with the one that was probably meant', async () => {
  const { code, stderr } = await depotInside(['schema', 'receipt']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/hint: .*receipt-/);
});
