import { runRows } from './row.js';
import { rows } from './rows/increments.js';

runRows('With increments', rows);
