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
      'Shows the host keys of the server, asks to compare them with what the agent gave, and writes those that were compared to known_hosts beside the configuration. Where depot.yaml pins a key itself (hostKey:), known_hosts pins none: then trust changes nothing, and fails unless that key is the one. depot.yaml is not changed, and there is no way to push without a pinned key.',
    )
    .argument('[name]', 'arrangement')
    .option('--fingerprint <SHA256:…>', 'the fingerprint that the agent gave; asks nothing; may be repeated', collect)
    .ends(
      [5, 10, 13, 14],
      "depot trust # look, compare with the agent's letter, confirm",
      'depot trust acme-crm --fingerprint SHA256:uNiVztksCsDhcc0u9e8BrKZQDc5… # unattended',
    )
    .runs(trustOptions, async (o, c) => (await import('./trust/pin.js')).trust(o, c));
}
