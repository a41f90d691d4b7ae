import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountCalled, type Role, stranger, strangerWithin } from '../../src/windows/judge.js';
import { parseSddl } from '../../src/windows/sddl.js';

const anna = 'S-1-5-21-1004336348-1177238915-682003330-1001';
const other = 'S-1-5-21-1004336348-1177238915-682003330-1002';
const installer = 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464';

/** As Windows has them where nobody changed anything. */
const usual = {
  drive: `O:${installer}G:${installer}D:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)`,
  secondDrive:
    'O:BAG:SYD:(A;;FA;;;BA)(A;OICIIO;GA;;;BA)(A;;FA;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)',
  belowDrive:
    'O:BAG:DUD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)',
  programData:
    'O:SYG:SYD:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)',
  belowProgramData:
    'O:BAG:DUD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)',
  fileBelowProgramData: 'O:BAG:DUD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)',
  users: 'O:SYG:SYD:PAI(A;OICI;0x1200a9;;;WD)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)',
  profile: `O:SYG:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${anna})`,
  inProfile: `O:${anna}G:${anna}D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;${anna})`,
  byIcacls: `O:${anna}G:S-1-5-21-1004336348-1177238915-682003330-513D:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;${anna})`,
  programs: `O:${installer}G:${installer}D:PAI(A;;FA;;;${installer})(A;CIIO;GA;;;${installer})(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)(A;;0x1200a9;;;AC)(A;OICIIO;GXGR;;;AC)(A;;0x1200a9;;;S-1-15-2-2)`,
};

function who(sddl: string, role: Role, self = anna): string | null {
  const found = parseSddl(sddl);
  if (found === null) return 'not understood';
  const met = stranger(found, role, self);
  return met === null ? null : `${met.by} ${accountCalled(met.sid)}`;
}

describe('access lists as Windows sets them', () => {
  const cases: [keyof typeof usual, Role, string | null][] = [
    ['drive', 'root', null],
    ['drive', 'way', null],
    // Whoever logs on may make files and directories there.
    ['drive', 'directory', 'list Authenticated Users'],
    ['secondDrive', 'root', null],
    ['secondDrive', 'way', 'list Authenticated Users'],
    ['belowDrive', 'way', 'list Authenticated Users'],
    ['belowDrive', 'file', 'list Authenticated Users'],
    ['programData', 'way', null],
    ['programData', 'directory', 'list Users'],
    ['belowProgramData', 'way', null],
    ['belowProgramData', 'directory', 'list Users'],
    ['fileBelowProgramData', 'file', null],
    ['fileBelowProgramData', 'secret', 'list Users'],
    ['users', 'way', null],
    ['users', 'secret', 'list Everyone'],
    ['profile', 'directory', null],
    ['inProfile', 'file', null],
    ['inProfile', 'secret', null],
    ['byIcacls', 'secret', null],
    ['programs', 'directory', null],
  ];
  test.each(cases)('%s as %s: %s', (name, role, expected) => {
    expect(who(usual[name], role)).toBe(expected);
  });

  const made: [keyof typeof usual, string | null][] = [
    ['drive', 'list Authenticated Users'],
    ['secondDrive', 'list Authenticated Users'],
    ['belowDrive', 'list Authenticated Users'],
    ['programData', 'list Users'],
    ['users', 'list Everyone'],
    ['profile', null],
    ['byIcacls', null],
    ['programs', 'list Users'],
  ];
  test.each(made)('a directory that is made in %s is at first open to: %s', (name, expected) => {
    const met = strangerWithin(parseSddl(usual[name])!, anna);
    expect(met === null ? null : `${met.by} ${accountCalled(met.sid)}`).toBe(expected);
  });

  test('what is one account’s is not another’s', () => {
    expect(who(usual.inProfile, 'file', other)).toBe(`owner ${anna}`);
    expect(who(usual.profile, 'way', other)).toBe(`list ${anna}`);
    expect(who(usual.byIcacls, 'secret', other)).toBe(`owner ${anna}`);
  });

  test('the system, administrators and their groups may do everything anyway, in long and short names', () => {
    for (const owner of ['SY', 'BA', 'LA', 'DA', 'S-1-5-18', 'S-1-5-32-544', installer])
      expect(who(`O:${owner}D:(A;;FA;;;${owner})`, 'secret')).toBeNull();
    expect(who('O:LSD:(A;;FA;;;LS)', 'secret', 'S-1-5-19')).toBeNull();
    expect(who('O:S-1-5-19D:(A;;FA;;;LS)', 'secret', 'S-1-5-20')).toBe('owner LOCAL SERVICE');
  });
});

