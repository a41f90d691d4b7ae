import { describe, expect, test } from 'vitest';
import { receiptsNoteOptions } from '../../src/commands/receipts/options.js';
import { hex64, refused } from './parsed.js';

describe('contradictions and wrong values are refused and named', () => {
  test.each<[string, RegExp]>([
    ['push --all acme-crm', /--all and acme-crm/],
    ['push --if-older-than yesterday', /--if-older-than "yesterday"/],
    ['push --all --jobs 0', /--jobs "0": expected a number from 1 to 32/],
    ['push --all --jobs 2.5', /--jobs "2.5"/],
    ['push --all --shard 0/4', /from 1\/n to n\/n/],
    ['push --all --shard 5/4', /--shard "5\/4"/],
    ['push --all --shard 1', /expected i\/n/],
    ['push acme-crm --shard 1/2', /--shard 1\/2 divides all arrangements/],
    ['push acme-crm --list', /--list lists what a push would deposit/],
    ['push --all --dry-run --list --jobs 2', /--list tells of one arrangement after the other/],
    ['runs --last 0', /--last "0": expected a number from 1/],
    ['runs --from 2026-11-30 --to 2026-11-01', /--from 2026-11-30 is after --to 2026-11-01/],
    ['push --config ""', /--config is empty/],
    ['verify', /nothing to verify/],
    ['verify --receipt r --deep --key k', /--deep reads the suitcase/],
    ['verify x --deep', /needs the private key/],
    ['verify x --max-size 1GiB', /--max-size is about --deep/],
    ['verify x --no-signature --signer s', /contradict/],
    ['verify --receipt r --agent-sha256 abc', /64 hexadecimal digits/],
    [`verify --receipt r --agent-sha256 ${hex64}0`, /64 hexadecimal digits/],
    ['verify --receipt r --signer s --attest p', /--attest states/],
    ['verify --receipt r --key k --attest p', /--attest states/],
    ['verify --receipt r --key k --gpg', /contradict/],
    ['verify --receipt r --key k --sign-with s', /--sign-with signs/],
    ['verify --receipt r --signer s --key k --attest p --sign-passphrase-file q', /--sign-passphrase-file/],
    ['receipts import-attestation p --fingerprint 8E9FA091C2D3E4F58E9FA091C2D3E4F58E9FA091', /add|none was given/],
    ['decrypt x --key k --gpg --out d', /contradict/],
    ['decrypt x --out d', /no private key/],
    ['decrypt x --key k', /where the contents go/],
    ['decrypt x --key k --out d --stdout', /--out and --stdout contradict each other/],
    ['decrypt x --key k --stdout --json', /both want standard output/],
    ['decrypt x --key k --out d --at yesterday', /--at is the id of a deposit, not "yesterday"/],
    ['decrypt x y --key k --stdout', /--stdout takes one suitcase/],
    ['decrypt x --key k --out d --max-size lots', /--max-size "lots"/],
    ['decrypt --key k --out d', /missingArgument/],
    ['key generate robot --name A --email a@b --out o', /one of signer, arrangement, not "robot"/],
    ['key generate signer --name A --email nobody --out o', /not an address/],
    ['key generate signer --email a@b --out o', /--name is missing/],
    ['key generate signer --name A --email a@b --out o --profile modern', /always compat/],
    ['key generate signer --name A --email a@b --out o --no-passphrase --passphrase-file p', /contradict/],
    ['key add acme-crm k.asc', /--fingerprint is missing/],
    ['key add acme-crm k.asc --fingerprint 8E9FA091C2D3E4F5', /key id/],
    ['trust --fingerprint MD5:aa', /host key is written/],
    ['login --to cloud', /one of keychain, file, systemd, not "cloud"/],
    ['report', /no file/],
    ['report --out r.html --language de', /--language is one of en, nl/],
    ['receipts list --from 2026-13-01', /date like/],
    ['receipts list --from 2026-02-30', /date like/],
    ['receipts list --from 2026-11-02 --to 2026-11-01', /--from 2026-11-02 is after --to 2026-11-01/],
    ['receipts note x', /nothing to note/],
    ['receipts note x --dropped --destroyed 2026-02-01', /one or the other/],
    ['status --out d.prom', /--out is for metrics/],
    ['status --prometheus --json', /one or the other/],
    ['schedule print cron', /no time given/],
    ['schedule print cron --at 25:00', /time of day/],
    ['schedule print cron --at 01:30 --requires vpn.service', /systemd units/],
    ['schedule print systemd --at 01:30 --requires vpn', /not the name of a systemd unit/],
    ['schedule print upstart --at 01:30', /one of systemd, cron, launchd, windows/],
    ['init --arrangement Acme', /small letters/],
    ['init --host sftp://x', /--host/],
    ['init --port 70000', /--port 70000/],
    ['init --signer s.asc --no-passphrase', /make a new one/],
    ['psuh', /unknownCommand/],
  ])('%s', async (line, message) => {
    expect(await refused(line)).toMatch(message);
  });
});

test('receipts note refuses a destruction in the future', () => {
  expect(() => receiptsNoteOptions('x', { destroyed: '2027-01-01' }, new Date('2026-11-22T12:00:00Z'))).toThrow(
    /in the future/,
  );
});
