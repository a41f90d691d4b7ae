/** The questions of a set-up, in their order. Each can be asked again, with the answer so far as what Enter takes. */
import type { Account } from '../../accounts.js';
import { parseDuration } from '../../config/values.js';
import { parseArrangementName } from '../../names/arrangement.js';
import { printable } from '../../printable.js';
import { groupedFingerprint } from '../../ui/format.js';
import { askAccount, otherAccount, stateIsGivable } from './account.js';
import type { Draft } from './draft.js';
import type { Asked, SourcesAsked } from './asked.js';
import { absolutePath } from './paths.js';
import { comparedKey, nameInKey } from './recipient.js';
import { askDirectory, askHost, askLogin, askPort, askUsername, comparedHostKeys } from './server.js';
import { lacksPassword, sourceShown } from './source-answer.js';
import { completeSources, pickSources } from './sources.js';

export interface Question {
  /** In summaries, and to choose what to change. */
  label: string;
  answered(a: Draft): boolean;
  /** Null where another question shows it; empty where it does not apply. */
  shown(a: Draft): string | null;
  /** Puts the answer into `a`. */
  ask(a: Draft, o: Asked): Promise<void>;
}

const account: Question = {
  label: 'account',
  answered: ({ user }) => process.geteuid?.() !== 0 || (user !== undefined && user !== ''),
  shown: ({ user = '' }) => user,
  async ask(a, o) {
    a.user = await askAccount(a.user === undefined || a.user === '' ? 'depot' : a.user, o.talk);
    const other = await otherAccount(a.user);
    if (other !== null && !(await stateIsGivable(o.stateFor(a, other), other, o.talk))) await askState(a, other, o);
  },
};

/** Not asked by itself, since there is a usual place. */
const state: Question = {
  label: 'receipts in',
  answered: () => true,
  shown: (a) => a.state ?? '',
  ask: async (a, o) => askState(a, await otherAccount(a.user), o),
};

async function askState(a: Draft, other: Account | null, { talk, context, stateFor }: Asked): Promise<void> {
  for (;;) {
    const given = await talk.text('Directory for receipts and ledger', { path: true, fallback: stateFor(a, other) });
    const place = absolutePath(given, context);
    if (other !== null && !(await stateIsGivable(place, other, talk))) continue;
    a.state = place;
    return;
  }
}

const supplier: Question = {
  label: 'your name',
  answered: (a) => a.supplier !== undefined,
  shown: (a) => a.supplier ?? '',
  async ask(a, { talk }) {
    a.supplier = await talk.text('Your name, as the beneficiary knows it (for example: Acme SaaS B.V.)', {
      fallback: a.supplier,
      check: (name) =>
        /[<>()]/.test(name) ? 'leave out the brackets: a name in a key cannot contain them' : undefined,
    });
  },
};

const arrangement: Question = {
  label: 'arrangement',
  answered: (a) => a.arrangement !== undefined,
  shown: (a) => a.arrangement ?? '',
  async ask(a, { talk }) {
    a.arrangement = await talk.text('A short name for the arrangement (for example: acme-crm)', {
      fallback: a.arrangement,
      check: (name) => {
        const parsed = parseArrangementName(name);
        return 'wrong' in parsed ? parsed.wrong : undefined;
      },
    });
  },
};

const recipient: Question = {
  label: 'public key',
  answered: (a) => a.keyFile !== undefined && a.fingerprint !== undefined,
  shown: (a) =>
    a.keyFile === undefined || a.fingerprint === undefined
      ? `${a.keyFile ?? ''} (not compared yet)`
      : `${a.keyFile}, compared: ${groupedFingerprint(a.fingerprint)}`,
  async ask(a, o) {
    const before = a.keyFile;
    const asked = a.fingerprint !== undefined && before !== undefined ? {} : a;
    Object.assign(a, await comparedKey(asked, before, o));
    // Another key has another name in it.
    if (before !== undefined && a.keyFile !== before) delete a.beneficiary;
  },
};

const beneficiary: Question = {
  label: 'beneficiary',
  answered: (a) => a.beneficiary !== undefined,
  shown: (a) => a.beneficiary ?? '',
  async ask(a, { talk }) {
    const fallback = a.beneficiary ?? printable(await nameInKey(a.keyFile!));
    a.beneficiary = await talk.text('Name of the beneficiary', { fallback: fallback === '' ? undefined : fallback });
  },
};

const signer: Question = {
  label: 'signing key',
  answered: (a) => a.signer !== undefined,
  shown: (a) => a.signer ?? `a new one, with the address ${a.signerEmail ?? ''}`,
  async ask(a, { talk }) {
    a.signerEmail = await talk.text(
      'E-mail address for the new signing key, which signs your receipts (for example: ops@acme.example)',
      {
        fallback: a.signerEmail === '' ? undefined : a.signerEmail,
        check: (address) =>
          /^[^\s<>@]+@[^\s<>@]+$/.test(address) ? undefined : 'enter an e-mail address, like ops@acme.example',
      },
    );
    a.signer = null;
  },
};

