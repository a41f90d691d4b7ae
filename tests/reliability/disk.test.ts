import { runRows } from './row.js';
import { rows } from './rows/disk.js';

runRows('The disk of the state directory', rows);
