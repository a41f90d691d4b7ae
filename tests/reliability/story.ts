/** What the receipts tell of the deposit that a row began with. */
import type { Scene } from './scene.js';

/** What the receipt of a deposit says, and how many receipts it superseded. */
function story(
  scene: Scene,
  depositId: string,
): { status: string; remoteSize: string; durability: string; superseded: number } {
  const receipt = scene.receipts().find((r) => r.depositId === depositId);
  if (receipt === undefined) throw new Error(`no receipt of ${depositId}`);
  const superseded = scene.supplier
    .stateFiles()
    .filter((name) => name.startsWith(depositId) && /\.receipt\.\d+\.json$/.test(name)).length;
  const { status, remoteSize, durability } = receipt.transfer;
  return { status, remoteSize, durability, superseded };
}

export function expectStory(
  scene: Scene,
  depositId: string | undefined,
  expected: Partial<ReturnType<typeof story>>,
): void {
  const found = story(scene, depositId!);
  for (const [key, value] of Object.entries(expected)) {
    if (found[key as keyof typeof found] !== value)
      throw new Error(`${key} is ${String(found[key as keyof typeof found])} instead of ${String(value)}`);
  }
}

/** The id of the only deposit that was begun. */
function firstId(scene: Scene): string {
  return [...scene.files().keys(), ...scene.supplier.stateFiles('pending')]
    .map((name) => /acme-crm_\d{8}T\d{6}Z_[0-9a-f]{16}/.exec(name)?.[0])
    .find((found) => found !== undefined)!;
}

/** The id that `remember` found. */
export let id = '';
export function remember(scene: Scene): void {
  id = firstId(scene);
}