describe('rights', () => {
  /** Each right of a file by both of its spellings, and the roles that forbid it to others. */
  const rights: [string, string, Role[]][] = [
    ['CC', '0x1', ['secret']],
    ['DC', '0x2', ['file', 'directory', 'secret']],
    ['LC', '0x4', ['file', 'directory', 'secret']],
    ['SW', '0x8', []],
    ['RP', '0x10', ['file', 'secret']],
    ['WP', '0x20', []],
    ['DT', '0x40', ['directory', 'way', 'root']],
    ['LO', '0x80', []],
    ['CR', '0x100', ['file', 'directory', 'secret']],
    ['SD', '0x10000', ['file', 'directory', 'way', 'secret']],
    ['RC', '0x20000', []],
    ['WD', '0x40000', ['file', 'directory', 'way', 'root', 'secret']],
    ['WO', '0x80000', ['file', 'directory', 'way', 'root', 'secret']],
    ['GA', '0x10000000', ['file', 'directory', 'way', 'root', 'secret']],
    ['GW', '0x40000000', ['file', 'directory', 'secret']],
    ['GR', '0x80000000', ['secret']],
    ['GX', '0x20000000', []],
    ['FA', '0x1f01ff', ['file', 'directory', 'way', 'root', 'secret']],
    ['FR', '0x120089', ['secret']],
    ['FW', '0x120116', ['file', 'directory', 'secret']],
    ['FX', '0x1200a0', []],
  ];
  const roles: Role[] = ['file', 'directory', 'way', 'root', 'secret'];
  test.each(rights)('%s is %s, which others may not have on %j', (letters, bits, forbidden) => {
    for (const written of [letters, bits, String(Number(bits))])
      for (const role of roles)
        expect([written, role, who(`O:BAD:(A;;${written};;;WD)`, role)]).toEqual([
          written,
          role,
          forbidden.includes(role) ? 'list Everyone' : null,
        ]);
  });

  test('count where they are only for what is made there, denied, or given to nobody yet: not at all', () => {
    for (const entry of ['(A;OICIIO;FA;;;WD)', '(A;IOID;FA;;;WD)', '(D;;FA;;;WD)', '(A;;FA;;;CO)', '(A;;FA;;;OW)'])
      expect(who(`O:BAD:${entry}`, 'secret')).toBeNull();
    // Flags come in pairs: `CIOI` holds the letters IO, and not the flag.
    expect(who('O:BAD:(A;CIOI;FA;;;WD)', 'secret')).toBe('list Everyone');
  });

  test('count in full if a condition, a kind of object or a denial narrows them', () => {
    for (const list of [
      '(XA;;FA;;;WD;(@User.Title=="a)(b"))',
      '(OA;;FA;4828CC14-1437-45bc-9B07-AD6F015E5F28;;WD)',
      '(D;;FA;;;WD)(A;;FA;;;WD)',
    ])
      expect(who(`O:BAD:${list}`, 'file')).toBe('list Everyone');
  });

  test('are everybody’s where there is no list, and nobody’s where it is empty', () => {
    for (const none of [
      'O:BA',
      'O:BAG:BA',
      'O:BAD:NO_ACCESS_CONTROL',
      'O:BAD:PNO_ACCESS_CONTROL',
      'O:BAS:(AU;SA;FA;;;WD)',
    ])
      expect(who(none, 'way')).toBe('list Everyone');
    expect(who('O:WDG:WDD:NO_ACCESS_CONTROL', 'way')).toBe('none Everyone');
    expect(who(`O:${other}D:NO_ACCESS_CONTROL`, 'way')).toBe(`owner ${other}`);
    for (const empty of ['O:BAD:', 'O:BAD:P', 'O:BAD:PAIS:(AU;SA;FA;;;WD)', 'O:BAD:S:PAINO_ACCESS_CONTROL'])
      expect(who(empty, 'secret')).toBeNull();
  });

  test('mean nothing without an owner', () => {
    expect(who('D:(A;;FA;;;BA)', 'file')).toBe('owner Everyone');
  });
});

