export { sha256, type Hash } from '../primitives.js';
