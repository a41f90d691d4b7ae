/** `verify` of a chain, and the attestations of it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSecretKey } from '../../src/pgp/keys.js';
import { signDetached } from '../../src/pgp/signature.js';
import { type Attestation, attestationBytes } from '../../src/receipt/attestation.js';
import { depotHere } from '../support/in-process.js';
import { freshPath } from '../support/supplier.js';
import { releasedChain, ssh } from './released.js';

describe.skipIf(!ssh)('a chain of deposits, verified', () => {
  const chain = releasedChain();
  const { deposits, receive, verify } = chain;

  test('verify of a receipt passes only with the key proof of every deposit of its chain', async () => {
    receive();
    const receipt = join(chain.released, `${deposits[2].depositId}.receipt.json`);
    const whole = await verify('--receipt', receipt, '--signer', chain.supplier.signerPublic);
    expect(whole.code, whole.stdout).toBe(0);
    expect(whole.of('chain-key-proof')).toEqual(['passed']);
    rmSync(join(chain.released, `${deposits[0].depositId}.receipt.json`));
    const without = await verify('--receipt', receipt, '--signer', chain.supplier.signerPublic);
    expect(without.code, without.stdout).toBe(24);
    expect(without.of('chain-key-proof')).toEqual(['not possible']);
    expect(without.stdout).toContain(`not of this chain: ${deposits[0].depositId} (`);
    rmSync(join(chain.released, `${deposits[1].depositId}.receipt.json`));
    const neither = await verify('--receipt', receipt, '--signer', chain.supplier.signerPublic);
    expect(neither.stdout).toContain(`not of this chain: ${deposits[1].depositId}, ${deposits[0].depositId} (`);
  });

  test.each(['its receipt', 'the suitcases'])(
    'an attestation of an increment, by %s, names every deposit of its chain, and is refused without a proof of each',
    async (how) => {
      receive();
      const out = freshPath('proof.json');
      const newest = join(chain.released, `${deposits[2].depositId}.receipt.json`);
      const attested = await verify(
        ...[...(how === 'the suitcases' ? [chain.released] : []), '--receipt', newest],
        ...['--signer', chain.supplier.signerPublic, '--attest', out],
      );
      expect(attested.code, attested.stdout).toBe(0);
      const attestation = JSON.parse(readFileSync(out, 'utf8')) as Attestation;
      expect(attestation.schema).toBe('depot.attestation/2');
      expect(attestation.chain?.map(({ depositId, suitcaseSha256 }) => [depositId, suitcaseSha256])).toEqual(
        deposits.slice(0, 2).map(({ depositId, receipt }) => [depositId, receipt.suitcase.sha256]),
      );
      const [full, first] = attestation.chain!;
      const key = await readSecretKey(readFileSync(chain.supplier.recipientKey));
      for (const [i, claimed] of [
        [first],
        [full],
        [full, { ...first, opening: full.opening }],
        [first, full],
      ].entries()) {
        const forged = freshPath(`forged-${i}.json`);
        const bytes = attestationBytes({ ...attestation, chain: claimed });
        writeFileSync(forged, bytes);
        writeFileSync(`${forged}.asc`, await signDetached(bytes, key));
        const refused = await chain.supplier.depot(['receipts', 'import-attestation', forged]);
        expect(refused.code, refused.stderr).toBe(21);
      }
      // Two of one second would be one that comes again.
      if (how === 'its receipt') return;
      const imported = await chain.supplier.depot(['receipts', 'import-attestation', out]);
      expect(imported.code, imported.stderr).toBe(0);
    },
  );

  test('verify of a directory checks every suitcase, and says what it did not put together', async () => {
    receive();
    const shallow = await verify(chain.released, '--signer', chain.supplier.signerPublic);
    expect(shallow.code, shallow.stdout).toBe(0);
    const deep = await verify(chain.released, '--signer', chain.supplier.signerPublic, '--deep');
    expect(deep.code, deep.stdout).toBe(24);
    expect([deep.of('chain'), deep.of('chain-contents'), deep.of('dataset')]).toEqual([
      ['passed'],
      ['passed'],
      ['not possible'],
    ]);
    rmSync(join(chain.released, deposits[1].suitcase));
    const missing = await verify(chain.released, '--signer', chain.supplier.signerPublic);
    expect(missing.code, missing.stdout).toBe(24);
    expect(missing.of('chain')).toEqual(['not possible']);
  });

  test('verify of an increment alone passes with all receipts, and says that others are needed', async () => {
    receive();
    const receipt = join(chain.released, `${deposits[2].depositId}.receipt.json`);
    const { code, of, stdout } = await verify(
      ...[join(chain.released, deposits[2].suitcase), '--receipt', receipt, '--signer', chain.supplier.signerPublic],
    );
    expect(code, stdout).toBe(0);
    expect(of('chain-suitcases')).toEqual(['not possible']);
    for (const { depositId } of deposits.slice(0, 2)) expect(stdout).toContain(`${depositId} (`);
    const full = await verify(join(chain.released, deposits[0].suitcase), '--no-signature');
    expect(full.code, full.stdout).toBe(0);
    expect(full.of('chain-suitcases')).toEqual([]);
  });

  test('verify of an incomplete newest night names the newest that is whole', async () => {
    rmSync(join(chain.released, deposits[1].suitcase));
    const { code, stderr } = await depotHere([
      'verify',
      chain.released,
      '--no-signature',
      '--key',
      chain.supplier.recipientKey,
    ]);
    expect(code).toBe(24);
    expect(stderr).toContain(`--at ${deposits[0].depositId}`);
  });
});
