import { runRows } from './row.js';
import { rows } from './rows/openssh.js';

runRows('Against OpenSSH', rows);
