/** What becomes of the commands of the documents; see commands.test.ts. */
import { anyDeposit, stockLines } from '../../src/receipt/shell-lines.js';
import type { CommandLine } from './command-lines.js';

/** Where it is typed, with what is there: `supplier` has a depot.yaml and a deposit; `beneficiary` the files of that deposit and both keys; `chain` those of an increment. */
interface Run {
  at: 'supplier' | 'beneficiary' | 'chain' | 'checkout';
  /** The exit code; 0 unless given. */
  ends?: number;
  /** On standard input. */
  input?: string;
}

/** Run in the order of the pages, each once, however many pages have it. */
export const runHere: Readonly<Record<string, Run>> = {
  'node bin/depot.js --version': { at: 'checkout' },
  'npm ls --global': { at: 'checkout' },

  'depot help files': { at: 'supplier' },
  'depot help environment': { at: 'supplier' },
  'depot help exit-codes': { at: 'supplier' },
  'depot help 13': { at: 'supplier' },
  'depot help host-key-changed': { at: 'supplier' },
  'depot <command> --help': { at: 'supplier' },
  'depot schema NAME': { at: 'supplier' },
  'depot schema runs-1': { at: 'supplier' },
  'depot schema event-1': { at: 'supplier' },
  'depot key show FILE': { at: 'supplier' },
  'depot key show BESTAND': { at: 'supplier' },
  'depot key add NAME FILE --fingerprint F': { at: 'supplier' },
  'depot trust NAME': { at: 'supplier' },
  'depot doctor NAME': { at: 'supplier' },
  'depot doctor --write-test': { at: 'supplier' },
  'depot doctor acme-crm --write-test': { at: 'supplier' },
  'depot push --dry-run': { at: 'supplier' },
  'depot push --dry-run --list --json': { at: 'supplier' },
  'DEPOT_LOG=debug depot push acme-crm 2> depot.log': { at: 'supplier' },
  'depot push --rehearse': { at: 'supplier' },
  'depot status --quiet': { at: 'supplier' },
  'depot receipts verify --against DIR': { at: 'supplier' },
  'depot schedule print systemd --requires <VPN unit>': { at: 'supplier' },
  'depot receipts note ID --destroyed DATE': { at: 'supplier' },

  'gpg --show-keys signer.public.asc': { at: 'beneficiary' },
  'gpg --show-keys private.secret.asc': { at: 'beneficiary' },
  'sha256sum opener.html': { at: 'beneficiary' },
  'depot verify --receipt ID.receipt.json --signer signer.public.asc --key private.secret.asc': { at: 'beneficiary' },
  'depot verify --receipt ID.receipt.json --signer signer.public.asc --key private.secret.asc --attest proof.json': {
    at: 'beneficiary',
  },
  'depot verify ID.tar.gz.pgp --receipt ID.receipt.json --signer signer.public.asc --key private.secret.asc --deep &&\ndepot decrypt ID.tar.gz.pgp --receipt ID.receipt.json --signer signer.public.asc --key private.secret.asc --out opened':
    { at: 'beneficiary' },
  'gpg --import signer.public.asc private.secret.asc': { at: 'beneficiary' },
  [stockLines(anyDeposit('gzip'))]: { at: 'beneficiary' },
  'depot receipts list --chain ID --receipts .': { at: 'chain' },
  'depot verify . --signer signer.public.asc --key private.secret.asc &&\ndepot decrypt . --signer signer.public.asc --key private.secret.asc --out dataset':
    { at: 'chain' },
  'sh restore.sh FINGERPRINT ID.tar.gz.pgp whole': { at: 'chain' },
  'rsop verify ID.receipt.json.asc signer.public.asc < ID.receipt.json': { at: 'beneficiary' },
};

const ofDepot = /^(?:runuser .*-- )?depot /;

/** Lines that the test of their page runs, in the order of the page. */
export const ownTests: readonly { page: string; of: (one: CommandLine) => boolean; test: string }[] = [
  {
    page: 'docs/operations.md',
    of: ({ kind, line }) => kind === 'sh' || ((kind === 'indented' || kind === 'text') && ofDepot.test(line)),
    test: 'tests/docs/operations.test.ts',
  },
  ...['README.md', 'docs/agent.md', 'docs/auditor.md'].map((page) => ({
    page,
    of: ({ kind }: CommandLine) => kind === 'sh',
    test: 'tests/docs/roles.test.ts',
  })),
];

const packages = 'fetches packages from a registry';
const pack = 'tests/e2e/pack.test.ts makes the package and installs it';
const binary = 'needs the executable: tests/binary/linux.test.ts';
const suite = 'runs tests, which run this';
const windows = 'needs Windows: tests/windows/checks.test.ts';
const noCommand = 'names programs or a form of a command, and is none to type';
const asks = 'asks a person, or reads standard input: tests/e2e/setup.test.ts';