const sources: Question = {
  label: 'to deposit',
  answered: (a) => a.sources !== undefined && a.sources.length > 0,
  shown: (a) => a.sources?.map(sourceShown).join(', ') ?? '',
  async ask(a, o) {
    a.sources = await pickSources(a.sources ?? [], await sourcesAsked(a, o));
  },
};

async function sourcesAsked(a: Draft, o: Asked): Promise<SourcesAsked> {
  return { ...o, account: await otherAccount(a.user), keep: (sources) => o.keep({ ...a, sources }) };
}

/** Of databases: what was typed in a run that has ended is kept nowhere. */
const passwords: Question = {
  label: 'passwords',
  answered: (a) => a.sources?.some(lacksPassword) !== true,
  shown: () => '',
  async ask(a, o) {
    a.sources = await completeSources(a.sources ?? [], await sourcesAsked(a, o));
  },
};

const host: Question = {
  label: 'server',
  answered: (a) => a.host !== undefined,
  shown: (a) =>
    `${a.host ?? ''}${a.port === undefined ? '' : `, port ${a.port}`}${a.proxyJump === undefined ? '' : `, through ${a.proxyJump}`}`,
  async ask(a, { talk }) {
    changeServer(a, { host: await askHost(a.host, talk) });
  },
};

const port: Question = {
  label: 'port',
  answered: (a) => a.port !== undefined,
  shown: () => null,
  async ask(a, { talk }) {
    changeServer(a, { port: await askPort(a.port, talk) });
  },
};

/** What was compared is the host key of the server before. */
function changeServer(a: Draft, change: Pick<Draft, 'host'> | Pick<Draft, 'port'>): void {
  const before = `${a.host ?? ''} ${a.port ?? ''}`;
  Object.assign(a, change);
  if (before !== `${a.host ?? ''} ${a.port ?? ''}`) delete a.hostKeys;
}

const directory: Question = {
  label: 'directory',
  answered: (a) => a.directory !== undefined,
  shown: (a) => a.directory ?? '',
  async ask(a, { talk }) {
    a.directory = await askDirectory(a.directory, talk);
  },
};

const hostKey: Question = {
  label: 'host key',
  answered: (a) => a.hostKeys !== undefined,
  shown: (a) => (a.hostKeys === undefined || a.hostKeys.length === 0 ? 'none compared yet' : a.hostKeys.join(', ')),
  async ask(a, o) {
    for (;;) {
      // A server behind another, or known to ssh alone, is looked at when depot.yaml is there.
      const compared: string[] | 'other' =
        a.proxyJump === undefined && a.sshConfig === undefined
          ? await comparedHostKeys<'other'>(a.host!, a.port!, o.talk, o.context, [
              { value: 'other', label: 'no: host or port is wrong; ask for both again' },
            ])
          : [];
      if (compared !== 'other') {
        a.hostKeys = compared;
        return;
      }
      await host.ask(a, o);
      await port.ask(a, o);
    }
  },
};

const username: Question = {
  label: 'user name',
  answered: (a) => a.username !== undefined,
  shown: (a) => a.username ?? '',
  async ask(a, { talk }) {
    a.username = await askUsername(a.username, a.host ?? '', talk);
  },
};

const login: Question = {
  label: 'login',
  answered: (a) => a.privateKey !== undefined,
  shown: (a) =>
    a.sshAgent !== undefined
      ? `with a key in the ssh-agent${a.sshAgent === true ? '' : ` at ${a.sshAgent}`}`
      : a.privateKey == null
        ? 'with a password'
        : `with the SSH key ${a.privateKey}`,
  async ask(a, { talk, context }) {
    const chosen = await askLogin(a, talk, context);
    delete a.sshAgent;
    Object.assign(a, chosen);
  },
};

const every: Question = {
  label: 'how often',
  answered: (a) => a.every !== undefined,
  shown: (a) => a.every ?? '',
  async ask(a, { talk }) {
    a.every = await talk.text('How often did you agree to deposit? (for example: 24h, 7d)', {
      fallback: a.every ?? '24h',
      check: (text) => {
        const parsed = parseDuration(text);
        if ('wrong' in parsed) return parsed.wrong;
        return parsed.value > 0 ? undefined : 'that would be never; enter a time like 24h';
      },
    });
  },
};

export const questions: readonly Question[] = [
  account,
  state,
  supplier,
  arrangement,
  recipient,
  beneficiary,
  signer,
  sources,
  passwords,
  host,
  port,
  directory,
  hostKey,
  username,
  login,
  every,
];
