import { runRows } from './run-rows.js';

runRows('gosftp');
