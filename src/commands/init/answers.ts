import path from 'node:path';
import type { Account } from '../../accounts.js';
import { parseDuration, parseHost } from '../../config/values.js';
import { parseArrangementName } from '../../names/arrangement.js';
import type { Parsed } from '../../names/parsed.js';
import { DepotError, isDepotError } from '../../errors.js';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import { judgeRecipient, requirePublic } from '../../pgp/policy.js';
import { printable } from '../../printable.js';
import { scanHostKeys } from '../../sftp/scan.js';
import { counted, groupedFingerprint, bytes } from '../../ui/format.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import { readKeyFile } from '../key-file.js';
import type { InitFlags } from './options.js';
import type { Answers, Draft, SourceAnswer } from './draft.js';
import type { Missing } from './missing.js';
import { lookAtSource, preview } from './sources.js';
import type { Talk } from './talk.js';

/** What the flags answer, checked: a flag that is wrong is refused, since nobody could be asked again. */
export async function answered(o: InitFlags, context: Context): Promise<Draft> {
  const file = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : path.resolve(context.cwd, name);
  const sources: SourceAnswer[] = [];
  for (const given of o.sources) {
    const found = await lookAtSource(given, context);
    if ('wrong' in found) throw usage(`source ${found.wrong}`, 'name a directory or a file that this account may read');
    sources.push(found.value);
  }
  const keyFile = file(o.beneficiaryKey);
  if (keyFile !== undefined) requirePublic(await readCertificate(await readKeyFile(keyFile)), keyFile);
  const given: { [K in keyof Answers]?: Answers[K] | undefined } = {
    user: o.user,
    supplier: o.supplier,
    arrangement: o.arrangement,
    keyFile,
    beneficiary: o.beneficiary,
    fingerprint: o.fingerprint,
    signer: o.signer === undefined ? (o.signerEmail === undefined ? undefined : null) : file(o.signer),
    signerEmail: o.signer === undefined ? o.signerEmail : '',
    sources: sources.length === 0 ? undefined : sources,
    host: o.host,
    port: o.port,
    username: o.username,
    directory: o.directory,
    privateKey: o.privateKey === undefined ? (o.passwordFile === undefined ? undefined : null) : file(o.privateKey),
    hostKeys: o.hostKeys.length === 0 ? undefined : o.hostKeys,
    every: o.every,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Where nobody is asked: everything that is missing is said at once; `forPush` is too, unless `--later` leaves it. */
export function complete(
  draft: Draft,
  o: InitFlags,
  context: Context,
  account: Account | null,
  forPush: readonly Missing[],
): Answers {
  const wanted: [unknown, string][] = [
    [draft.supplier, '--supplier'],
    [draft.arrangement, '--arrangement'],
    [draft.beneficiary, '--beneficiary'],
    [draft.keyFile, '--beneficiary-key'],
    [draft.fingerprint, '--fingerprint'],
    [draft.sources, '--source'],
    [draft.host, '--host'],
    [draft.username, '--username'],
    [draft.directory, '--directory'],
    [draft.signerEmail, '--signer-email (or --signer)'],
    [
      o.signer ?? (o.noPassphrase ? '' : undefined) ?? o.passphraseFile ?? context.env.DEPOT_PASSPHRASE,
      '--passphrase-file (or --no-passphrase)',
    ],
  ];
  const missing = wanted.filter(([value]) => value === undefined).map(([, flag]) => flag);
  const needed = o.later ? [] : forPush.map(({ flag }) => printable(flag));
  if (missing.length > 0) {
    const also = needed.length === 0 ? '' : `; and for a push: ${needed.join(', ')} (unless --later)`;
    throw usage(
      `there is no terminal to ask on, and these are missing: ${missing.join(', ')}${also}`,
      'give them as flags, or run «depot init» on a terminal',
    );
  }
  if (needed.length > 0)
    throw usage(
      `there is no terminal to ask on, and no push is possible without: ${needed.join(', ')}`,
      'give them as flags, or add --later and follow with: «depot trust» and «depot login»',
    );
  return {
    user: account?.name ?? '',
    port: 22,
    every: '24h',
    privateKey: null,
    hostKeys: [],
    signer: null,
    ...draft,
  } as Answers;
}

/** Asks for what is not answered, question by question; `keep` is told after each, so that nothing has to be answered twice. `again` is the line that goes on here. */
export async function interview(
  draft: Draft,
  talk: Talk,
  context: Context,
  { keep, again }: { keep: (draft: Draft) => Promise<void>; again: string },
): Promise<Answers> {
  const a: Draft = { ...draft };
  const need = async <K extends keyof Answers>(key: K, ask: () => Promise<Answers[K]>): Promise<Answers[K]> => {
    const answer = a[key] ?? (await ask());
    a[key] = answer;
    await keep(a);
    return answer;
  };
  await need('supplier', () =>
    talk.text('Your name, as the beneficiary knows it (for example: Acme SaaS B.V.)', {
      check: (name) => (/[<>()]/.test(name) ? 'leave out brackets, which the name in a key cannot have' : undefined),
    }),
  );
  await need('arrangement', () =>
    talk.text('A short name for the arrangement (for example: acme-crm)', {
      check: (name) => wrong(parseArrangementName(name)),
    }),
  );
  if (a.keyFile === undefined || a.fingerprint === undefined)
    Object.assign(a, await comparedKey(a, talk, context, again));
  const certificate = await readCertificate(await readKeyFile(a.keyFile!));
  const ownName = printable(certificate.userIds[0]?.replace(/\s*<[^>]*>\s*$/, '') ?? '');
  await need('beneficiary', () => talk.text('Name of the beneficiary', ownName === '' ? {} : { fallback: ownName }));
  if (a.signer === undefined) {
    a.signerEmail = await talk.text(
      'A signing key will be made for your receipts. Address in it (for example: ops@acme.example)',
      {
        check: (address) =>
          /^[^\s<>@]+@[^\s<>@]+$/.test(address) ? undefined : 'write an e-mail address, such as ops@acme.example',
      },
    );
    a.signer = null;
  }
  await need('sources', () => pickSources(talk, context));
  for (;;) {
    await need('host', () =>
      talk.text("The agent's SFTP server: host name or address", { check: (host) => wrong(parseHost(host)) }),
    );
    await need('port', async () =>
      Number(
        await talk.text('Its port', {
          fallback: '22',
          check: (port) =>
            /^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
              ? undefined
              : 'write a number from 1 to 65535',
        }),
      ),
    );
    await need('directory', () => talk.text('Directory there', { fallback: '/incoming' }));
    const compared =
      a.hostKeys ??
      (await comparedHostKeys<'other'>(a.host!, a.port!, talk, context, [
        { value: 'other', label: 'no: host or port is not right; ask for both again' },
      ]));
    if (compared !== 'other') {
      await need('hostKeys', () => Promise.resolve(compared));
      break;
    }
    delete a.host;
    delete a.port;
  }
  await need('username', () => talk.text('User name there (the agent sent it by e-mail)'));
  await need('privateKey', () => keyOrPassword(talk, context));
  await need('every', () =>
    talk.text('How often did you agree to deposit?', {
      fallback: '24h',
      check: (every) => wrong(parseDuration(every)),
    }),
  );
  return { user: '', ...a } as Answers;
}

function wrong(parsed: Parsed<unknown>): string | undefined {
  return 'wrong' in parsed ? parsed.wrong : undefined;
}

/** The beneficiary's key, and its fingerprint once somebody has compared it. Not compared: no set-up, but the answers stay. */
async function comparedKey(
  a: Draft,
  talk: Talk,
  context: Context,
  again: string,
): Promise<Pick<Answers, 'keyFile' | 'fingerprint'>> {
  for (let given = a.keyFile; ; given = undefined) {
    let certificate: Certificate | undefined;
    const keyFile =
      given ??
      path.resolve(
        context.cwd,
        await talk.text("File with the beneficiary's public key", {
          check: async (file) => {
            const found = await usableKey(path.resolve(context.cwd, file));
            if ('wrong' in found) return found.wrong;
            certificate = found.value;
            return undefined;
          },
        }),
      );
    certificate ??= await readCertificate(await readKeyFile(keyFile));
    if (a.fingerprint !== undefined) return { keyFile, fingerprint: a.fingerprint };
    talk.say(`The fingerprint of this key is\n  ${groupedFingerprint(certificate.fingerprint)}`);
    const compared = await isCompared(talk);
    if (compared === 'same') return { keyFile, fingerprint: certificate.fingerprint };
    if (compared === 'later')
      throw new DepotError('recipient-unusable', "the beneficiary's key was not compared", {
        hint: `call the beneficiary, then go on where you left: ${again}`,
      });
  }
}

/** The first choice, which a hasty Enter takes, decides nothing. */
async function isCompared(talk: Talk): Promise<'same' | 'other' | 'later'> {
  for (;;) {
    const answer = await talk.choose(
      'Call the beneficiary and ask them to read out their fingerprint. Does it match exactly?',
      [
        { value: 'not-yet', label: 'I have not compared it yet' },
        { value: 'same', label: 'yes, it is the same' },
        { value: 'other', label: 'no: take another file' },
        { value: 'later', label: 'leave, and go on later; the answers are kept' },
      ],
    );
    if (answer !== 'not-yet') return answer;
    talk.say(
      '  Whoever has the private key of this file can open the deposits. Call now and answer then, or leave and go on later.',
    );
  }
}

async function usableKey(file: string): Promise<{ value: Certificate } | { wrong: string }> {
  try {
    const certificate = await readCertificate(await readKeyFile(file));
    requirePublic(certificate, file);
    await judgeRecipient(certificate, certificate.fingerprint, new Date());
    return { value: certificate };
  } catch (error) {
    if (!isDepotError(error)) throw error;
    return { wrong: error.hint === undefined ? error.message : `${error.message}\n  ${error.hint}` };
  }
}

async function pickSources(talk: Talk, context: Context): Promise<SourceAnswer[]> {
  const sources: SourceAnswer[] = [];
  for (;;) {
    const first = sources.length === 0;
    let found: SourceAnswer | undefined;
    const given = await talk.text(
      first ? 'A directory or a file to deposit (a database dump can be added to depot.yaml later)' : 'Another one?',
      {
        ...(first ? {} : { fallback: '', fallbackShown: 'no' }),
        check: async (text) => {
          const looked = await lookAtSource(text, context);
          if ('wrong' in looked) return looked.wrong;
          if (sources.some((s) => s.path === looked.value.path)) return 'that one is in the list already';
          if (sources.some((s) => path.basename(s.path) === path.basename(looked.value.path)))
            return 'another one has this name already; give it one of its own in depot.yaml (as:)';
          found = looked.value;
          return undefined;
        },
      },
    );
    if (given === '' || found === undefined) return sources;
    const { files, size, more } = await preview(found, context.signal);
    talk.say(`  ${printable(found.path)}: ${more ? 'more than ' : ''}${counted(files, 'file')}, ${bytes(size)}`);
    sources.push(found);
  }
}

/** Empty when the server cannot be reached now, or nobody has compared anything: that is asked for again at the end. `ways` are further ways out. */
export async function comparedHostKeys<T extends string = never>(
  host: string,
  port: number,
  talk: Talk,
  context: Context,
  ways: { value: T; label: string }[] = [],
): Promise<string[] | T> {
  for (;;) {
    try {
      const keys = await scanHostKeys(host, port, { timeoutMs: 10_000, signal: context.signal });
      const chosen = await talk.chooseSome(
        "The server shows these host keys. Mark (space) those that you have compared with the agent's letter, letter by letter",
        [
          ...keys.map((key) => ({ value: `${key.type} ${key.fingerprint}`, label: `${key.type} ${key.fingerprint}` })),
          { value: '', label: 'none yet' },
        ],
      );
      return chosen.filter((key) => key !== '');
    } catch (error) {
      if (!isDepotError(error, 'unreachable')) throw error;
      talk.say(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`);
      const then = await talk.choose<'again' | 'later' | T>('Try again?', [
        { value: 'again', label: 'yes, try again' },
        { value: 'later', label: 'later; go on with the other questions' },
        ...ways,
      ]);
      if (then === 'later') return [];
      if (then !== 'again') return then;
    }
  }
}

async function keyOrPassword(talk: Talk, context: Context): Promise<string | null> {
  const how = await talk.choose('How does depot log in there?', [
    { value: 'password', label: 'with the password that the agent sent (text message)' },
    { value: 'key', label: 'with an SSH key' },
  ]);
  if (how === 'password') return null;
  const file = await talk.text('File with the private SSH key', {
    check: async (given) =>
      readKeyFile(path.resolve(context.cwd, given)).then(
        () => undefined,
        (error: unknown) => (isDepotError(error) ? error.message : String(error)),
      ),
  });
  return path.resolve(context.cwd, file);
}
