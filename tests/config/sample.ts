import { ConfigInvalid, parseConfig } from '../../src/config/load.js';
import type { Problem } from '../../src/config/document.js';
import type { Surroundings } from '../../src/config/state.js';
import type { Config } from '../../src/config/types.js';

export const linux: Surroundings = { env: {}, cwd: '/work', platform: 'linux', home: '/accounts/op' };

export const fingerprint = '8F3A0000000000000000000000000000000091C2';

/** The least that a push needs, as a mapping that tests change. */
export function sample(): Record<string, unknown> & {
  remote: Record<string, unknown>;
  supplier: Record<string, unknown>;
  arrangements: Record<string, Record<string, unknown>>;
} {
  return {
    version: 1,
    supplier: { name: 'Acme SaaS B.V.', signingKey: 'keys/supplier.secret.asc' },
    remote: { host: '10.20.0.5', username: 'acme', directory: '/incoming' },
    arrangements: {
      'acme-crm': {
        beneficiaries: [{ name: 'Gemeente Voorbeeld', key: 'keys/voorbeeld.asc', fingerprint }],
        dataset: [{ directory: '/srv/crm/export' }],
      },
    },
  };
}

export interface Changes {
  top?: Record<string, unknown>;
  supplier?: Record<string, unknown>;
  remote?: Record<string, unknown>;
  arrangement?: Record<string, unknown>;
  source?: unknown;
}

/** The sample with some keys changed; undefined takes a key out. JSON, which is YAML too. */
export function changed(changes: Changes): string {
  const whole = sample();
  if (changes.supplier !== undefined) Object.assign(whole.supplier, changes.supplier);
  if (changes.remote !== undefined) Object.assign(whole.remote, changes.remote);
  const arrangement = whole.arrangements['acme-crm'];
  Object.assign(arrangement, changes.arrangement);
  if ('source' in changes) arrangement['dataset'] = [changes.source];
  Object.assign(whole, changes.top);
  return JSON.stringify(whole);
}

export async function load(text: string, s = linux): Promise<Config> {
  return parseConfig(text, '/etc/depot/depot.yaml', s);
}

/** Everything that is wrong with `text`; empty when nothing is. */
export async function problems(text: string): Promise<Problem[]> {
  try {
    await load(text);
    return [];
  } catch (error) {
    if (error instanceof ConfigInvalid) return [...error.problems];
    throw error;
  }
}
