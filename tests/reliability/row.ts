import { describe, expect, test } from 'vitest';
import { type PushOptions, type Pushed, Scene, type SceneOptions } from './scene.js';

/** One row of the table in docs/reliability.md, and the test that holds it. */
export interface Row extends SceneOptions {
  /** The test's name. */
  name: string;
  fault: string;
  provoked: string;
  /** Done before the push that meets the fault. */
  arrange?: (scene: Scene) => unknown;
  push?: PushOptions;
  /** Done in place of a plain push. */
  act?: (scene: Scene) => Promise<Pushed>;
  exit: number | 'killed';
  /** `–` for a process that was killed, and for a push that skipped. */
  published: 'no' | 'yes' | 'unknown' | '–';
  code?: string;
  /** What the run prints about it. */
  says?: RegExp;
  /** As `Scene.atAgent` names it. */
  left: string;
  then?: (scene: Scene, pushed: Pushed) => unknown;
  /** Done when the server behaves again, before the next push. */
  relieve?: (scene: Scene) => unknown;
  next: {
    /** For the table. */
    does: string;
    push?: PushOptions;
    exit?: number;
    says?: RegExp;
    left: string;
    /** Deposits that stay pending. */
    pending?: number;
  };
  check?: (scene: Scene, first: Pushed, next: Pushed) => unknown;
  /** True where something that the test needs is missing. */
  skip?: boolean;
}

export function runRows(group: string, rows: readonly Row[]): void {
  describe(group, () => {
    for (const row of rows) test.skipIf(row.skip === true)(row.name, { timeout: 120_000 }, () => hold(row));
  });
}

/** `program` is another build of depot, with which a control expects the row to fail. */
export async function hold(row: Row, program?: string): Promise<void> {
  const scene = await Scene.create(row);
  scene.program = program;
  await row.arrange?.(scene);
  const first = await (row.act?.(scene) ?? scene.push(row.push));
  const story = `${row.name}: ${JSON.stringify(first, null, 1)}`;
  expect(first.exit, story).toBe(row.exit);
  if (row.exit !== 'killed' && !first.skipped) expect(first.published ?? '–', story).toBe(row.published);
  if (row.code !== undefined) expect(first.code, story).toBe(row.code);
  if (row.says !== undefined) expect(`${first.stderr}\n${first.message}\n${first.hint ?? ''}`, story).toMatch(row.says);
  expect(scene.atAgent(), story).toBe(row.left);
  if (first.exit !== 'killed' && first.exit !== 0 && first.exit < 128)
    expect(first.hint ?? '', `law 9 of docs/architecture.md: a failure says what to do next; ${story}`).toMatch(
      /^[a-z]/,
    );
  await row.then?.(scene, first);
  await scene.checkLaws();

  await scene.calm();
  await row.relieve?.(scene);
  const next = await scene.push({ inside: true, ...row.next.push });
  const sequel = `${story}\nnext: ${JSON.stringify(next, null, 1)}`;
  expect(next.exit, sequel).toBe(row.next.exit ?? 0);
  if (row.next.says !== undefined) expect(`${next.stderr}\n${next.message}`, sequel).toMatch(row.next.says);
  expect(scene.atAgent(), sequel).toBe(row.next.left);
  expect(await scene.pending(), sequel).toHaveLength(row.next.pending ?? 0);
  await row.check?.(scene, first, next);
  await scene.checkLaws();
}
