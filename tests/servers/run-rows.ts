import { beforeAll, describe, expect, test } from 'vitest';
import { asRoot, peers } from '../support/peers.js';
import { exits, expected } from './expected.js';
import { programs, type Running } from './programs.js';
import { rows } from './rows.js';
import { hold } from './scene.js';

/** All rows at one server, one after the other. */
export function runRows(id: string): void {
  const program = programs[id];
  const wanted = expected[id];
  const missing = peers(...program.needs, 'python3') === undefined || (program.needsRoot === true && !asRoot());
  describe.skipIf(missing)(program.name, () => {
    let running: Running;
    beforeAll(async () => {
      running = await program.start(rows.map((row) => row.id));
    });

    test('is the version of which docs/servers.md tells', async () => {
      const version = await program.version();
      // Elsewhere than in continuous integration it may be another.
      if (process.env['DEPOT_TEST_PEERS'] === 'required') expect(version).toBe(wanted.version);
      else expect(version).not.toBe('');
    });

    for (const row of rows) {
      test(row.title, async () => {
        const outcome = await hold(running, row, wanted.mayStay);
        expect(exits(row, wanted), outcome.story).toContain(outcome.exit);
        if (row.only !== undefined) {
          const proposed = outcome.doctor!.advice.some(({ set }) => set === 'publish: direct');
          // A test cannot tell where what is shown is not what is there.
          if (wanted.shows === undefined) expect(proposed, outcome.story).toBe(outcome.exit !== 0);
          return;
        }
        if (outcome.exit !== 0)
          expect(['unconfirmed', 'sidecars-pending', 'remote-refused', 'remote-no-directory'], outcome.story).toContain(
            outcome.code,
          );
        if (row.tested === true) {
          const { exit, advice, checks, seconds } = outcome.doctor!;
          expect(exit, JSON.stringify(checks, null, 1)).toBe(0);
          expect(advice.map(({ set }) => set).sort()).toEqual([...wanted.advice].sort());
          // It took 70 s when it read back one piece after the other.
          if (row.line?.delayMs !== undefined) expect(seconds).toBeLessThan(30);
          // After a loss they come back one after the other, as long as there is something left to send.
          if (row.remote?.['lanes'] === 4 && row.fault === undefined)
            expect(outcome.lanes, outcome.story).toBe(wanted.lanes);
          else
            expect(Number(outcome.lanes), outcome.story).toBeLessThanOrEqual(
              row.remote?.['lanes'] === 4 ? wanted.lanes : 8,
            );
        }
        if (row.fault !== undefined && row.arrangement === undefined)
          expect(outcome.again, outcome.story).toBe(!wanted.goesOn);
      });
    }
  });
}
