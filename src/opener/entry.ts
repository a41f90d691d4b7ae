/** One script for the page and its threads: a thread is started from the page's own text, since nothing may be loaded. */
import { startPage } from './page.js';
import { serveOpening } from './opening-thread.js';
import { CIPHER_THREAD, serveCipher } from './cipher-threads.js';

if (typeof document !== 'undefined') startPage(document.currentScript?.textContent ?? '');
else if ((globalThis as { name?: string }).name === CIPHER_THREAD) serveCipher();
else serveOpening();
