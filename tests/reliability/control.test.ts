/** The checks that every row makes can fail; the laws are those of docs/architecture.md. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot, passThrough } from '../support/altered.js';
import { rows } from './removed.js';
import { hold } from './row.js';
import { isPartial, nth, Scene, writes } from './scene.js';

const suitcase = (scene: Scene): string => [...scene.server.files.keys()].find((name) => name.endsWith('.pgp'))!;

describe('control: the checks of every row catch', () => {
  test('a suitcase that is not whole (law 3)', async () => {
    const scene = await Scene.create({});
    await scene.push();
    scene.server.files.set(suitcase(scene), scene.server.files.get(suitcase(scene))!.subarray(1));
    await expect(scene.checkLaws()).rejects.toThrow('law 3');
  });

  test('a suitcase that the state directory does not know (law 8)', async () => {
    const scene = await Scene.create({});
    await scene.push();
    for (const name of readdirSync(scene.state)) if (name.includes('.receipt.json')) rmSync(scene.stateFile(name));
    await expect(scene.checkLaws()).rejects.toThrow('law 8');
  });

  test('a failure that does not say what to do next (law 9)', { timeout: 120_000 }, async () => {
    const silent = await alteredDepot({
      'errors.ts': (source) => source.replace('this.hint = details.hint;', 'this.hint = undefined;'),
    });
    const row = rows.get('the agent is not reachable')!;
    await expect(hold({ ...row, says: /not reachable/ }, silent)).rejects.toThrow('a failure says what to do next');
  });

  test('a receipt without its suitcase at the agent', async () => {
    const scene = await Scene.create({});
    await scene.push();
    scene.server.files.delete(suitcase(scene));
    await expect(scene.checkLaws()).rejects.toThrow('a receipt without a suitcase');
  });

  test('a broken ledger', async () => {
    const scene = await Scene.create({});
    await scene.push();
    writeFileSync(scene.stateFile('ledger.ndjson'), '');
    await expect(scene.checkLaws()).rejects.toThrow();
  });
});

describe('control: a program that does not encrypt is caught (law 1)', () => {
  let unsealed: string;
  beforeAll(async () => {
    unsealed = await alteredDepot({ 'pgp/writer.ts': () => passThrough });
  });

  test.each<[string, (scene: Scene) => void]>([
    ['without a fault', () => undefined],
    ['when the link drops', (scene) => scene.script(nth(20, writes, { then: 'drop' }))],
    [
      'when it is killed',
      (scene) =>
        scene.script(
          nth(40, writes, () => {
            scene.kill();
            return undefined;
          }),
        ),
    ],
    [
      'when it is interrupted',
      (scene) =>
        scene.script(
          nth(40, writes, () => {
            scene.kill('SIGINT');
            return undefined;
          }),
        ),
    ],
    [
      'when it begins again under a new id',
      (scene) =>
        scene.script(
          nth(20, writes, () => {
            scene.server.files.delete([...scene.server.files.keys()].find(isPartial)!);
            scene.server.drop();
            return undefined;
          }),
        ),
    ],
  ])('%s', async (_, arrange) => {
    const scene = await Scene.create({});
    arrange(scene);
    await scene.push({ options: { script: unsealed } });
    await expect(scene.checkLaws()).rejects.toThrow('law 1');
  });
});
