import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newDepositId, partialName, suitcaseName } from '../../src/names/deposit.js';
import { isPending, readPending, removePending, writePending, type PendingRecord } from '../../src/state/pending.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { acknowledged, draftOf } from './samples.js';
import { privateFile } from '../support/platform.js';

const baseOf = (at = '2026-11-22T00:30:00Z') => {
  const depositId = newDepositId('acme-crm', new Date(at));
  return {
    schema: 'depot.pending/1' as const,
    depositId,
    arrangement: 'acme-crm',
    partialName: partialName(depositId),
    finalName: suitcaseName(depositId, 'zstd'),
    createdAt: at,
    server: { account: 'acme@10.20.0.5:22', directory: '/incoming' },
    publish: 'rename' as const,
  };
};
const intent = (at?: string): PendingRecord => ({ ...baseOf(at), stage: 'intent' });
const open = async () => ArrangementState.open(tempDir(), 'acme-crm');

describe('pending records', () => {
  test('go through their stages in one file, which only the owner can read, and are removed at the end', async () => {
    const state = await open();
    const base = baseOf();
    const draft = draftOf(base.depositId);
    const transfer = { ...acknowledged, remoteName: base.finalName };
    const stages: PendingRecord[] = [
      { ...base, stage: 'intent' },
      {
        ...base,
        stage: 'intent',
        draft,
        spool: { name: `${base.depositId}.spool`, bytes: 10, sha256: 'ab'.repeat(32) },
      },
      { ...base, stage: 'closing', draft },
      { ...base, stage: 'published', draft, transfer, completedAt: '2026-11-22T00:36:13Z' },
      {
        ...base,
        stage: 'unconfirmed',
        draft,
        transfer: { ...transfer, status: 'unconfirmed' },
        completedAt: '2026-11-22T00:36:13Z',
      },
      { ...base, stage: 'sidecars', remainingSidecars: [`${base.depositId}.receipt.json`] },
    ];
    for (const record of stages) {
      await writePending(state, record);
      expect(await readPending(state)).toEqual({ records: [record], unreadable: [] });
      expect(await readdir(state.file('pending'))).toEqual([`${base.depositId}.json`]);
    }
    expect((await stat(state.file(join('pending', `${base.depositId}.json`)))).mode & 0o777).toBe(privateFile);
    expect(await isPending(state, base.depositId)).toBe(true);
    await removePending(state, base.depositId);
    await removePending(state, base.depositId);
    expect(await isPending(state, base.depositId)).toBe(false);
    expect(await readPending(state)).toEqual({ records: [], unreadable: [] });
  });

  test('are listed oldest first', async () => {
    const state = await open();
    const [late, early] = [intent('2026-11-23T00:30:00Z'), intent('2026-11-22T00:30:00Z')];
    await writePending(state, late);
    await writePending(state, early);
    expect((await readPending(state)).records).toEqual([early, late]);
  });

  test('that are torn, garbage or of another deposit are reported, kept, and do not block the others', async () => {
    const state = await open();
    const good = intent();
    await writePending(state, good);
    const text = JSON.stringify(intent('2026-11-24T00:30:00Z'));
    const bad: Record<string, string | Buffer> = {
      'empty.json': '',
      'torn.json': text.slice(0, 100),
      'zeros.json': Buffer.alloc(4096),
      'null.json': 'null',
      'copy.json': text,
      'other.json': JSON.stringify({ ...good, arrangement: 'other' }),
      'stage.json': JSON.stringify({ ...good, stage: 'closing' }),
      'huge.json': Buffer.alloc(3 << 20),
    };
    for (const [name, contents] of Object.entries(bad)) await writeFile(state.file(join('pending', name)), contents);
    await mkdir(state.file('pending/folder.json'));
    await writeFile(state.file('pending/.x.json.123456789abc.tmp'), 'half');
    const { records, unreadable } = await readPending(state);
    expect(records).toEqual([good]);
    expect(unreadable.map((u) => u.path).sort()).toEqual(
      [...Object.keys(bad), 'folder.json'].sort().map((name) => state.file(join('pending', name))),
    );
    for (const { reason } of unreadable) expect(reason).not.toBe('');
    expect(await readdir(state.file('pending'))).toHaveLength(Object.keys(bad).length + 3);
  });

  test('that name remote files of another deposit, or anything else, are reported and not acted upon', async () => {
    const state = await open();
    const [base, other] = [baseOf(), baseOf('2026-11-23T00:30:00Z')];
    const pending = (changes: object): string => JSON.stringify({ ...base, stage: 'intent', ...changes });
    const file = state.file(join('pending', `${base.depositId}.json`));
    for (const good of [{}, { partialName: `.${base.depositId}.0123abcd.partial` }]) {
      await writeFile(file, pending(good));
      expect((await readPending(state)).unreadable, JSON.stringify(good)).toEqual([]);
    }
    const bad: object[] = [
      { partialName: other.partialName },
      { partialName: '../../x' },
      { partialName: 'x' },
      { partialName: `.${base.depositId}.partial/../x` },
      { partialName: `.${base.depositId}.0123abcd./x.partial` },
      { finalName: other.finalName },
      { finalName: `${base.depositId}.receipt.json` },
      { finalName: `/${base.finalName}` },
      { stage: 'closing', draft: draftOf(other.depositId) },
      { stage: 'sidecars', remainingSidecars: [`${other.depositId}.receipt.json`] },
    ];
    for (const changes of bad) {
      await writeFile(file, pending(changes));
      expect(await readPending(state), JSON.stringify(changes)).toEqual({
        records: [],
        unreadable: [{ path: file, reason: expect.stringMatching(/Name|draft|remainingSidecars/) as string }],
      });
    }
  });

  test('are an empty list for an arrangement without state', async () => {
    expect(await readPending(new ArrangementState(tempDir(), 'none'))).toEqual({ records: [], unreadable: [] });
  });

  test('cannot name a file outside their directory', async () => {
    await expect(writePending(await open(), { ...intent(), depositId: '../../x' })).rejects.toThrow(TypeError);
  });
});
