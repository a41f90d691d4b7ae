/** Names a row for each piece of fault handling: without that piece, the row fails. */

export interface Handling {
  what: string;
  file: string;
  /** Text that occurs exactly once in the source … */
  of: string;
  /** … and what takes its place. */
  without: string;
  /** A row of docs/reliability.md. */
  row: string;
}

export const handlings: Handling[] = [
  {
    what: 'the intent record is written before the remote create',
    file: 'push/deposit.ts',
    of: "await writePending(state, intent);\n  step('intent-written');",
    without: "step('intent-written');",
    row: 'killed during the upload',
  },
  {
    what: 'disk space for the receipt is reserved',
    file: 'push/stages.ts',
    of: 'await reserveSpace(state, JSON.stringify(draft).length)',
    without: '{ release: async () => undefined }',
    row: 'the disk fills after the draft',
  },
  {
    what: 'a lost partial file leads to a new id',
    file: 'push/deposit.ts',
    of: 'if (!(error instanceof PartialLost) || ',
    without: 'if (true || ',
    row: 'the partial is gone after the reconnect',
  },
  {
    what: 'a failed push cleans up',
    file: 'push/deposit.ts',
    of: "if (context.run.published === 'no') await giveUp(",
    without: 'if (false) await giveUp(',
    row: 'a source fails half way',
  },
  {
    what: 'partial files of an earlier run are removed',
    file: 'push/settle.ts',
    of: 'const removal = await agent.remote.removePartial(name);',
    without: "const removal = 'refused' as 'removed' | 'absent' | 'refused';",
    row: 'killed during the upload',
  },
  {
    what: 'a deposit that arrived is recognized',
    file: 'push/settle.ts',
    of: 'if (final.size === bytes) return',
    without: 'if (false) return',
    row: 'killed between rename and answer',
  },
  {
    what: 'a truncated partial file is not published',
    file: 'push/settle.ts',
    of: "if (seen && partial.size !== bytes) return 'void';",
    without: '',
    row: 'killed before the rename, and the server lost a part',
  },
  {
    what: 'pending records of another server are kept',
    file: 'push/settle.ts',
    of: 'if (!samePlace(record.server, agent.place)) {',
    without: 'if (false) {',
    row: 'the config names another server since the crash',
  },
  {
    what: 'the recipients are checked again',
    file: 'push/spooled.ts',
    of: 'today.join() === sealedFor.join() ? null',
    without: 'true ? null',
    row: 'spool: the beneficiary has another key since',
  },
  {
    what: 'a damaged spool file is discarded',
    file: 'push/spooled.ts',
    of: 'if (error instanceof SpoolFault) await discardSpooled(',
    without: 'if (error instanceof SpoolFault) throw error; else if (false) await discardSpooled(',
    row: 'spool: the spooled file is damaged',
  },
  {
    what: 'free disk space is checked before spooling',
    file: 'push/space.ts',
    of: 'if (needed === null || needed <= free) return;',
    without: 'return;',
    row: 'spool: there is less room than the last deposit took',
  },
  {
    what: 'a deposit from the future does not count',
    file: 'push/push.ts',
    of: 'if (ageMs === null || ageMs >= maxAgeMs) return null;',
    without: 'if (ageMs !== null && ageMs >= maxAgeMs) return null;',
    row: 'the clock is set back between two pushes',
  },
  {
    what: "an old spool is not tonight's deposit",
    file: 'push/push.ts',
    of: 'return ageMs >= 0 && ageMs < (every ?? dayMs) / 2;',
    without: 'return true;',
    row: 'spool: the spooled suitcase is too old to count for this run',
  },
  {
    what: 'temporary files are removed',
    file: 'push/push.ts',
    of: 'await state.clearTemporary();',
    without: '',
    row: 'a crash left temporary files',
  },
  {
    what: 'only one push runs at a time',
    file: 'push/push.ts',
    of: 'await lockArrangement(state.directory, { telling: true })',
    without: '{ lost: new AbortController().signal, release: async () => undefined }',
    row: 'another push is running',
  },
  {
    what: 'a receipt does not end before it began',
    file: 'push/outcome.ts',
    of: '[timestamp(new Date()), start].sort().at(-1)!',
    without: 'timestamp(new Date())',
    row: 'the clock is set back during a push',
  },
  {
    what: 'an unconfirmed deposit is reported as such',
    file: 'push/outcome.ts',
    of: 'if (unconfirmed) {',
    without: 'if (false) {',
    row: 'the answer to the rename is lost, and nothing shows',
  },
  {
    what: "a draft is signed by today's signer",
    file: 'push/receipt-draft.ts',
    of: '{ ...draft, supplier: { ...draft.supplier, signerFingerprint: signer.fingerprint } }',
    without: 'draft',
    row: 'the signing key was replaced since the crash',
  },
  {
    what: 'acknowledged bytes are checked after a reconnect',
    file: 'sftp/upload.ts',
    of: 'return size < acknowledged ? `',
    without: 'return false ? `',
    row: 'the partial is shorter after the reconnect',
  },
  {
    what: 'a lost answer to the create is settled',
    file: 'sftp/upload.ts',
    of: 'if (!(error instanceof ConnectionLost)) throw error;\n      // Perhaps it was created',
    without: 'throw error;\n      // Perhaps it was created',
    row: 'the answer to the create is lost',
  },
  {
    what: 'the size is compared before the close',
    file: 'sftp/stat.ts',
    of: 'if (size !== null && size !== bytes) {',
    without: 'if (false) {',
    row: 'the size is wrong before the close',
  },
  {
    what: 'a failed fsync is a failure',
    file: 'sftp/stat.ts',
    of: 'if (flushed !== null && isStatus(flushed, Status.FAILURE)) throw',
    without: 'if (false) throw',
    row: 'flushing fails',
  },
  {
    what: 'a failed write is repeated once',
    file: 'sftp/stripes.ts',
    of: 'piece.refusals > 1',
    without: 'piece.refusals > 0',
    row: 'a write fails once',
  },
  {
    what: 'the target is checked before the rename',
    file: 'sftp/suitcase.ts',
    of: 'if (isSeen(target)) throw exists(this.finalPath);',
    without: '',
    row: 'the name is taken on a server that overwrites',
  },
  {
    what: 'a lost answer to the rename does not count as success',
    file: 'sftp/suitcase.ts',
    of: "return this.#unconfirmed('the answer to the rename was lost');",
    without: "return 'published';",
    row: 'the answer to the rename is lost, and nothing shows',
  },
  {
    what: 'the published size is checked',
    file: 'sftp/suitcase.ts',
    of: 'if (isSeen(found) && found.size !== bytes) {',
    without: 'if (false) {',
    row: 'the published file has another size',
  },
  {
    what: 'a signal before the rename publishes nothing',
    file: 'sftp/suitcase.ts',
    of: 'this.remote.hooks.signal.throwIfAborted();',
    without: '',
    row: 'SIGINT between close and rename',
  },
  {
    what: 'the partial file of a started sidecar is removed',
    file: 'sftp/sidecar.ts',
    of: 'if (before !== null) await orRefusal(channel.remove(remote.path(before)));',
    without: '',
    row: 'killed while a sidecar is written',
  },
  {
    what: 'sidecars that were not published are removed',
    file: 'push/sidecars.ts',
    of: 'await Promise.all([...begun.values()].map((sidecar) => sidecar.discard()));',
    without: '',
    row: 'SIGHUP between two sidecars',
  },
  {
    what: 'the partial file of a sidecar is removed after `publish` changed',
    file: 'sftp/sidecar.ts',
    of: "if (this.leftover !== 'none') await this.remote.removePartial(",
    without: 'if (false) await this.remote.removePartial(',
    row: 'killed while a sidecar is written, and publish is direct since',
  },
  {
    what: 'the host key is checked again',
    file: 'sftp/session.ts',
    of: 'if (isTrusted(trust, key)) return true;',
    without: 'return true;',
    row: 'another server answers after the reconnect',
  },
];
