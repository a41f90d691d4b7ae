import { runRows } from './run-rows.js';

runRows('sftpgo-resume');
