/** The page: takes files, shows findings. Whatever comes out of them is put in as text, never as markup. */
import { DepotError, type ErrorRecord, errorToRecord } from '../errors.js';
import { printable } from '../printable.js';
import { anyDeposit, stockLines } from '../receipt/shell-lines.js';
import { kindOf, type Kind } from './chosen-files.js';
import { droppedFiles } from './dropped.js';
import type { Rows } from './listing.js';
import { chosen, download, type Pickers, platform, safeName } from './places.js';
import type { FromThread, Kept, ToThread } from './protocol.js';
import { toldSha256 } from '../names/digest.js';
import type { Both, Language } from '../texts/both.js';
import { english, type OpenerTexts } from '../texts/opener-en.js';
import { dutch } from '../texts/opener-nl.js';
import { element, listenForDrops, listLine, made, showFindings, showInside, sizeIn } from './view.js';
import type { Saved, Verified } from './view.js';

const texts: Both<OpenerTexts> = { en: english, nl: dutch };

type Doing = 'checking' | 'saving' | 'stopping';

const ROWS = 500;
/** What the person may allow to come out, in GiB. */
const ALLOWED_GIB = [1, 10, 100, 1024, 10_240];
const kinds: Kind[] = ['suitcase', 'receipt', 'signature', 'signers', 'key'];
/** Of these the opening uses one, and nobody but the person can say which. */
const single: Kind[] = ['key'];

function noFiles(): Record<Kind, File[]> {
  return { suitcase: [], receipt: [], signature: [], signers: [], key: [] };
}

/** Of a folder with all that is below it. */
function directlyIn(files: Iterable<File>): File[] {
  return [...files].filter(({ webkitRelativePath }) => webkitRelativePath.split('/').length === 2);
}

export function startPage(program: string): void {
  new Page(new Blob([program], { type: 'text/javascript' })).start();
}

class Page {
  readonly #program: Blob;
  readonly #address: string;
  readonly #given = noFiles();
  #words = english;
  #language: Language = 'en';
  #thread: Worker;
  #verified: Verified | null = null;
  #rows: Rows | null = null;
  #failure: ErrorRecord | string | null = null;
  /** What became of what was half saved. */
  #kept: Kept | null = null;
  /** The folder that is being saved to, from when it was made. */
  #folder: string | null = null;
  #unknown: string[] = [];
  /** Rows for which several files were dropped, where one is wanted. */
  #several: Kind[] = [];
  /** The last thing saved, said again in another language. */
  #saved: Saved | null = null;
  #doing: Doing | null = null;

  constructor(program: Blob) {
    this.#program = program;
    this.#address = URL.createObjectURL(program);
    this.#thread = this.#newThread();
  }

