import { runRows } from './row.js';
import { rows } from './rows/direct.js';

runRows('Published directly', rows);
