/** `decrypt --salvage`, and what it needs a receipt for: suitcases of a chain are missing or damaged. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { depotHere } from '../support/in-process.js';
import { freshPath } from '../support/supplier.js';
import { releasedChain, ssh } from './released.js';

describe.skipIf(!ssh)('a chain of deposits that is not whole', () => {
  const chain = releasedChain();
  const { nights, deposits, damage, receive, decrypt, isNight } = chain;

  const entriesOf = (night: number): number =>
    (deposits[night].receipt as { chain?: { entries: number } }).chain!.entries;

  test.each([0, 1, 2])('--salvage takes what can be read when the suitcase of night %i is missing', async (night) => {
    rmSync(join(chain.released, deposits[night].suitcase));
    receive();
    const { out, code, said } = await decrypt([chain.released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({
      ok: false,
      out: `${out}.incomplete`,
      salvaged: {
        missing: [deposits[night].depositId],
        of: deposits[night === 2 ? 1 : 2].depositId,
        wanted: deposits[2].depositId,
        entriesOfNight: entriesOf(night === 2 ? 1 : 2),
        whole: deposits.slice(0, night).map(({ depositId }) => depositId),
      },
    });
    const { incomplete, withMissingBytes, maybeOutdated } = said.salvaged!;
    expect(withMissingBytes + maybeOutdated).toBe(incomplete);
    expect(existsSync(out)).toBe(false);
    if (night === 2) await isNight(`${out}.incomplete`, 1);
    else {
      expect(readFileSync(`${out}.incomplete/data/data/folder/file`, 'utf8')).toBe('of the third night');
      const { size } = statSync(join(nights[2], 'dump.sql'));
      expect(statSync(`${out}.incomplete/data/dump.sql.incomplete`).size).toBe(size);
      const gaps = readFileSync(`${out}.incomplete/DEPOT/gaps.txt`, 'utf8');
      expect(gaps).toContain(`# This night has ${entriesOf(2)} entries, says its receipt.`);
      expect(gaps).toContain(`# Known here: ${said.entries}; ${said.entries! - incomplete} whole, `);
      expect(gaps).toContain(deposits[night].depositId);
    }
  });

  test('--salvage uses nothing of a damaged suitcase, also where only its end shows it', async () => {
    damage(deposits[2].suitcase, 1);
    const { out, code, said } = await decrypt([chain.released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({ salvaged: { of: deposits[1].depositId, missing: [deposits[2].depositId] } });
    await isNight(`${out}.incomplete`, 1);
  });

  test.each(['with', 'without'])(
    '%s receipts, --salvage of a damaged increment after a lone full deposit gives the night of that, and says so',
    async (how) => {
      if (how === 'with') receive();
      for (const { suitcase, depositId } of deposits.slice(2))
        for (const name of [suitcase, `${depositId}.receipt.json`]) rmSync(join(chain.released, name), { force: true });
      damage(deposits[1].suitcase, 40);
      const { out, code, said } = await decrypt([chain.released], '--salvage', '--signer', chain.supplier.signerPublic);
      expect(code, JSON.stringify(said)).toBe(21);
      expect(said).toMatchObject({
        ok: false,
        depositId: deposits[0].depositId,
        number: 0,
        origin: how === 'with' ? 'proven' : 'not proven',
        salvaged: {
          of: deposits[0].depositId,
          wanted: deposits[1].depositId,
          incomplete: 0,
          missing: [deposits[1].depositId],
          whole: [deposits[0].depositId],
        },
      });
      await isNight(`${out}.incomplete`, 0);
      const { stdout } = await depotHere([
        ...['decrypt', chain.released, '--key', chain.supplier.recipientKey, '--out', freshPath(), '--salvage'],
      ]);
      expect(stdout).toMatch(new RegExp(`^wanted +${deposits[1].depositId}, which cannot be opened`, 'm'));
      expect(stdout).toMatch(new RegExp(`^night +${deposits[0].depositId}: a full deposit`, 'm'));
      expect(stdout).not.toMatch(/^not used/m);
    },
  );

  test('--salvage without a sound full deposit gives what the increments hold, and a list of the rest', async () => {
    damage(deposits[0].suitcase, 1);
    const { out, code, said } = await decrypt([chain.released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({
      salvaged: { of: deposits[2].depositId, missing: [deposits[0].depositId], whole: [] },
    });
    const data = `${out}.incomplete/data`;
    expect(readFileSync(join(data, 'data/folder/file'), 'utf8')).toBe('of the third night');
    expect(existsSync(join(data, 'dump.sql'))).toBe(false);
    const [dump, was] = [join(data, 'dump.sql.incomplete'), join(nights[2], 'dump.sql')].map((file) =>
      readFileSync(file),
    );
    const gaps = readFileSync(`${out}.incomplete/DEPOT/gaps.txt`, 'utf8').matchAll(
      /^data\/dump\.sql (\d+) (\d+) (.*)$/gm,
    );
    let zeros = 0;
    for (const [, offset, length, depositId] of gaps) {
      expect(depositId).toBe(deposits[0].depositId);
      was.fill(0, Number(offset), Number(offset) + Number(length));
      zeros += Number(length);
    }
    expect(zeros).toBeGreaterThan(2_900_000);
    expect(zeros).toBeLessThan(3_000_000);
    expect(dump.equals(was)).toBe(true);
  });

  test('--salvage when no suitcase is sound says so, and leaves nothing', async () => {
    for (const { suitcase } of deposits) damage(suitcase, 1);
    const { out, code, said } = await decrypt([chain.released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said.error?.message).toContain(`nothing of ${deposits[2].depositId} can be saved`);
    expect(readdirSync(join(out, '..')).filter((name) => name.startsWith(basename(out)))).toEqual([]);
  });

  test.each([{ flags: [] }, { flags: ['--salvage'] }])(
    'with --signer, a night needs a receipt: $flags',
    async ({ flags }) => {
      receive();
      rmSync(join(chain.released, `${deposits[2].depositId}.receipt.json`));
      const signer = ['--signer', chain.supplier.signerPublic];
      const { out, code, said } = await decrypt([chain.released], ...signer, ...flags);
      expect(code, JSON.stringify(said)).toBe(24);
      expect(said.error?.message).toContain(`no receipt of ${deposits[2].depositId} is signed by the given signer`);
      expect(said.error?.hint).toContain(`--at ${deposits[1].depositId}`);
      expect(existsSync(out)).toBe(false);
      const proven = await decrypt([chain.released], ...signer, '--at', deposits[1].depositId);
      expect(proven.said).toMatchObject({ origin: 'proven' });
    },
  );

  test('--salvage of what is whole is an ordinary opening', async () => {
    const { out, code } = await decrypt([chain.released], '--salvage');
    expect(code).toBe(0);
    await isNight(out, 2);
  });
});
