import * as openpgp from 'openpgp';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { tempDir } from './cleanup.js';
import { depot, depotInside, type DepotOptions, json, type JsonDocument, type Receipt } from './cli.js';
import type { Finished } from './process.js';
import type { Sshd } from './sshd.js';

export interface KeyFiles {
  fingerprint: string;
  publicKey: string;
  secretKey: string;
}

export interface SupplierOptions {
  /** The `dataset:` list; default: the directory `data` beside the config. */
  dataset?: Record<string, unknown>[];
  /** Put over the `remote:` that fits the server; undefined takes a key away. */
  remote?: Record<string, unknown>;
  /** More keys of the arrangement, such as `encryption` or `spool`. */
  arrangement?: Record<string, unknown>;
  /** More keys of the top level, such as `notify`. */
  top?: Record<string, unknown>;
  /** The beneficiaries' public keys; default: one new compat key. */
  beneficiaries?: { key: string | Uint8Array; fingerprint: string }[];
  /** How to log in; default by key. */
  login?: 'key' | 'password';
  profile?: 'compat' | 'modern';
  /** Every run of depot is a process of its own, for tests of what the system sees of it. */
  ownProcess?: boolean;
  /** An empty directory to be in, instead of a new one. */
  directory?: string;
}

/** What a supplier knows of a server; without a private key the login is by password. */
export type Server = Pick<Sshd, 'host' | 'port' | 'username' | 'password' | 'remoteDirectory' | 'fingerprints'> &
  Partial<Pick<Sshd, 'privateKeyFile' | 'log'>>;

/** What a push says on standard error, with `--quiet` too, when it made the first deposit of an arrangement, and of no other. */
export const onlyFirstDeposit = /^(?:depot: warning: [a-z0-9-]+: this is the first deposit in .*\n)+$/;

/** A server that nobody runs, for what needs a configuration and no connection. */
export const nowhere: Server = {
  host: '127.0.0.1',
  port: 1,
  username: 'acme',
  password: 'unused',
  remoteDirectory: '/in',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};

/** A supplier's machine: depot.yaml, keys, data and state in one directory, for one arrangement `acme-crm`. */
export class Supplier {
  readonly arrangement = 'acme-crm';
  readonly config: string;
  readonly data: string;
  readonly state: string;
  /** The beneficiary's private key, when this class made it. */
  readonly recipientKey: string;
  readonly signerPublic: string;

  private constructor(
    readonly directory: string,
    readonly recipient: KeyFiles,
    readonly signer: KeyFiles,
    readonly options: SupplierOptions,
    readonly server: Server,
  ) {
    this.config = join(directory, 'depot.yaml');
    this.data = join(directory, 'data');
    this.state = join(directory, 'state');
    this.recipientKey = recipient.secretKey;
    this.signerPublic = signer.publicKey;
  }

  static async create(server: Server, options: SupplierOptions = {}): Promise<Supplier> {
    const directory = options.directory ?? tempDir('depot-supplier');
    for (const name of ['data', 'keys', 'secrets']) mkdirSync(join(directory, name), { mode: 0o700 });
    const recipient = await makeKey(
      join(directory, 'keys/beneficiary'),
      'Gemeente Voorbeeld',
      options.profile ?? 'compat',
    );
    const signer = await makeKey(join(directory, 'keys/supplier'), 'Acme SaaS B.V.', 'compat');
    if (server.privateKeyFile !== undefined) {
      copyFileSync(server.privateKeyFile, join(directory, 'keys/ssh'));
      chmodSync(join(directory, 'keys/ssh'), 0o600);
    }
    writeFileSync(join(directory, 'secrets/password'), `${server.password}\n`, { mode: 0o600 });
    const supplier = new Supplier(directory, recipient, signer, options, server);
    supplier.writeConfig();
    return supplier;
  }

