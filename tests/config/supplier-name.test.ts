import { expect, test } from 'vitest';
import { changed, load, problems } from './sample.js';
import { receiptProblem } from '../../src/receipt/schema.js';
import { acknowledged, draftOf } from '../state/samples.js';

/** A name that the receipt would refuse must not get as far as an upload. */
test.each<[string, string, string]>([
  ['a soft hyphen', 'Acme\u00ad SaaS', 'formatting'],
  ['a line separator', 'Acme\u2028SaaS', 'control'],
  ['a tag character', 'Acme\u{e0041}', 'formatting'],
  ['a 201st character', 'x'.repeat(201), 'longer than 200'],
])("%s in the supplier's name is refused", async (_, name, said) => {
  expect((await problems(changed({ supplier: { name } }))).map((p) => p.message).join()).toContain(said);
});

test.each(['Acme SaaS B.V.', '株式会社アクメ', 'x'.repeat(200), '👩‍🚒'.replace('\u200d', '')])(
  'the configuration and the receipt both accept the name %s',
  async (name) => {
    expect((await load(changed({ supplier: { name } }))).supplier.name).toBe(name);
    const draft = draftOf('acme-crm_20261122T003000Z_5f0c9a1e77b2d410');
    const receipt = {
      ...draft,
      supplier: { ...draft.supplier, name },
      completedAt: '2026-11-22T00:36:13Z',
      transfer: { ...acknowledged, remoteName: draft.suitcase.name },
      ledger: { id: '0'.repeat(32), sequence: 1, previousReceiptSha256: null },
    };
    expect(receiptProblem(receipt)).toBeNull();
  },
);
