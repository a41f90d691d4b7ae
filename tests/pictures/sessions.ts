/**
 * What the terminal pictures show: real runs of depot on a terminal, against the SFTP server that is built in for the demo. The clock
 * of the runs is moved forward, to a night and the morning after it. Directories and the server's address are replaced by those of
 * docs/operations.md, so that nothing of the machine is in the pictures.
 */
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { makeDataset } from '../../src/demo/dataset.js';
import { startSecureStorage } from '../../src/demo/storage.js';
import { tempDir } from '../support/cleanup.js';
import { checkout } from '../support/cli.js';
import { Supplier } from '../support/supplier.js';
import { terminal } from '../support/terminal.js';

export const columns = 100;
const hour = 3_600_000;
const clock = pathToFileURL(join(checkout, 'tests/support/preload-clock.mjs')).href;

export interface TakenSession {
  /** Of the file in docs/pictures. */
  name: string;
  title: string;
  /** What the terminal got, prompts and commands included. */
  raw: string;
}

/** `retryFor`: for how long the push of the failed night tries to reach the server. */
export async function takeSessions(retryFor: string): Promise<TakenSession[]> {
  const state = tempDir('d');
  const password = 'correct horse';
  const storage = await startSecureStorage(tempDir('d'), { username: 'acme', password });
  const supplier = await Supplier.create(
    { ...storage, remoteDirectory: storage.directory, fingerprints: [storage.fingerprint] },
    { top: { state }, arrangement: { every: '24h', compression: 'gzip' }, remote: { retryFor } },
  );
  makeDataset(supplier.data);

  const now = Date.now();
  const night = Math.ceil(now / (24 * hour)) * 24 * hour + 1.5 * hour;
  /** Types a command at this time; the shell's prompt and an exit code that is not 0 are added. */
  const type = async (line: string, at: number): Promise<string> => {
    const { raw, code } = await terminal([...line.split(' ').slice(1), '--config', supplier.config], {
      cwd: supplier.directory,
      columns,
      env: {
        TZ: 'UTC',
        NO_COLOR: '',
        NODE_OPTIONS: `--import ${clock}`,
        DEPOT_CLOCK_S: String(Math.round((at - now) / 1000)),
      },
    });
    const said = raw
      .replaceAll(state, '/var/lib/depot')
      .replaceAll(supplier.directory, '/etc/depot')
      .replaceAll(`${storage.host}:${storage.port}`, '10.20.0.5:22');
    return `${prompt(line)}${said}${code === 0 ? '' : `${prompt('echo $?')}${code}\r\n`}`;
  };

  const push = await type('depot push acme-crm', night);
  const status = await type('depot status', night + 7.5 * hour);
  await storage.stop();
  const failed = await type('depot push acme-crm --quiet', night + 24 * hour);
  const morning = await type('depot status', night + 31.5 * hour);
  return [
    { name: 'push', title: 'a deposit', raw: push },
    { name: 'status', title: 'the morning after', raw: status },
    {
      name: 'failed-night',
      title: 'a night on which the VPN was down, and the morning after',
      raw: failed + '\r\n' + morning,
    },
  ];
}

function prompt(line: string): string {
  return `\x1b[32m$\x1b[39m \x1b[1m${line}\x1b[22m\r\n`;
}