  start(): void {
    element('english').addEventListener('click', () => this.#speak('en'));
    element('dutch').addEventListener('click', () => this.#speak('nl'));
    for (const kind of kinds) {
      const input = element<HTMLInputElement>(kind);
      // Else choosing the same file again, to read it anew after an error, changes nothing and is not heard of.
      input.addEventListener('click', () => (input.value = ''));
      input.addEventListener('change', () => {
        this.#given[kind] = [...(input.files ?? [])];
        this.#changed();
      });
      element(`without-${kind}`).addEventListener('click', () => {
        input.value = '';
        this.#given[kind] = [];
        this.#changed();
        input.focus();
      });
    }
    const all = element<HTMLInputElement>('all');
    all.addEventListener('click', () => (all.value = ''));
    all.addEventListener('change', () => void this.#take(directlyIn(all.files ?? []), false));
    element('agent').addEventListener('input', () => this.#changed());
    element('most').append(
      ...['', ...ALLOWED_GIB.map((gib) => String(gib * 2 ** 30))].map((value) => made('option', '', { value })),
    );
    element('most').addEventListener('change', () => this.#changed());
    listenForDrops((given) => {
      if (this.#doing !== 'saving' && this.#doing !== 'stopping') void this.#drop(given).catch(this.#refused);
    });
    // A page that is closed can remove nothing: the browser asks first.
    addEventListener('beforeunload', (event) => {
      if (this.#doing === 'saving' || this.#doing === 'stopping') event.preventDefault();
    });
    element('check').addEventListener('click', () => this.#check());
    element('stop').addEventListener('click', () => this.#stop());
    element('folder').addEventListener('click', () => void this.#saveFolder());
    element('archive').addEventListener('click', () => void this.#saveFile(null));
    element('search').addEventListener('input', () => this.#list());
    this.#speak(navigator.language.toLowerCase().startsWith('nl') ? 'nl' : 'en');
  }

  #newThread(): Worker {
    const thread = new Worker(this.#address, { name: 'opening' });
    thread.onmessage = ({ data }: MessageEvent<FromThread>) => {
      if (thread === this.#thread) this.#hear(data);
    };
    thread.onerror = (event) =>
      this.#fail({ code: 'internal', message: event.message, stack: undefined }, this.#mayBeLeft());
    thread.postMessage({ kind: 'program', program: this.#program } satisfies ToThread);
    return thread;
  }

  #tell(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'progress':
        element<HTMLProgressElement>('progress').value = message.total === 0 ? 0 : message.bytes / message.total;
        return;
      case 'verified':
        this.#work(null);
        this.#verified = message;
        if (message.inside !== null) this.#list();
        this.#show();
        element('verdict').focus();
        return;
      case 'rows':
        this.#rows = message.rows;
        this.#showRows();
        return;
      case 'folder':
        this.#folder = message.name;
        return;
      case 'saved':
        this.#work(null);
        this.#saved = message;
        if (message.blob !== null) download(message.blob, message.name);
        this.#show();
        element('saved').scrollIntoView({ block: 'nearest' });
        return;
      case 'stopped':
        this.#fail(this.#words.stopped, message.kept);
        return;
      case 'failed':
        this.#fail(
          message.exceeded === null ? message.error : this.#words.tooMuchSaved(this.#size(message.exceeded)),
          message.kept,
        );
    }
  }

  #fail(failure: ErrorRecord | string, kept: Kept | null = null): void {
    this.#work(null);
    this.#failure = failure;
    this.#kept = kept;
    this.#show();
    element('failure').focus();
  }

  #work(doing: Doing | null): void {
    this.#doing = doing;
    this.#folder = null;
    if (doing !== null) {
      this.#failure = null;
      this.#kept = null;
      this.#saved = null;
      element<HTMLProgressElement>('progress').value = 0;
    }
    for (const id of ['check', 'folder', 'archive']) element<HTMLButtonElement>(id).disabled = doing !== null;
    // What is being saved is of the files that were checked.
    for (const control of document.querySelectorAll<HTMLInputElement>('.given :is(input, button, select)'))
      control.disabled = doing === 'saving';
    for (const button of element('rows').querySelectorAll('button')) button.disabled = doing !== null;
    this.#show();
  }

  #check(): void {
    const { suitcase, receipt, signature, signers, key } = this.#given;
    const said = element<HTMLInputElement>('agent').value.trim();
    const agent = said === '' ? '' : toldSha256(said);
    this.#forget();
    if (suitcase.length === 0 && receipt.length === 0) {
      this.#fail(this.#words.nothing);
      return;
    }
    if (agent === null) {
      this.#fail(this.#words.badDigest);
      return;
    }
    this.#work('checking');
    this.#tell({
      kind: 'verify',
      given: {
        suitcases: suitcase,
        receipts: receipt,
        signatures: signature,
        signers,
        key: key[0] ?? null,
        passphrase: element<HTMLInputElement>('passphrase').value,
        agentSha256: agent,
        most: Number(element<HTMLSelectElement>('most').value) || null,
      },
    });
  }

  /** A saving removes what it wrote, so it is asked to stop; when that takes too long for the person, and for a check, the thread is ended. */
  #stop(): void {
    if (this.#doing === 'saving') {
      this.#doing = 'stopping';
      this.#tell({ kind: 'stop' });
      this.#show();
      return;
    }
    const kept = this.#mayBeLeft();
    this.#endThread();
    this.#forget();
    this.#fail(this.#words.stopped, kept);
  }

  /** What a thread that ends now leaves behind. */
  #mayBeLeft(): Kept | null {
    return this.#folder === null ? null : { name: this.#folder, removed: false };
  }

  #endThread(): void {
    this.#thread.terminate();
    this.#thread = this.#newThread();
    this.#work(null);
  }

  /** What was found belongs to what is no longer given. */
  #forget(): void {
    this.#verified = null;
    this.#rows = null;
    element('rows').replaceChildren();
    this.#failure = null;
    this.#kept = null;
    this.#saved = null;
  }

  #changed(): void {
    const checking = this.#doing === 'checking';
    // What it would find may not be shown either.
    if (checking) this.#endThread();
    this.#forget();
    if (checking) this.#failure = this.#words.stopped;
    this.#show();
  }

  /** `every`: what is not recognised is said; in a folder there may be other files. */
  async #take(files: File[], every = true): Promise<void> {
    this.#unknown = [];
    const found = noFiles();
    for (const file of files) {
      const kind = await kindOf(file);
      if (kind !== null) found[kind].push(file);
      else if (every) this.#unknown.push(printable(file.name));
    }
    this.#several = single.filter((kind) => found[kind].length > 1);
    for (const kind of kinds)
      if (found[kind].length > 0 && !this.#several.includes(kind)) this.#given[kind] = found[kind];
    this.#changed();
  }

  async #drop(given: DataTransfer): Promise<void> {
    const { files, hasFolder } = await droppedFiles(given).catch((cause: unknown) => {
      throw new DepotError('local-unreadable', 'the browser could not read what was dropped', { cause });
    });
    await this.#take(files, !hasFolder);
  }

  #list(): void {
    this.#tell({ kind: 'list', text: element<HTMLInputElement>('search').value, count: ROWS });
  }