describe('what is not understood', () => {
  test.each([
    'X',
    'D:(A;;FA;;;BA',
    'D:(A;;FA;;;BA))',
    'D:(A;;FA;;;BA)x',
    'D:x(A;;FA;;;BA)',
    'D:(A;;FA;;;)',
    'D:(A;;FA;;;everyone)',
    'D:(A;;FAX;;;BA)',
    'D:(A;;F;;;BA)',
    'D:(A;;0x;;;BA)',
    'D:(A;;0x1ffffffff;;;BA)',
    'D:(A;;4294967296;;;BA)',
    'D:(A;;017;;;BA)',
    'D:(A;;-1;;;BA)',
    'D:(A;XX;FA;;;BA)',
    'D:(A;O;FA;;;BA)',
    'D:(QQ;;FA;;;BA)',
    'D:(AU;;FA;;;BA)',
    'D:(A;;FA)',
    'D:(XA;;FA;;;WD;(@User.Title=="a)',
    'O:BAO:SYD:(A;;FA;;;BA)',
    'D:(A;;FA;;;BA)O:BA',
    'O:S-1-5-D:',
    'O:S-2-5-18D:',
  ])('%j says nothing', (sddl) => {
    expect(parseSddl(sddl)).toBeNull();
  });

  test('neither does a list that is cut off inside an entry', () => {
    for (const whole of Object.values(usual))
      for (let end = whole.indexOf('(') + 1; end < whole.length; end++)
        if (whole[end - 1] !== ')') expect([end, parseSddl(whole.slice(0, end))]).toEqual([end, null]);
  });

  test('nothing makes the parser slow or throw', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            'O:',
            'D:',
            'G:',
            'S:',
            '(',
            ')',
            ';',
            '"',
            'A',
            'P',
            'IO',
            'S-1-5-',
            '0x',
            'SY',
            'NO_ACCESS_CONTROL',
          ),
          { maxLength: 60 },
        ),
        (parts) => {
          expect(() => parseSddl(parts.join(''))).not.toThrow();
        },
      ),
    );
    const started = performance.now();
    parseSddl(`O:BAD:${'('.repeat(100_000)}`);
    parseSddl(`O:BAD:${'PAI'.repeat(100_000)}`);
    parseSddl(`O:BAD:${'(A;;FA;;;BA)'.repeat(2000)}`);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('what was built is read as it was built', () => {
    const sid = fc.constantFrom(anna, other, 'WD', 'BU', 'AU');
    const entry = fc.record({
      sid,
      rights: fc.nat(0xffffffff),
      inheritOnly: fc.boolean(),
      more: fc.subarray(['OI', 'CI', 'NP', 'ID']),
    });
    fc.assert(
      fc.property(sid, fc.array(entry, { maxLength: 8 }), (owner, entries) => {
        const list = entries
          .map(
            (e) =>
              `(A;${[...e.more, ...(e.inheritOnly ? ['IO'] : [])].join('')};0x${e.rights.toString(16)};;;${e.sid})`,
          )
          .join('');
        expect(parseSddl(`O:${owner}G:SYD:PAI${list}S:AI`)).toEqual({
          owner,
          allowed: entries.map(({ sid: who, rights, inheritOnly, more }) => ({
            ...{ sid: who, rights, inheritOnly },
            toDirectories: more.includes('CI'),
          })),
        });
      }),
    );
  });
});
