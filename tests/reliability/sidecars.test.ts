import { runRows } from './row.js';
import { rows } from './rows/sidecars.js';

runRows('Beside the suitcase', rows);
