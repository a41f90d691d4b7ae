import { runRows } from './row.js';
import { rows } from './rows/spool-file.js';

runRows('The spool itself', rows);
