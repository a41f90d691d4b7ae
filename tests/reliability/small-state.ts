/** A state directory on a small file system of its own, which a row can fill or make read-only. */
import { mkdirSync } from 'node:fs';
import { cleanup } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import type { Scene } from './scene.js';

export const mount = peer('mount');
export const noMounts = mount === undefined || !asRoot();

export async function smallState(scene: Scene, size: string): Promise<void> {
  mkdirSync(scene.supplier.state, { mode: 0o700 });
  await mustRun(mount!, ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'depot-test', scene.supplier.state]);
  cleanup(() => mustRun('umount', ['-l', scene.supplier.state]));
}
