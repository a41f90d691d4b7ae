import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import type { Case, Contender } from './case.js';
import { dataset, noise, small, sql } from './data.js';
import { configure, depotCommand, type DepotCase } from './depot.js';
import { nightCases } from './nights.js';
import { peers, type Bench } from './peers.js';

/** `scale`: of the nights' dataset, 1 for all of it. */
export function cases(mebibytes: number, scale: number): Case[] {
  const size = mebibytes === 1024 ? '1 GiB' : `${mebibytes} MiB`;
  const noiseOf = (b: Bench): string => dataset(b.work, `noise-${mebibytes}`, noise(mebibytes));
  const push =
    (o: DepotCase) =>
    (b: Bench): Contender[] => [depotPush(b, noiseOf(b), o), ...peerPushes(b, noiseOf(b))];
  return [
    {
      name: `push ${size}, loopback, compat`,
      mebibytes,
      contenders: push({ encryption: 'compat', compression: 'auto' }),
    },
    {
      name: `push ${size}, loopback, modern`,
      mebibytes,
      contenders: push({ encryption: 'modern', compression: 'auto' }),
    },
    ...(['compat', 'modern'] as const).map((encryption) => ({
      name: `rehearsal of ${size}, loopback, ${encryption}`,
      mebibytes,
      contenders: (b: Bench) => withAndWithoutRehearsal(b, noiseOf(b), encryption),
    })),
    {
      name: `push ${size}, 40 ms`,
      mebibytes,
      roundTripMs: 40,
      contenders: push({ encryption: 'compat', compression: 'auto' }),
    },
    {
      name: `push ${size}, 40 ms, modern`,
      mebibytes,
      roundTripMs: 40,
      contenders: push({ encryption: 'modern', compression: 'auto' }),
    },
    {
      name: `push ${size}, 40 ms, 1 Gbit/s`,
      mebibytes,
      roundTripMs: 40,
      megabits: 1000,
      contenders: push({ encryption: 'compat', compression: 'auto' }),
    },
    {
      name: 'push 100,000 files of about 1 KiB',
      contenders: (b) => {
        const files = dataset(b.work, 'small-100000', small(100_000));
        return [depotPush(b, files, { encryption: 'compat', compression: 'none' }), ...peerPushes(b, files)];
      },
    },
    {
      name: `push ${size} of SQL text, auto`,
      mebibytes,
      contenders: (b) => {
        const text = dataset(b.work, `sql-${mebibytes}`, sql(mebibytes));
        const compressor = 'zstdCompress' in zlib ? 'zstd -q -3' : 'gzip -6';
        const age = peers.find(({ name }) => name === 'tar | age | ssh cat')!;
        return [
          depotPush(b, text, { encryption: 'compat', compression: 'auto' }),
          {
            name: `tar | ${compressor} | age | ssh cat`,
            needs: [...age.needs, compressor.split(' ')[0]],
            script: (run) => age.push(b, text, run).replace('| age', `| ${compressor} | age`),
          },
        ];
      },
    },
    ...(['none', 'auto'] as const).flatMap((compression) =>
      (['modern', 'compat'] as const).map((encryption) => ({
        name: `decrypt and unpack ${size}, ${encryption}${compression === 'auto' ? ', auto' : ''}`,
        mebibytes,
        contenders: (b: Bench) => openings(b, noiseOf(b), { encryption, compression }),
      })),
    ),
    ...(['compat', 'modern'] as const).map((encryption) => ({
      name: `check ${size} in a browser, ${encryption}`,
      mebibytes,
      contenders: (b: Bench) => inBrowser(b, noiseOf(b), encryption),
    })),
    ...memoryCases(),
    ...nightCases(scale),
    {
      name: 'depot --version',
      runs: 15,
      contenders: (b) => [
        { name: 'depot --version', script: () => `${depotCommand(b)} --version` },
        { name: 'node -e 0', script: () => `${process.execPath} -e 0` },
      ],
    },
    {
      name: 'depot status',
      runs: 15,
      contenders: (b) => {
        const config = configure(b, noiseOf(b), { encryption: 'compat', compression: 'auto' });
        return [
          { name: 'depot status', script: () => `${depotCommand(b)} status --config ${config} || [ $? = 31 ]` },
          { name: 'node -e 0', script: () => `${process.execPath} -e 0` },
        ];
      },
    },
  ];
}

function depotPush(b: Bench, data: string, o: DepotCase): Contender {
  const config = configure(b, data, o);
  return { name: 'depot push', script: () => `${depotCommand(b)} push --quiet --config ${config}` };
}

/** What it costs to open everything again while it is sealed. */
function withAndWithoutRehearsal(b: Bench, data: string, encryption: 'compat' | 'modern'): Contender[] {
  const push = depotPush(b, data, { encryption, compression: 'auto' });
  return [push, { name: `${push.name} --rehearse`, script: (run) => `${push.script(run)} --rehearse` }];
}

