/** Pushes with `spool: true`. */
import type { Scene } from './scene.js';

export const bytes = 12_000_000;
export const spooling = { arrangement: { spool: true } } as const;
export const spooled = { supplier: spooling, bytes } as const;
export const killedOnTheWay = { exit: 'killed', published: '–', left: 'partial' } as const;

/** Killed when the first offset is confirmed, and that is on disk. */
export const atCheckpoint = { push: { at: 'checkpoint-written' } } as const;

export function spoolRemoved(scene: Scene): void {
  if (scene.supplier.stateFiles('spool').length > 0) throw new Error('the spool was not removed');
}
