import { runRows } from './run-rows.js';

runRows('rclone-writes');