/** Why a line is not run. */
export const elsewhere: Readonly<Record<string, string>> = {
  'npm ci && npm pack': pack,
  'npm pack': pack,
  'npm install --global --offline ./saas-escrow-depot-*.tgz': pack,
  'depot demo': 'tests/e2e/demo.test.ts',
  'npx vitest run': suite,
  'npx vitest run tests/pgp': suite,
  'npx vitest run tests/sftp/upload.test.ts -t quota': suite,
  'npx vitest run tests/imports.test.ts tests/docs tests/security tests/reliability/handling.test.ts': suite,
  'npx vitest run tests/config tests/docs': suite,
  'DEPOT_TEST_WRITE=1 npx vitest run tests/reliability/table.test.ts': suite,
  'npm install --prefix nodes --force --ignore-scripts': packages,
  'npm outdated': packages,
  'npm update NAME': packages,
  'npm audit --omit=dev': packages,
  'install -m 0755 depot-*-linux-x64 /usr/local/bin/depot': binary,
  'install -m 0755 depot-*-linux-x64 /usr/local/bin/depot && depot --version': binary,
  'sha256sum -c SHA256SUMS': binary,
  'New-Item -ItemType Directory "$Env:ProgramFiles\\depot"': windows,
  'Copy-Item depot-*-win-x64.exe "$Env:ProgramFiles\\depot\\depot.exe"': windows,
  '& "$Env:ProgramFiles\\depot\\depot.exe" demo': windows,
  'Get-FileHash -Algorithm SHA256 depot-0.1.0-win-x64.exe': windows,
  'depot push --config C:\\ProgramData\\depot\\depot.yaml': windows,
  'depot schedule print windows --at 01:30 --config C:\\ProgramData\\depot\\depot.yaml --out .': windows,
  'schtasks /Create /TN depot /XML depot.xml': windows,
  'schtasks /Create /TN depot-status /XML depot-status.xml': windows,
  'schtasks /Run /TN depot': windows,
  'icacls D:\\stage /inheritance:r /grant:r "NT SERVICE\\MSSQLSERVER:(OI)(CI)M" "ACME\\depot:(OI)(CI)M" *S-1-5-32-544:(OI)(CI)F':
    windows,
  'apt-get install libatomic1 libstdc++6': 'installs packages of Debian',
  'sudo depot schedule print launchd --at 01:30 --user depot --config /etc/depot/depot.yaml --out .':
    'needs macOS; what it prints: tests/commands/schedule.test.ts',
  'depot login --to file': asks,
  'depot login --to keychain': asks,
  'depot login NAME': asks,
  'depot init --yes --later …': 'tests/e2e/init-flags.test.ts',
  'depot receipts note ID --dropped': 'needs a server that is no longer named: tests/commands/dropped.test.ts',
  [stockLines(anyDeposit('zstd'))]: 'tests/receipt/cover-lines.test.ts',
  'rsop decrypt private.secret.asc < ID.tar.zst.pgp > new/opened.tar.zst': 'tests/receipt/cover-lines-rsop.test.ts',
  'tar -x -f new/opened.tar -C new': 'tests/receipt/cover-lines.test.ts',
  'kubectl create -f': noCommand,
  'kubectl create configmap depot --from-file depot.yaml --from-file beneficiary.public.asc':
    'needs a cluster; the volume that comes of it: tests/e2e/kubernetes.test.ts',
  'kubectl create secret generic depot --from-file supplier.secret.asc --from-file password --from-file signing-key-passphrase':
    'needs a cluster; the volume that comes of it: tests/e2e/kubernetes.test.ts',
  '(options, context) => exit status': noCommand,
  'systemctl --failed': noCommand,
  'sqlite3 crm.db ".backup copy.db"': 'an example of what `prepare` can run',
  'ssh-keygen -lf': noCommand,
  'ssh-keygen -e': noCommand,
  'ssh-keygen -Z': noCommand,
  'ssh-keygen -m PEM': noCommand,
  'ssh-keygen -a': noCommand,
  'gpg --show-keys': noCommand,
  'gpg --verify': noCommand,
  'chmod -R u+rX': noCommand,
  'chown root:depot': noCommand,
  'tar -c .': noCommand,
  'tar -c a/.': noCommand,
  'node 20.19.0': noCommand,
  'runuser -u depot -- …': noCommand,
  'depot key proof 1': noCommand,
  'tar | gzip -6 | age | ssh': noCommand,
};
