import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes too long for every change: `npm run test:long`, one file after the other; `npm run test:long -- soak` for one of them. */
const long = '**/*.long.test.ts';

/**
 * What another version of Node can change: its crypto, zlib, buffers, threads, files, sockets and child processes, each by the tests that use most of it.
 * Continuous integration runs the whole suite on the oldest Node and only this on the others: `npm run test:runtime`.
 */
const runtime = [
  'tests/{primitives,secret}.test.ts',
  'tests/{open,pgp,seal}/**/*.test.ts',
  // Not the script of an increment: shells run that one.
  'tests/interop/{gnupg,modern,openpgpjs}.test.ts',
  'tests/dataset/{command,compare,extract,pack,pack-changes,read,read-hostile}.test.ts',
  'tests/commands/entry.test.ts',
  'tests/sftp/{algorithms,connect,hostkeys,knownhosts,lanes,login,openssh,packets,resume,upload}.test.ts',
  'tests/state/{ledger,lock}.test.ts',
  'tests/e2e/{large,logins,pack,round-trip,threads}.test.ts',
];

/**
 * What another platform can change: its paths, names, access rights, files and child processes. `npm run test:windows`
 * runs these on Windows, and on Linux Windows' own Node under Wine, which then runs them as well.
 */
const windows =
  process.platform === 'win32'
    ? [
        'tests/{batch-file,child-env,durable-file,text-file}.test.ts',
        'tests/{names,ui}/*.test.ts',
        'tests/config/{accepted,check,document,load,remote,schema,state,supplier-name,values}.test.ts',
        'tests/state/{ledger,list,lock,pending,reserve,runs,sidecars,tested-server}.test.ts',
        'tests/secrets/{file,keychain,login,lookup}.test.ts',
        'tests/receipt/{attestation,chain,cover,format,proof,schema}.test.ts',
        'tests/seal/spool.test.ts',
        'tests/dataset/{archive,compare,exclude,extract-names,listing,manifest,pack,shrink,sources,walk-order}.test.ts',
        'tests/commands/{cli,completion,doctor-sources,init-text,nothing,status,trust}.test.ts',
        'tests/report/{chain,command,markup,rhythm}.test.ts',
      ]
    : ['tests/windows/*.test.ts'];

/** Folders by how long their files take. A long file that begins last keeps everybody waiting, and the size of these says nothing about that. */
const longestFirst = ['servers', 'reliability', 'e2e', 'security', 'opener', 'report', 'docs', 'commands', 'sftp'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = longestFirst.findIndex((folder) => moduleId.includes(`/tests/${folder}/`));
      return found === -1 ? longestFirst.length : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig(({ mode }) => ({
  test: {
    ...(mode === 'long'
      ? {
          include: [`tests/${long}`],
          fileParallelism: false,
          reporters: ['verbose'],
        }
      : {
          include: { runtime, windows, binary: ['tests/binary/*.test.ts'] }[mode] ?? ['tests/**/*.test.ts'],
          exclude: [
            ...configDefaults.exclude,
            long,
            ...['windows', 'binary'].filter((own) => own !== mode).map((own) => `tests/${own}/**`),
          ],
        }),
    ...(mode === 'windows' && process.platform !== 'win32' && { globalSetup: 'tests/windows/install.ts' }),
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks' as const,
    // A failure that was seen once, on another machine, is only as good as what it says.
    chaiConfig: { truncateThreshold: 4000 },
    sequence: { sequencer: LongestFirst },
    // The built program is run as it is.
    server: { deps: { external: [/\/dist\//] } },
    // Tests wait for servers, processes and each other's timeouts more than they compute.
    ...(mode !== 'long' && { maxWorkers: 2 * availableParallelism() }),
  },
}));
