import { runRows } from './row.js';
import { rows } from './rows/data.js';

runRows('On the way', rows);
