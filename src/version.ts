import { packageFile } from './installation.js';

/** The version of this package, as receipts record it. */
export const version: string = (JSON.parse(packageFile('package.json').toString()) as { version: string }).version;
