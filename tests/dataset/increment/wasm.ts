/** `npm run wasm`: compiles src/dataset/increment/cut.wat into cut.ts beside it; wasm.test.ts looks whether that was done. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import wabt from 'wabt';

const beside = (name: string): URL => new URL(`../../../src/dataset/increment/${name}`, import.meta.url);

/** The text of cut.ts. */
export async function compiled(): Promise<string> {
  const module = (await wabt()).parseWat('cut.wat', readFileSync(beside('cut.wat'), 'utf8'));
  const { buffer } = module.toBinary({});
  module.destroy();
  return `/** cut.wat, compiled: \`npm run wasm\` makes this file. */\nexport const CUT =\n  '${Buffer.from(buffer).toString('base64')}';\n`;
}

export const written = (): string => readFileSync(beside('cut.ts'), 'utf8');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(beside('cut.ts'), await compiled());
