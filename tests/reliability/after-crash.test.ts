import { runRows } from './row.js';
import { rows } from './rows/after-crash.js';

runRows('After a crash around the rename', rows);
