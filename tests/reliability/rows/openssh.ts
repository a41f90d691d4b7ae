/** The faults that a real sshd can be made to have. */
import { chmodSync } from 'node:fs';
import { asRoot, peers } from '../../support/peers.js';
import { eventually } from '../../support/process.js';
import type { Row } from '../row.js';
import type { Pushed, PushOptions, Scene } from '../scene.js';

const ready = peers('sshd', 'ssh-keygen') !== undefined;
const root = ready && asRoot();
const again = { does: 'deposits', left: '2 × deposit' } as const;
const skip = !ready;

/** Does something to the server while the first block is on its way: the push waits for the marker to vanish. */
async function during(scene: Scene, act: () => Promise<void> | void, more: PushOptions = {}): Promise<Pushed> {
  const pushing = scene.push({
    at: 'first-block-sent:4',
    do: 'touch waiting; while [ -e waiting ]; do sleep 0.05; done',
    ...more,
  });
  const { existsSync, rmSync } = await import('node:fs');
  const marker = `${scene.supplier.directory}/waiting`;
  await eventually(() => existsSync(marker));
  await act();
  rmSync(marker);
  return pushing;
}
const bytes = 20_000_000;

export const rows: Row[] = [
  {
    name: 'sshd: the sessions die',
    fault: 'sshd: the session process dies',
    provoked: 'killed on the way',
    skip,
    sshd: {},
    bytes,
    act: (scene) => during(scene, () => scene.sshd!.dropSessions()),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: the server is killed and comes back',
    fault: 'sshd: the server is killed and started again',
    provoked: 'kill -9, started',
    skip,
    sshd: {},
    bytes,
    act: (scene) => during(scene, () => scene.sshd!.kill(), { whenTrying: () => scene.sshd!.start() }),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: the sessions hang',
    fault: 'sshd: the session stops answering',
    provoked: 'SIGSTOP, and SIGCONT at the end',
    skip,
    sshd: {},
    bytes,
    supplier: { remote: { retryFor: '2s' } },
    act: async (scene) => {
      const pushed = await during(scene, () => scene.sshd!.signalSessions('SIGSTOP'));
      scene.sshd!.signalSessions('SIGCONT');
      return pushed;
    },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: "sshd: the server's disk is full",
    fault: "sshd: the agent's disk is full",
    provoked: 'a tmpfs of 8 MiB',
    skip: !root,
    sshd: { tmpfs: '8m' },
    bytes,
    exit: 15,
    code: 'remote-no-space',
    published: 'no',
    left: 'nothing',
    relieve: async (scene) => {
      const { mustRun } = await import('../../support/process.js');
      await mustRun('mount', ['-o', 'remount,size=64m', scene.sshd!.incoming]);
    },
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'sshd: everything that can be denied is denied',
    fault: 'sshd: STAT, FSTAT, LSTAT, REMOVE, MKDIR, REALPATH, READDIR, SETSTAT, FSETSTAT and fsync are denied',
    provoked: '`internal-sftp -P`',
    skip,
    sshd: {
      sftp: [
        '-P',
        'stat,fstat,lstat,remove,mkdir,rmdir,realpath,opendir,readdir,setstat,fsetstat,fsync,statvfs,fstatvfs',
      ],
    },
    bytes,
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: only writing is allowed',
    fault: 'sshd: only OPEN, WRITE and CLOSE are allowed',
    provoked: '`internal-sftp -p`, `publish: direct`',
    skip,
    sshd: { sftp: ['-p', 'open,write,close'] },
    supplier: { remote: { publish: 'direct' } },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: a write-only directory',
    fault: 'sshd: the directory can be written to and not read',
    provoked: 'mode 0300',
    skip: !root,
    sshd: {},
    bytes,
    arrange: (scene) => chmodSync(scene.sshd!.incoming, 0o300),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
    check: (_, first) => {
      if (first.receipt?.transfer.remoteSize !== 'matched')
        throw new Error('a file can still be looked at by its name');
    },
  },
  {
    name: 'sshd: renaming is denied',
    fault: 'sshd: RENAME is denied',
    provoked: '`internal-sftp -P rename`',
    skip,
    sshd: { sftp: ['-P', 'rename'] },
    exit: 15,
    code: 'remote-permission',
    published: 'no',
    left: 'nothing',
    relieve: (scene) => scene.supplier.writeConfig({ remote: { publish: 'direct' } }),
    next: { does: 'with `publish: direct` deposits', left: 'deposit' },
  },
  {
    name: 'sshd: only one session is allowed',
    fault: 'sshd: `MaxSessions 1`',
    provoked: 'with `lanes: 4`',
    skip,
    sshd: { config: ['MaxSessions 1'] },
    supplier: { remote: { lanes: 4 } },
    bytes,
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: a chroot whose mover takes what is complete',
    fault: 'sshd: a chroot; complete files are moved away',
    provoked: 'a mover',
    skip: !root,
    sshd: { chroot: true, mover: (name) => !name.endsWith('.partial') },
    bytes,
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'sshd: killed, and taken up from a spool',
    fault: 'sshd: kill -9 on the way, `spool: true`',
    provoked: 'after the first confirmed offset',
    skip,
    sshd: {},
    bytes,
    supplier: { arrangement: { spool: true } },
    push: { at: 'checkpoint-written' },
    exit: 'killed',
    published: '–',
    left: 'partial',
    next: { does: 'goes on from the confirmed offset', says: /from byte \d{7,}/, left: 'deposit' },
  },
];
