// Preloaded into depot: leaves the highest resident size of the process, in KiB, in the file named by PEAK_MEMORY_FILE.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Linux counts in `maxRSS` what the process was before it ran depot, which is the test that started it; in VmHWM it does not.
const peak = () => (process.platform === 'linux' ? /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'))[1] : String(process.resourceUsage().maxRSS));
if (isMainThread) process.on('exit', () => writeFileSync(process.env.PEAK_MEMORY_FILE, peak()));
