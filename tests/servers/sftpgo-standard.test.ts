import { runRows } from './run-rows.js';

runRows('sftpgo-standard');
