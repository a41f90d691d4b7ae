/** Every piece of handling, removed in turn. */
import { handlings } from './handling.js';
import { foundOutWithout } from './removed.js';

foundOutWithout(handlings);
