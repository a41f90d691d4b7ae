import { runRows } from './row.js';
import { rows } from './rows/spool.js';

runRows('From a spool', rows);
