import { runRows } from './row.js';
import { rows } from './rows/spool.js';

runRows('from a spool', rows);
