import { runRows } from './row.js';
import { rows } from './rows/sidecars.js';

runRows('beside the suitcase', rows);
