/** The recipes for CI systems and a container, run line by line: in the directories, with the variables and files that those systems make. */
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peers } from '../support/peers.js';
import { type Finished, run } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey, Supplier } from '../support/supplier.js';

const recipe = (name: string): unknown => parse(readFileSync(join(checkout, 'docs/deploy', name), 'utf8'));
/** An account that has no line in /etc/passwd. */
const uid = 10_001;
const passphrase = 'correct horse battery';

const here = peers('sshd', 'ssh-keygen') !== undefined && asRoot();

describe.skipIf(!here)('the recipe for', () => {
  let server: Sshd;
  let bin: string;
  /** What the system is on, with `/var/lib/depot` and `/srv/crm` in it. */
  let root: string;
  let state: string;
  /** depot.yaml and the public keys, as they lie in the repository; the secrets lie elsewhere. */
  let repository: string;
  let signingKey: string;

  beforeAll(async () => {
    server = await startSshd({ login: 'password' });
    const { node, script } = installed();
    bin = join(dirname(dirname(script)), 'path');
    mkdirSync(bin);
    writeFileSync(join(bin, 'depot'), `#!/bin/sh\nexec '${node}' '${script}' "$@"\n`, { mode: 0o755 });
    chmodSync(bin, 0o755);
  });

  beforeEach(async () => {
    root = tempDir('depot-ci');
    chmodSync(root, 0o755);
    const supplier = await Supplier.create(server, { login: 'password' });
    await makeKey(join(supplier.directory, 'keys/supplier'), 'Acme SaaS B.V.', 'compat', passphrase);
    state = join(root, 'state');
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, uid, uid);
    mkdirSync(join(root, 'srv'));
    writeFileSync(join(root, 'srv/customers.csv'), 'id;name\n');
    supplier.writeConfig({
      top: { state },
      remote: { passwordFile: undefined },
      arrangement: { every: '24h' },
      dataset: [{ directory: join(root, 'srv') }],
    });
    repository = join(root, 'repository');
    mkdirSync(join(repository, 'keys'), { recursive: true });
    const yaml = readFileSync(supplier.config, 'utf8').replaceAll(`${supplier.directory}/`, '');
    writeFileSync(join(repository, 'depot.yaml'), yaml);
    for (const name of ['beneficiary.public.asc', 'supplier.public.asc'])
      cpSync(join(supplier.directory, 'keys', name), join(repository, 'keys', name));
    signingKey = readFileSync(join(supplier.directory, 'keys/supplier.secret.asc'), 'utf8');
  });

  /** A shell that has nothing but what the system gives it: no home, no terminal, nothing on standard input. */
  function shell(interpreter: string[], lines: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Finished> {
    const [program, ...flags] = interpreter;
    return run(program, [...flags, lines], {
      uid,
      gid: uid,
      cwd,
      input: '',
      env: { PATH: `${bin}:/usr/bin:/bin`, CI: 'true', ...env },
    });
  }

  /** A directory of the checkout in which everything has these modes. */
  function checkedOut(place: string, modes: { directory: number; file: number }): string {
    cpSync(repository, place, { recursive: true });
    for (const name of ['', ...readdirSync(place, { recursive: true, encoding: 'utf8' })]) {
      const isFile = /\.(?:yaml|asc)$/.test(name);
      chmodSync(join(place, name), isFile ? modes.file : modes.directory);
      chownSync(join(place, name), uid, uid);
    }
    return place;
  }

  const receipts = (): string[] =>
    readdirSync(join(state, 'acme-crm')).filter((name) => name.endsWith('.receipt.json'));

  function deposited({ code, stdout, stderr }: Finished): void {
    expect(code, stdout + stderr).toBe(0);
    expect(stdout + stderr).not.toContain(passphrase);
    expect(stdout + stderr).not.toContain(server.password);
  }

  test('GitHub Actions makes one deposit in four jobs, and its check passes', { timeout: 120_000 }, async () => {
    interface Job {
      steps: { uses?: string; run?: string; env?: Record<string, string> }[];
      strategy?: { matrix: { shard: number[] } };
    }
    const { jobs } = recipe('github-actions.yml') as { jobs: Record<'deposit' | 'check', Job> };
    const secrets: Readonly<Record<string, string>> = {
      DEPOT_PASSWORD: server.password,
      DEPOT_SIGNING_KEY: signingKey.trimEnd(),
      DEPOT_SIGNING_KEY_PASSPHRASE: passphrase,
    };
    const shards = jobs.deposit.strategy!.matrix.shard;
    const runJob = async (job: Job, name: string, shard: number): Promise<void> => {
      const workspace = checkedOut(join(root, name), { directory: 0o755, file: 0o644 });
      const temp = join(root, `${name}-temp`);
      mkdirSync(temp);
      chownSync(temp, uid, uid);
      const filled = (text: string): string =>
        text.replace(/\$\{\{ (\S+) \}\}/g, (_, of: string) => {
          const value =
            of === 'matrix.shard'
              ? String(shard)
              : of === 'strategy.job-total'
                ? String(shards.length)
                : secrets[of.replace('secrets.', '')];
          expect(value, of).toBeDefined();
          return value;
        });
      for (const { run: lines, env = {} } of job.steps) {
        if (lines === undefined) continue;
        // What GitHub starts for a step without `shell:`; secrets go into the environment of their step alone.
        const given = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, filled(value)]));
        deposited(
          await shell(['/bin/bash', '-ec'], filled(lines), workspace, {
            ...given,
            GITHUB_ACTIONS: 'true',
            RUNNER_TEMP: temp,
          }),
        );
      }
    };
    for (const shard of shards) await runJob(jobs.deposit, `shard-${shard}`, shard);
    expect(receipts()).toHaveLength(1);
    await runJob(jobs.check, 'check', 0);
  });

  test('GitLab CI makes one deposit in four jobs, its check passes, and no key remains', {
    timeout: 120_000,
  }, async () => {
    interface Job {
      parallel?: number;
      before_script?: string[];
      script: string[];
      after_script?: string[];
    }
    const pipeline = recipe('gitlab-ci.yml') as Record<'default' | 'deposit' | 'check', Job>;
    // GitLab's helper checks out with umask 0, below a directory that everybody can write to, and the file variable lies beside it.
    mkdirSync(join(root, 'builds'));
    chmodSync(join(root, 'builds'), 0o777);
    const project = checkedOut(join(root, 'builds/escrow'), { directory: 0o777, file: 0o666 });
    const variable = `${project}.tmp/SIGNING_KEY`;
    mkdirSync(dirname(variable));
    chmodSync(dirname(variable), 0o777);
    writeFileSync(variable, signingKey);
    chmodSync(variable, 0o666);
    const runJob = async (job: Job, number: number, total?: number): Promise<void> => {
      const id = `${process.pid}-${number}`;
      const env = {
        GITLAB_CI: 'true',
        CI_PROJECT_DIR: project,
        CI_JOB_ID: id,
        SIGNING_KEY: variable,
        DEPOT_PASSWORD: server.password,
        DEPOT_SIGNING_KEY_PASSPHRASE: passphrase,
        ...(total !== undefined && { CI_NODE_INDEX: String(number), CI_NODE_TOTAL: String(total) }),
      };
      const { before_script: before = [], after_script: after = [] } = pipeline.default;
      deposited(
        await shell(['/bin/bash', '-c'], ['set -eo pipefail', ...before, ...job.script].join('\n'), project, env),
      );
      expect((await shell(['/bin/bash', '-c'], ['set -eo pipefail', ...after].join('\n'), project, env)).code).toBe(0);
      expect(existsSync(`/tmp/depot-${id}`)).toBe(false);
    };
    const { parallel } = pipeline.deposit;
    for (let i = 1; i <= parallel!; i++) await runJob(pipeline.deposit, i, parallel);
    expect(receipts()).toHaveLength(1);
    await runJob(pipeline.check, parallel! + 1);
  });

  test('a container makes a deposit with secrets that every account in it can read', async () => {
    const { services, secrets } = recipe('compose.yaml') as {
      services: { depot: { user: string; command: string[]; secrets: string[]; read_only: boolean } };
      secrets: Record<string, unknown>;
    };
    const { user, command, read_only: readOnly } = services.depot;
    expect([user, readOnly]).toEqual([`${uid}:${uid}`, true]);
    expect(services.depot.secrets.sort()).toEqual(Object.keys(secrets).sort());
    const given: Readonly<Record<string, string>> = {
      depot_password: server.password,
      signing_key: signingKey,
      signing_key_passphrase: `${passphrase}\n`,
    };
    mkdirSync(join(root, 'secrets'));
    for (const name of services.depot.secrets) {
      writeFileSync(join(root, 'secrets', name), given[name]);
      chmodSync(join(root, 'secrets', name), 0o444);
    }
    const tmp = join(root, 'tmp');
    mkdirSync(tmp);
    chmodSync(tmp, 0o1777);
    const [sh, flags, lines] = command;
    const places: Readonly<Record<string, string>> = {
      '/run/secrets': join(root, 'secrets'),
      '/config': repository,
      '/tmp': tmp,
    };
    const inside = lines
      .replaceAll('$$', '$')
      .replace(/\/(?:run\/secrets|config|tmp)(?=\/)/g, (place) => places[place]);
    // Docker gives an account without a name `/` for its home.
    const result = await shell([`/bin/${sh}`, flags], inside, '/', { CI: undefined, HOME: '/' });
    deposited(result);
    expect(result.stdout + result.stderr).toBe('');
    expect(receipts()).toHaveLength(1);
  });

  test('without the kept state, the next run deposits again and begins a new ledger, as the page says', async () => {
    const once = (place: string): Promise<Finished> => {
      mkdirSync(place, { mode: 0o700 });
      chownSync(place, uid, uid);
      return shell(
        ['/bin/bash', '-ec'],
        `umask 077\ncp -R "$PWD/depot.yaml" "$PWD/keys" ${place}/\nprintf '%s\\n' "$KEY" > ${place}/keys/supplier.secret.asc\ndepot push --all --if-older-than 20h --config ${place}/depot.yaml --state ${place}/state`,
        repository,
        {
          KEY: signingKey,
          DEPOT_PASSWORD: server.password,
          DEPOT_SIGNING_KEY_PASSPHRASE: passphrase,
        },
      );
    };
    for (const name of ['first', 'second']) {
      const { code, stdout, stderr } = await once(join(root, name));
      expect([code, stdout], stderr).toEqual([0, expect.stringMatching(/^ledger +new: /m)]);
      expect(stdout).toMatch(/^deposited /m);
    }
  });
});
