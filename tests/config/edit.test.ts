import { expect, test } from 'vitest';
import { withRemoteKey, withTopKey } from '../../src/config/edit.js';

const written = `# our own comment
version: 1
remote:                        # the agent's
  host: "10.20.0.5"            # by telephone, 3 May
  # port: 22
  username: acme       # from the e-mail
  directory: '/incoming'
  hostKey:
    - "ssh-ed25519 SHA256:AAAA"   # from the letter
    - "SHA256:BBBB"

arrangements:
  acme-crm: { every: 24h }
  acme-hr:
    remote: { host: other.example, username: hr }
`;

test.each<[key: string, value: string | number | string[], before: string, after: string]>([
  ['username', 'acme2', '  username: acme       #', '  username: acme2       #'],
  ['username', 'no', '  username: acme       #', '  username: "no"       #'],
  ['host', 'sftp.example', '  host: "10.20.0.5"  ', '  host: sftp.example  '],
  ['directory', '/in: "x"', "  directory: '/incoming'\n", '  directory: "/in: \\"x\\""\n'],
  ['port', 2222, 'by telephone, 3 May\n', 'by telephone, 3 May\n  port: 2222\n'],
  [
    'hostKey',
    ['ssh-ed25519 SHA256:CCCC'],
    '- "ssh-ed25519 SHA256:AAAA"   # from the letter\n    - "SHA256:BBBB"\n',
    '["ssh-ed25519 SHA256:CCCC"]\n',
  ],
])('%s becomes %j, and nothing else changes', (key, value, before, after) => {
  expect(written).toContain(before);
  expect(withRemoteKey(written, 'acme-crm', key, value)).toBe(written.replace(before, after));
});

test("an arrangement's own remote: is changed where it has the key, and where it has its own host", () => {
  expect(withRemoteKey(written, 'acme-hr', 'username', 'hr2')).toBe(
    written.replace('username: hr }', 'username: hr2 }'),
  );
  expect(withRemoteKey(written, 'acme-hr', 'port', 2222)).toBe(
    written.replace('host: other.example,', 'host: other.example, port: 2222,'),
  );
});

test.each([
  ['  username: acme       # from the e-mail\n', '', 'username', 'acme-crm'],
  [', username: hr }', ' }', 'username', 'acme-hr'],
  ['{ host: other.example, username', '{ username', 'host', 'acme-hr'],
])('%j becomes %j where the key is to be left out', (before, after, key, arrangement) => {
  expect(written).toContain(before);
  expect(withRemoteKey(written, arrangement, key, null)).toBe(written.replace(before, after));
});

test('a key that is to be left out and is nowhere changes nothing', () => {
  expect(withRemoteKey(written, 'acme-crm', 'privateKey', null)).toBe(written);
});

test('the last line goes whole, without a newline after it too, and what follows a list cannot', () => {
  expect(withRemoteKey('remote:\n  host: x\n  privateKey: y', 'crm', 'privateKey', null)).toBe('remote:\n  host: x\n');
  expect(withRemoteKey('remote: { privateKey: y }\n', 'crm', 'privateKey', null)).toBe('remote: {  }\n');
  expect(withRemoteKey(written, 'acme-crm', 'hostKey', null)).toBe(null);
});

test.each([
  ['an alias', 'version: 1\nremote: { host: x, username: *u }\n', 'username'],
  ['no remote: in this file', 'version: 1\ninclude: [a.yaml]\n', 'username'],
  ['text that is no YAML', 'remote: { host: "x\n', 'host'],
])('%s is left alone', (_, text, key) => {
  expect(withRemoteKey(text, 'acme-crm', key, 'y')).toBe(null);
});

const ping = '{ url: "https://hc.example/x" }';
test.each<[where: string, before: string, after: string]>([
  ['below state:', 'state: /s   # ours\nremote: {}\n', `state: /s   # ours\nping: ${ping}\nremote: {}\n`],
  ['at the end, where there is no state:', 'remote: {}\n# last', `remote: {}\n# last\nping: ${ping}\n`],
  ['in the place of another', 'ping: { url: "https://x" } # old\na: 1\n', `ping: ${ping} # old\na: 1\n`],
])('ping: comes %s', (_, before, after) => {
  expect(withTopKey(before, 'ping', ping)).toBe(after);
});

test.each([
  ['a mapping over several lines', 'ping:\n  url: "https://x"\n'],
  ['an alias', 'a: &a { url: "https://x" }\nping: *a\n'],
  ['a file on one line', '{ version: 1, state: /s }\n'],
  ['text that is no YAML', 'state: [\n'],
])('with %s, ping: is left alone', (_, text) => {
  expect(withTopKey(text, 'ping', ping)).toBe(null);
});