  /** Writes depot.yaml anew; what is given replaces the options of the same name. */
  writeConfig(changes: SupplierOptions = {}): void {
    const o = { ...this.options, ...changes };
    const beneficiaries = o.beneficiaries?.map(({ key, fingerprint }, i) => {
      writeFileSync(join(this.directory, `keys/beneficiary-${i}.asc`), key);
      return { name: `Beneficiary ${i + 1}`, key: `keys/beneficiary-${i}.asc`, fingerprint };
    }) ?? [{ name: 'Gemeente Voorbeeld', key: this.recipient.publicKey, fingerprint: this.recipient.fingerprint }];
    const document = {
      version: 1,
      supplier: { name: 'Acme SaaS B.V.', signingKey: 'keys/supplier.secret.asc' },
      state: 'state',
      ...o.top,
      remote: {
        host: this.server.host,
        port: this.server.port,
        username: this.server.username,
        directory: this.server.remoteDirectory,
        hostKey: this.server.fingerprints,
        ...(o.login === 'password' || this.server.privateKeyFile === undefined
          ? { passwordFile: 'secrets/password' }
          : { privateKey: 'keys/ssh' }),
        retryFor: '5s',
        ...o.remote,
      },
      arrangements: {
        [this.arrangement]: { beneficiaries, dataset: o.dataset ?? [{ directory: 'data' }], ...o.arrangement },
      },
    };
    writeFileSync(this.config, stringify(document, { keepUndefined: false }), { mode: 0o600 });
  }

  /** Runs depot with this supplier's config, in this process where that makes no difference. */
  depot(args: readonly string[], options: DepotOptions = {}): Promise<Finished> {
    return (this.options.ownProcess === true ? depot : depotInside)([...args, '--config', this.config], {
      cwd: this.directory,
      ...options,
    });
  }

  /** A push with `--json`: the process's result and the only arrangement's. */
  async push(
    args: readonly string[] = [],
    options: DepotOptions = {},
  ): Promise<Finished & { result: NonNullable<JsonDocument['results']>[number] }> {
    const finished = await this.depot(['push', this.arrangement, '--json', ...args], options);
    const document = json(finished);
    const result = document.results?.[0];
    if (result === undefined && document.error === undefined)
      throw new Error(`neither a result nor an error: ${finished.stdout}`);
    return { ...finished, result: result ?? { arrangement: this.arrangement, ok: false, error: document.error! } };
  }

  /** A push that must succeed; returns its receipt. */
  async deposit(args: readonly string[] = [], options: DepotOptions = {}): Promise<Deposit> {
    const { result, code, stderr } = await this.push(args, options);
    if (code !== 0 || result.deposit === undefined)
      throw new Error(
        `push: exit ${code ?? '?'}: ${JSON.stringify(result.error ?? result)}\n${stderr}\n${this.server.log?.().slice(-3000) ?? ''}`,
      );
    return { ...result.deposit, receiptFile: result.deposit.receiptPath };
  }

  /** Files of the arrangement in the state directory, sorted. */
  stateFiles(folder = ''): string[] {
    const directory = join(this.state, this.arrangement, folder);
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  }

  /** The run records, oldest first. */
  runs(): Record<string, unknown>[] {
    const file = join(this.state, this.arrangement, 'runs.ndjson');
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((l) => l !== '')
          .map((l) => JSON.parse(l) as Record<string, unknown>)
      : [];
  }
}

export interface Deposit {
  depositId: string;
  suitcase: string;
  receipt: Receipt;
  receiptFile: string;
}

/** Makes `PREFIX.public.asc` and `PREFIX.secret.asc` in this process, which is faster than `depot key generate`. */
export async function makeKey(
  prefix: string,
  name: string,
  profile: 'compat' | 'modern',
  passphrase?: string,
): Promise<KeyFiles> {
  const user = {
    name,
    email: `${name
      .toLowerCase()
      .replace(/[^a-z]+/g, '-')
      .replace(/-$/, '')}@example.org`,
  };
  const common = { userIDs: [user], format: 'object' as const, ...(passphrase === undefined ? {} : { passphrase }) };
  const pair =
    profile === 'modern'
      ? await openpgp.generateKey({
          ...common,
          type: 'curve25519',
          config: { v6Keys: true, aeadProtect: true, preferredAEADAlgorithm: openpgp.enums.aead.gcm },
        })
      : await openpgp.generateKey({
          ...common,
          type: 'ecc',
          curve: 'curve25519Legacy',
          config: { v6Keys: false, aeadProtect: false },
        });
  const files = {
    fingerprint: pair.publicKey.getFingerprint().toUpperCase(),
    publicKey: `${prefix}.public.asc`,
    secretKey: `${prefix}.secret.asc`,
  };
  writeFileSync(files.publicKey, pair.publicKey.armor());
  writeFileSync(files.secretKey, pair.privateKey.armor(), { mode: 0o600 });
  return files;
}

/** A path that does not exist yet and is removed with all below it at the end of the test. */
export function freshPath(name = 'out'): string {
  return join(tempDir('depot-out'), name);
}
