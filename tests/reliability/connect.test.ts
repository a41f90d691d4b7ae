import { runRows } from './row.js';
import { rows } from './rows/connect.js';

runRows('the way to the agent', rows);
