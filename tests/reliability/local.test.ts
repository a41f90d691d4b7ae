import { runRows } from './row.js';
import { rows } from './rows/local.js';

runRows('this machine', rows);
