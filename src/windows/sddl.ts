/** Windows' security descriptors as text ([MS-DTYP] 2.5.1): who owns a file, and who may do what with it. */

export interface Descriptor {
  /** A SID as text, or one of the two-letter names; null where it is not said. */
  owner: string | null;
  /** What is granted, in the order of the list; null where there is no list, and so everybody may do everything. */
  allowed: Grant[] | null;
}

export interface Grant {
  sid: string;
  /** As the bits of an ACCESS_MASK. */
  rights: number;
  /** It is not for the object itself, but only for what is made in it. */
  inheritOnly: boolean;
  /** A directory that is made in it gets it, too. */
  toDirectories: boolean;
}

/** Two letters each, and what they stand for when the object is a file ([MS-DTYP] 2.5.1.1, 2.4.3). */
const letters: Readonly<Record<string, number>> = {
  GA: 0x10000000,
  GX: 0x20000000,
  GW: 0x40000000,
  GR: 0x80000000,
  SD: 0x10000,
  RC: 0x20000,
  WD: 0x40000,
  WO: 0x80000,
  CC: 0x1,
  DC: 0x2,
  LC: 0x4,
  SW: 0x8,
  RP: 0x10,
  WP: 0x20,
  DT: 0x40,
  LO: 0x80,
  CR: 0x100,
  FA: 0x1f01ff,
  FR: 0x120089,
  FW: 0x120116,
  FX: 0x1200a0,
};

const sidPattern = 'S-1-(?:0x[0-9A-Fa-f]{1,12}|[0-9]{1,15})(?:-[0-9]{1,10}){1,15}|[A-Z]{2}';
const sections = new RegExp(
  `^(?:O:(?<owner>${sidPattern}))?(?:G:(?:${sidPattern}))?(?:D:(?<flags>(?:P|AR|AI)*)(?<open>NO_ACCESS_CONTROL)?(?<list>\\(.*\\))?)?$`,
  's',
);
const entry = new RegExp(
  `^(?<type>[A-Z]{1,2});(?<flags>(?:CI|OI|NP|IO|ID|SA|FA|TP|CR)*);(?<rights>[^;]*);[^;]*;[^;]*;(?<sid>${sidPattern})(?:;.*)?$`,
  's',
);

/** Types that grant something; a condition or an object's kind only narrows that, so it counts as granted. */
const allowing = new Set(['A', 'OA', 'XA', 'ZA']);
/** Types that only take away: what they leave of a grant is not worked out, and the grant counts in full. */
const denying = new Set(['D', 'OD', 'XD']);

/** Null for anything that is not understood to its end: then nobody knows who may do what. */
export function parseSddl(text: string): Descriptor | null {
  // What is audited grants nothing. Outside brackets, `S:` stands only before that list.
  const audited = splitAt(text, 'S:');
  const found = audited === null ? null : sections.exec(audited);
  if (found === null) return null;
  const { owner = null, flags, open, list = '' } = found.groups as Record<string, string | undefined>;
  if (flags === undefined || open !== undefined) return { owner, allowed: null };
  const entries = bracketed(list);
  if (entries === null) return null;
  const allowed: Grant[] = [];
  for (const one of entries) {
    const parts = entry.exec(one)?.groups as Record<'type' | 'flags' | 'rights' | 'sid', string> | undefined;
    const rights = parts === undefined ? null : rightsOf(parts.rights);
    if (parts === undefined || rights === null) return null;
    if (allowing.has(parts.type)) {
      const flags: string[] = parts.flags.match(/../g) ?? [];
      allowed.push({ sid: parts.sid, rights, inheritOnly: flags.includes('IO'), toDirectories: flags.includes('CI') });
    } else if (!denying.has(parts.type)) return null;
  }
  return { owner, allowed };
}

function rightsOf(text: string): number | null {
  if (/^0x[0-9A-Fa-f]{1,8}$/.test(text)) return Number(text);
  // Not with a zero in front, which some read as octal.
  if (/^(?:0|[1-9][0-9]{0,9})$/.test(text)) return Number(text) <= 0xffffffff ? Number(text) : null;
  if (text.length % 2 !== 0) return null;
  let rights = 0;
  for (const pair of text.match(/../gs) ?? []) {
    if (!Object.hasOwn(letters, pair)) return null;
    // Not with |, whose result has a sign.
    rights = Number(BigInt(rights) | BigInt(letters[pair]!));
  }
  return rights;
}

/** What stands before `mark`, outside of brackets; null where brackets or quotes do not close. */
function splitAt(text: string, mark: string): string | null {
  let end = text.length;
  const closed = walk(text, (at, depth) => {
    if (depth === 0 && end === text.length && text.startsWith(mark, at)) end = at;
  });
  return closed ? text.slice(0, end) : null;
}

/** The contents of `(…)(…)`; those of conditional entries have brackets and quotes in them. */
function bracketed(text: string): string[] | null {
  const found: string[] = [];
  let from = 0;
  const outside: number[] = [];
  const closed = walk(text, (at, depth) => {
    if (depth === 0 && text[at] === '(') from = at + 1;
    else if (depth === 1 && text[at] === ')') found.push(text.slice(from, at));
    else if (depth === 0) outside.push(at);
  });
  return closed && outside.length === 0 ? found : null;
}

/** Visits each letter that is not inside quotes, with how many brackets are open before it. */
function walk(text: string, visit: (at: number, depth: number) => void): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"' && depth > 0) quoted = !quoted;
    if (quoted) continue;
    visit(at, depth);
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth < 0) return false;
  }
  return depth === 0 && !quoted;
}
