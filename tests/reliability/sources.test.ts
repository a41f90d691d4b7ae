import { runRows } from './row.js';
import { rows } from './rows/sources.js';

runRows('What the sources do', rows);
