/** What ssh's client configuration (ssh_config(5)) says of one host, as far as depot follows it. The rest is refused by name. */
import { didYouMean } from '../suggest.js';
import { printable } from '../printable.js';

export interface SshHost {
  hostName: string;
  port?: number;
  username?: string;
  /** As written. */
  identityFiles: string[];
  /** Where each stands: `FILE:LINE`. */
  identityFilesAt: string[];
  /** As written; `none` where there is to be none. */
  identityAgent?: string;
  /** As written; undefined where there is none. */
  proxyJump?: string;
  /** Names of settings that depot has its own for, and leaves alone. */
  notFollowed: string[];
}

export interface SshSurroundings {
  localUser: string;
  /** The user name that was given otherwise, for `Match user`. */
  username?: string | undefined;
  /** The text of a file; undefined where there is none. */
  read: (file: string) => Promise<string | undefined>;
  /** The files that a pattern of `Include` names, sorted. @throws SshConfigRefused */
  include: (pattern: string) => Promise<string[]>;
}

/** What depot cannot do as ssh would. */
export class SshConfigRefused extends Error {
  override readonly name = 'SshConfigRefused';
}

/** Would change whom we trust, who we are, or the way there: to leave one out would be another connection than ssh's. */
const refusedUnless: Readonly<Record<string, { name: string; harmless: RegExp; instead: string }>> = {
  proxycommand: { name: 'ProxyCommand', harmless: /^none$/i, instead: 'use ProxyJump, with one server in between' },
  certificatefile: { name: 'CertificateFile', harmless: /^none$/i, instead: 'use a key without a certificate' },
  hostkeyalias: { name: 'HostKeyAlias', harmless: /^$/, instead: 'pin the key with hostKey in depot.yaml' },
  knownhostscommand: { name: 'KnownHostsCommand', harmless: /^none$/i, instead: 'pin the key: depot trust' },
  revokedhostkeys: {
    name: 'RevokedHostKeys',
    harmless: /^none$/i,
    instead: 'put @revoked lines in the known_hosts beside depot.yaml',
  },
  pkcs11provider: { name: 'PKCS11Provider', harmless: /^none$/i, instead: 'an ssh-agent can hold such a key' },
  canonicalizehostname: { name: 'CanonicalizeHostname', harmless: /^no$/i, instead: 'write the full host name' },
  bindaddress: { name: 'BindAddress', harmless: /^$/, instead: 'let the system choose the route' },
  bindinterface: { name: 'BindInterface', harmless: /^$/, instead: 'let the system choose the route' },
  addressfamily: { name: 'AddressFamily', harmless: /^any$/i, instead: 'depot tries IPv4 and IPv6' },
};

/** Nothing of a deposit depends on these. */
const harmless = new Set(
  `addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames channeltimeout
  checkhostip clearallforwardings compression compressionlevel connectionattempts controlmaster controlpath controlpersist
  dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication
  forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports gssapidelegatecredentials hashknownhosts identitiesonly
  ignoreunknown ipqos localcommand localforward loglevel logverbose nohostauthenticationforlocalhost numberofpasswordprompts
  permitlocalcommand permitremoteopen proxyusefdpass rekeylimit remotecommand remoteforward requesttty requiredrsasize
  securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask
  streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain visualhostkey xauthlocation`.split(
    /\s+/,
  ),
);

const followed = ['host', 'match', 'include', 'hostname', 'port', 'user', 'identityfile', 'identityagent', 'proxyjump'];

/** @throws SshConfigRefused with `FILE:LINE: …` */
export async function sshHost(alias: string, file: string, o: SshSurroundings): Promise<SshHost | null> {
  const text = await o.read(file);
  if (text === undefined) return null;
  const reader = new Reader(alias, o);
  await reader.read(text, file, true, 0);
  const { hostName, proxy, found } = reader;
  return {
    ...found,
    hostName: (hostName === undefined ? alias : expandTokens(hostName, { h: alias }, 'HostName')).toLowerCase(),
    ...(proxy !== undefined && proxy.toLowerCase() !== 'none' && { proxyJump: proxy }),
  };
}

class Reader {
  hostName: string | undefined;
  /** Of ProxyJump and ProxyCommand the first counts. */
  proxy: string | undefined;
  readonly found: Omit<SshHost, 'hostName'> = { identityFiles: [], identityFilesAt: [], notFollowed: [] };

  constructor(
    private readonly alias: string,
    private readonly o: SshSurroundings,
  ) {}

