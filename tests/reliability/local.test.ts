import { runRows } from './row.js';
import { rows } from './rows/local.js';

runRows('This machine', rows);
