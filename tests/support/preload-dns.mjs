// Preloaded into depot by tests: asks this name server (DEPOT_DNS, address:port) instead of the system's.
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const { Resolver } = dns;
dns.Resolver = class extends Resolver {
  constructor(options) {
    super(options);
    this.setServers([process.env.DEPOT_DNS]);
  }
};
syncBuiltinESMExports();