  async read(text: string, file: string, parentActive: boolean, depth: number): Promise<void> {
    let active = parentActive;
    for (const [i, raw] of text.split(/\r?\n/).entries()) {
      try {
        const [written, ...args] = words(raw);
        if (written === undefined) continue;
        const keyword = written.toLowerCase();
        if (args.length === 0 || (args.includes('') && !harmless.has(keyword)))
          throw new SshConfigRefused(`${written} has no value`);
        if (keyword === 'host') active = parentActive && this.#host(args);
        else if (keyword === 'match') active = parentActive && this.#match(args);
        else if (keyword === 'include') {
          if (!active) continue;
          if (depth === 16) throw new SshConfigRefused('files include each other endlessly');
          for (const pattern of args)
            for (const one of await this.o.include(pattern)) {
              const included = await this.o.read(one);
              if (included !== undefined) await this.read(included, one, true, depth + 1);
            }
        } else if (active) this.#set(written, keyword, args, `${printable(file)}:${i + 1}`);
      } catch (error) {
        if (error instanceof SshConfigRefused && !/^\S.*:\d+: /.test(error.message))
          throw new SshConfigRefused(`${printable(file)}:${i + 1}: ${error.message}`);
        throw error;
      }
    }
  }

  #host(patterns: readonly string[]): boolean {
    if (patterns.some((one) => one.startsWith('!') && fits(one.slice(1), this.alias))) return false;
    return patterns.some((one) => !one.startsWith('!') && fits(one, this.alias));
  }

  #match(args: readonly string[]): boolean {
    if (args.length === 1 && args[0]!.toLowerCase() === 'all') return true;
    let matches = true;
    let unknown: string | undefined;
    for (let i = 0; i < args.length; ) {
      const [, not, attribute = '', joined] = /^(!?)([^=]*)(?:=(.*))?$/s.exec(args[i]!) ?? [];
      const name = attribute.toLowerCase();
      if ((name === 'all' && i === 0) || !(Object.hasOwn(matchable, name) || otherMatches.has(name)))
        throw new SshConfigRefused(`Match ${printable(args.join(' '))} is not a condition that ssh has`);
      const value = matchable[name]?.({ ...this.o, alias: this.alias, hostName: this.hostName, found: this.found });
      const alone = ['all', 'canonical', 'final'].includes(name);
      const pattern = alone ? '' : (joined ?? args[++i] ?? '');
      i++;
      if (pattern === '' && !alone) throw new SshConfigRefused(`Match ${printable(attribute)} has no value`);
      // Some versions of ssh take these as they are, and others as quotes.
      if (value === undefined || /['\\]/.test(pattern)) unknown ??= value === undefined ? attribute : pattern;
      else if (inList(pattern, value, name.endsWith('host')) === (not === '!')) matches = false;
    }
    // Where what is known already says no, it does not matter.
    if (matches && unknown !== undefined)
      throw new SshConfigRefused(
        `depot does not follow Match ${printable(unknown)}, only all, host, originalhost, user and localuser, without ' and \\`,
      );
    return matches;
  }

  #set(written: string, keyword: string, args: readonly string[], at: string): void {
    const [value = ''] = args;
    const { found } = this;
    const refused = Object.hasOwn(refusedUnless, keyword) ? refusedUnless[keyword] : undefined;
    if (args.length > 1 && (refused !== undefined || followed.includes(keyword)))
      throw new SshConfigRefused(`${written} takes one value, not ${printable(args.join(' '))}`);
    if (keyword === 'hostname') this.hostName ??= value;
    else if (keyword === 'user') {
      // Old versions take a token as it is, and new ones expand it.
      if (/%|\$\{/.test(value))
        throw new SshConfigRefused(`User ${printable(value)}: write the name out, without tokens`);
      found.username ??= value;
    } else if (keyword === 'identityagent') found.identityAgent ??= value;
    else if (keyword === 'proxyjump') {
      if (/[\s"'\\#]/.test(value))
        throw new SshConfigRefused(`ProxyJump ${printable(value)}: write it as user@host:port`);
      this.proxy ??= value;
    } else if (keyword === 'identityfile') {
      if (found.identityFiles.includes(value)) return;
      found.identityFiles.push(value);
      found.identityFilesAt.push(at);
    } else if (keyword === 'port') {
      if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535)
        throw new SshConfigRefused(`Port ${printable(value)} is not a port number`);
      found.port ??= Number(value);
    } else if (refused !== undefined) {
      if (keyword === 'proxycommand' && this.proxy !== undefined) return;
      if (!refused.harmless.test(value))
        throw new SshConfigRefused(`depot does not follow ${refused.name}; ${refused.instead}`);
      if (keyword === 'proxycommand') this.proxy = 'none';
    } else if (!harmless.has(keyword)) {
      if (/^ignored|^unsupported/.test(keyword)) return;
      const near = didYouMean(keyword, followed);
      if (near !== '') throw new SshConfigRefused(`'${printable(written)}' is not an ssh setting${near}`);
      if (!found.notFollowed.includes(written)) found.notFollowed.push(written);
    }
  }
}

/** What else ssh can match by. */
const otherMatches = new Set('all canonical final exec localnetwork tagged version command sessiontype'.split(' '));

const matchable: Readonly<
  Record<
    string,
    (o: SshSurroundings & { alias: string; hostName: string | undefined; found: { username?: string } }) => string
  >
> = {
  host: ({ alias, hostName }) => (hostName === undefined ? alias : expandTokens(hostName, { h: alias }, 'HostName')),
  originalhost: ({ alias }) => alias,
  user: ({ username, found, localUser }) => username ?? found.username ?? localUser,
  localuser: ({ localUser }) => localUser,
};

/** A list of patterns with commas between them; a negated one that fits excludes. */
function inList(list: string, value: string, anyCase: boolean): boolean {
  const [patterns, subject] = anyCase ? [list.toLowerCase(), value.toLowerCase()] : [list, value];
  let matched = false;
  for (const one of patterns.split(',')) {
    const negated = one.startsWith('!');
    if (!fits(negated ? one.slice(1) : one, subject)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** `*` and `?`, as ssh has them. */
export function fits(pattern: string, text: string): boolean {
  let before = new Set([0]);
  for (const char of pattern) {
    const next = new Set<number>();
    for (const at of before) {
      if (char === '*') for (let i = at; i <= text.length; i++) next.add(i);
      else if (at < text.length && (char === '?' || char === text[at])) next.add(at + 1);
    }
    before = next;
  }
  return before.has(text.length);
}

/** Of one line, without a comment: keyword and arguments. */
function words(raw: string): string[] {
  const line = raw.replace(/^[ \t\r]+|[ \t\r\f]+$/g, '');
  if (line === '' || line.startsWith('#')) return [];
  const [, quoted, bare, rest] =
    /^(?:"([A-Za-z0-9]+)"(?![ \t]*=)|([A-Za-z0-9]+)(?=[ \t=]|$))(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)$/s.exec(line) ?? [];
  const keyword = quoted ?? bare;
  if (keyword === undefined) throw new SshConfigRefused(`'${printable(line.slice(0, 60))}' is not a setting`);
  // These take the rest of the line as it is.
  if (/^(?:proxy|local|remote|knownhosts)command$/i.test(keyword)) return rest === '' ? [keyword] : [keyword, rest!];
  if (/^proxyjump$/i.test(keyword)) return [keyword, rest!.replace(/(^|[ \t]+)#.*$/, '')];
  const literal = /^match$/i.test(keyword);
  const found: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < rest!.length; i++) {
    const c = rest![i]!;
    const after = rest![i + 1] ?? '';
    if (
      c === '\\' &&
      (after === '"' || (!literal && (after === "'" || after === '\\' || (quote === '' && after === ' '))))
    ) {
      word = (word ?? '') + after;
      i++;
    } else if (quote !== '') {
      if (c === quote) quote = '';
      else word = (word ?? '') + c;
    } else if (c === '"' || (c === "'" && !literal)) {
      quote = c;
      word ??= '';
    } else if (c === ' ' || c === '\t') {
      if (word !== null) found.push(word);
      word = null;
    } else if (c === '#' && word === null) break;
    else word = (word ?? '') + c;
  }
  if (quote !== '') throw new SshConfigRefused('a quote is not closed');
  if (word !== null) found.push(word);
  return [keyword, ...found];
}

/** With the tokens of ssh_config(5) that are given; another one is refused. */
export function expandTokens(text: string, values: Readonly<Record<string, string>>, keyword: string): string {
  if (/\$\{/.test(text))
    throw new SshConfigRefused(`${keyword} ${printable(text)}: depot does not expand environment variables`);
  return text.replace(/%(.?)/g, (token, letter: string) => {
    if (letter === '%') return '%';
    const value = Object.hasOwn(values, letter) ? values[letter] : undefined;
    if (value === undefined) throw new SshConfigRefused(`${keyword} ${printable(text)}: depot does not know ${token}`);
    return value;
  });
}