function peerPushes(b: Bench, data: string): Contender[] {
  return peers.map((peer) => ({
    name: peer.name,
    needs: peer.needs,
    script: (run: string) => peer.push(b, data, run),
  }));
}

/** A suitcase of ours against a file of the peer's (never compressed), both made outside of what is measured, unpacked to a new directory. */
function openings(b: Bench, data: string, { encryption, compression }: DepotCase): Contender[] {
  const out = join(b.work, 'opened');
  const clean = (): void => rmSync(out, { recursive: true, force: true });
  clean();
  const config = configure(b, data, { encryption, compression });
  const kept = join(b.work, 'suitcases', encryption);
  const suitcase = join(kept, compression === 'none' ? 'depot' : `depot-${compression}`);
  const ours = `[ -e ${suitcase} ] || { mkdir -p ${kept} && ${depotCommand(b)} push --quiet --config ${config} && mv ${b.server.directory}/*.pgp ${suitcase}; }`;
  const gpg = `gpg --homedir ${b.keys.gnupgHome} --batch -q --trust-model always`;
  const theirs =
    encryption === 'compat'
      ? { name: 'gpg -d | tar -x', needs: ['gpg'], make: `${gpg} -z 0 -r bench -e`, open: `${gpg} -d` }
      : {
          name: 'age -d | tar -x',
          needs: ['age'],
          make: `age -r ${b.keys.ageRecipient}`,
          open: `age -d -i ${b.keys.agePassphraseFree}`,
        };
  prepare(`${ours}; [ -e ${kept}/peer ] || tar -C ${data} -c . | ${theirs.make} > ${kept}/peer`);
  return [
    {
      name: 'depot decrypt',
      clean,
      script: () =>
        `${depotCommand(b)} decrypt ${suitcase} --key ${b.work}/${encryption}.secret.asc --out ${out} --quiet`,
    },
    {
      name: theirs.name,
      needs: theirs.needs,
      clean,
      script: () => `mkdir ${out} && ${theirs.open} < ${kept}/peer | tar -x -C ${out}`,
    },
  ];
}

const openInBrowser = new URL('open-in-browser.ts', import.meta.url).pathname;

/** The offline opener in Chromium, the command line, and for compat gpg, over one suitcase: everything authenticated and listed, nothing written. */
function inBrowser(b: Bench, data: string, encryption: 'compat' | 'modern'): Contender[] {
  const config = configure(b, data, { encryption, compression: 'none' });
  const kept = join(b.work, 'suitcases', encryption);
  prepare(
    `[ -e ${kept}/depot ] || { mkdir -p ${kept} && ${depotCommand(b)} push --quiet --config ${config} && mv ${b.server.directory}/*.pgp ${kept}/depot; }`,
  );
  const key = `${b.work}/${encryption}.secret.asc`;
  return [
    {
      name: 'depot opener, Chromium',
      needs: ['chromium'],
      script: () =>
        `${process.execPath} --import tsx ${openInBrowser} ${join(b.depot, '../../dist/opener.html')} ${kept}/depot ${key}`,
    },
    {
      name: 'depot verify --deep',
      script: () => `${depotCommand(b)} verify ${kept}/depot --key ${key} --deep --no-signature --quiet`,
    },
  ];
}

/** depot alone: push, verify --deep and decrypt of datasets that differ in bytes and in files, for their peak memory. */
function memoryCases(): Case[] {
  const kinds: [string, string, (directory: string) => void][] = [
    ['1 GiB', 'noise-1024', noise(1024)],
    ['16 GiB', 'noise-16384', noise(16_384)],
    ['1,000,000 files, 100,000 of them hard links', 'small-1000000', small(1_000_000, { linked: 100_000 })],
    ['1,000,000 files in one directory', 'flat-1000000', small(1_000_000, { inOneDirectory: true })],
  ];
  return kinds.map(([title, name, fill]) => ({
    name: `memory: ${title}`,
    runs: 1,
    contenders: (b: Bench): Contender[] => {
      const data = dataset(b.work, name, fill);
      const config = configure(b, data, { encryption: 'compat', compression: 'auto' });
      const kept = join(b.work, 'memory-suitcase');
      const out = join(b.work, 'memory-opened');
      const key = `--key ${b.work}/compat.secret.asc`;
      return [
        {
          name: 'depot push',
          script: () =>
            `rm -f ${kept} && ${depotCommand(b)} push --quiet --config ${config} && mv ${b.server.directory}/*.pgp ${kept}`,
        },
        {
          name: 'depot verify --deep',
          script: () => `${depotCommand(b)} verify ${kept} ${key} --deep --no-signature --quiet`,
        },
        {
          name: 'depot decrypt',
          clean: () => rmSync(out, { recursive: true, force: true }),
          script: () => `${depotCommand(b)} decrypt ${kept} ${key} --out ${out} --quiet`,
        },
      ];
    },
  }));
}

function prepare(script: string): void {
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}\n${stderr}`);
}
