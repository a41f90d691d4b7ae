import { runRows } from './row.js';
import { rows } from './rows/stopped.js';

runRows('Stopped on the way', rows);
