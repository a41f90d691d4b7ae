/** What the tests of `schedule print` schedule. */
import type { Job } from '../../src/commands/schedule/job.js';
import { triesFrom } from '../../src/commands/schedule/tries.js';

export const job: Job = {
  command: [
    '/usr/bin/node',
    '/usr/lib/node_modules/depot/bin/depot.js',
    'push',
    '--all',
    '--quiet',
    '--config',
    '/etc/depot/depot.yaml',
  ],
  status: [
    '/usr/bin/node',
    '/usr/lib/node_modules/depot/bin/depot.js',
    'status',
    '--quiet',
    '--config',
    '/etc/depot/depot.yaml',
  ],
  places: ['--config', '/etc/depot/depot.yaml'],
  tries: triesFrom({ hour: 1, minute: 30 }),
  told: false,
  user: undefined,
  configDirectory: '/etc/depot',
  stateDirectory: '/var/lib/depot',
  what: 'all arrangements',
  prepare: [],
  credentials: [],
};
