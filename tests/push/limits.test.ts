import { expect, test } from 'vitest';
import type { Bandwidth } from '../../src/bandwidth.js';
import type { Arrangement } from '../../src/config/types.js';
import { BandwidthLimits } from '../../src/push/limits.js';

const MiB = 1024 * 1024;
const always = (rate: number): Bandwidth => ({ spans: [], otherwise: rate });

function to(host: string, bandwidthLimit?: Bandwidth, port = 22): Pick<Arrangement, 'remote'> {
  return { remote: { host, port, ...(bandwidthLimit && { bandwidthLimit }) } as Arrangement['remote'] };
}

test('all that goes to one server shares one limit, the lowest, whatever states it and however its name is written', () => {
  const all = [
    to('sftp.example.org', always(5 * MiB)),
    to('SFTP.example.org', always(2 * MiB)),
    to('sftp.example.org'),
  ];
  const limits = new BandwidthLimits(all);
  const found = all.map(({ remote }) => limits.at(remote));
  expect(new Set(found).size).toBe(1);
  expect(found[0]!.throttle.piece * 8).toBe(2 * MiB);
});

test('another server, or another port, has its own, and none where none is stated', () => {
  const [one, other, port, none] = [
    to('one', always(MiB)),
    to('other', always(2 * MiB)),
    to('one', always(4 * MiB), 2222),
    to('none'),
  ];
  const limits = new BandwidthLimits([one, other, port, none]);
  expect([one, other, port].map(({ remote }) => limits.at(remote)!.throttle.piece * 8)).toEqual([
    MiB,
    2 * MiB,
    4 * MiB,
  ]);
  expect(limits.at(none.remote)).toBeUndefined();
});

test('a limit for this run takes the place of those in the configuration, a lower one too; `none` lifts them', () => {
  const all = [to('one', always(MiB)), to('other')];
  const instead = new BandwidthLimits(all, always(8 * MiB));
  expect(all.map(({ remote }) => instead.at(remote)!.throttle.piece)).toEqual([MiB, MiB]);
  const lifted = new BandwidthLimits(all, always(Infinity));
  expect(all.map(({ remote }) => lifted.at(remote))).toEqual([undefined, undefined]);
});
