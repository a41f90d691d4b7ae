import { runRows } from './row.js';
import { rows } from './rows/connect.js';

runRows('The way to the agent', rows);