  readonly #refused = (error: unknown): void => this.#fail(errorToRecord(error));

  async #saveFolder(): Promise<void> {
    const { showDirectoryPicker } = globalThis as Pickers;
    const directory = await chosen(() => showDirectoryPicker!({ mode: 'readwrite' }), this.#refused);
    if (directory === null) return;
    this.#work('saving');
    this.#tell({ kind: 'save', what: { kind: 'folder', directory, platform: platform() } });
  }

  /** One entry, or with null the whole archive. */
  async #saveFile(entry: { index: number; path: string } | null): Promise<void> {
    const { showSaveFilePicker } = globalThis as Pickers;
    const name = entry === null ? `${this.#verified?.inside?.name ?? 'deposit'}.tar` : safeName(entry.path);
    const handle =
      showSaveFilePicker === undefined
        ? undefined
        : await chosen(() => showSaveFilePicker({ suggestedName: name }), this.#refused);
    if (handle === null) return;
    this.#work('saving');
    this.#tell({
      kind: 'save',
      what:
        entry === null
          ? { kind: 'archive', handle: handle ?? null }
          : { kind: 'file', index: entry.index, handle: handle ?? null },
    });
  }

  #speak(language: Language): void {
    this.#language = language;
    this.#words = texts[language];
    document.documentElement.lang = language;
    element('english').ariaPressed = String(language === 'en');
    element('dutch').ariaPressed = String(language === 'nl');
    document.title = this.#words.texts.title;
    for (const part of document.querySelectorAll<HTMLElement>('[data-text]'))
      part.textContent = this.#words.texts[part.dataset['text'] as keyof OpenerTexts['texts']];
    for (const option of element<HTMLSelectElement>('most').options)
      option.textContent = option.value === '' ? this.#words.mostByItself : this.#size(Number(option.value));
    element('limits').replaceChildren(...this.#words.limits.map((text) => made('li', text)));
    this.#show();
    this.#showRows();
  }

  #show(): void {
    const words = this.#words;
    for (const kind of kinds) {
      const names = this.#given[kind].map(({ name }) => printable(name)).join(', ');
      element(`has-${kind}`).textContent = names === '' ? '' : words.chosen(names);
      const remove = element(`without-${kind}`);
      remove.hidden = names === '';
      remove.ariaLabel = `${words.texts.remove}: ${words.texts[kind]}`;
    }
    element('unknown').textContent = this.#unknown.length === 0 ? '' : words.unknown(this.#unknown.join(', '));
    element('several').textContent = this.#several.map((kind) => words.several(words.texts[kind])).join(' ');
    element('working').hidden = this.#doing === null;
    element('doing').textContent = this.#doing === null ? '' : words[this.#doing];
    this.#showFailure();
    showFindings(this.#verified, words, this.#language);
    if (this.#verified === null) element('inside').hidden = true;
    else showInside(this.#verified, this.#saved, words, this.#language);
    const stock = this.#verified?.stock ?? null;
    element('without-names').hidden = stock !== null;
    element('stock').textContent = stock ?? stockLines(anyDeposit('gzip'));
  }

  /** In the page's own words; an error's hint is for a command line. */
  #showFailure(): void {
    const failure = this.#failure;
    element('failure').hidden = failure === null;
    const known =
      typeof failure === 'object' && failure !== null
        ? ((this.#words.failures[failure.code as keyof OpenerTexts['failures']] as string | undefined) ??
          this.#words.failures.internal)
        : failure;
    element('failure-text').textContent = known ?? '';
    element('failure-kept').textContent =
      this.#kept === null
        ? ''
        : this.#kept.removed
          ? this.#words.removed
          : this.#words.leftBehind(printable(this.#kept.name));
    element('failure-detail').textContent =
      typeof failure === 'object' && failure !== null ? printable(failure.message) : '';
  }

  #showRows(): void {
    if (this.#rows === null) return;
    const { rows, matching } = this.#rows;
    element('matching').textContent = this.#words.matching(
      rows.length.toLocaleString(this.#language),
      matching.toLocaleString(this.#language),
    );
    const isDisabled = this.#doing !== null;
    element('rows').replaceChildren(
      ...rows.map((row) => listLine(row, this.#words, this.#language, isDisabled, () => void this.#saveFile(row))),
    );
  }

  #size(bytes: number): string {
    return sizeIn(this.#language, bytes);
  }
}
