import { runRows } from './row.js';
import { rows } from './rows/commit.js';

runRows('Close, rename and what comes of them', rows);
