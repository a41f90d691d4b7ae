import { runRows } from './row.js';
import { rows } from './rows/data.js';

runRows('on the way', rows);
