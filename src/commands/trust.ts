import type { TrustFlags } from './trust/pin.js';
import type { CommandLine } from './command-line.js';
import { parseHostKey } from '../names/host-key.js';
import { collect, globals, list, usage, type Flags } from './flags.js';

export function trustOptions(name: string | undefined, flags: Flags): TrustFlags {
  const fingerprints = list(flags, 'fingerprint').map((value) => {
    const parsed = parseHostKey(value);
    if ('wrong' in parsed) throw usage(`--fingerprint ${JSON.stringify(value)}: ${parsed.wrong}`);
    return parsed.value.fingerprint;
  });
  return { ...globals(flags), name, fingerprints };
}

export function defineTrust(parent: CommandLine): void {
  parent
    .command('trust')
    .summary("pin the server's host key")
    .description(
      'Shows the host keys of the server, asks you to compare them with what the agent gave you, and writes those that match to known_hosts beside depot.yaml. If depot.yaml has hostKey:, known_hosts is not used: trust then only checks that key. No push works without a pinned key.',
    )
    .argument('[name]', 'arrangement')
    .option(
      '--fingerprint <SHA256:…>',
      'the fingerprint from the agent; then it asks nothing; may be repeated',
      collect,
    )
    .ends(
      [5, 10, 13, 14],
      "depot trust # compare with the agent's letter, and confirm",
      'depot trust acme-crm --fingerprint SHA256:uNiVztksCsDhcc0u9e8BrKZQDc5… # unattended',
    )
    .runs(trustOptions, async (o, c) => (await import('./trust/pin.js')).trust(o, c));
}
