/** The parts of the page. Whatever comes out of files is put in as text, never as markup. */
import { printable } from '../printable.js';
import type { Check, Verification } from '../reader/checks.js';
import type { Language } from '../texts/both.js';
import type { OpenerTexts } from '../texts/opener-en.js';
import type { ListedEntry } from './listing.js';
import type { Pickers } from './places.js';
import type { FromThread } from './protocol.js';
import { MOST_IN_MEMORY } from './targets.js';

export type Verified = Extract<FromThread, { kind: 'verified' }>;
export type Saved = Extract<FromThread, { kind: 'saved' }>;

/** The element that page.html gives this name; the caller knows of which kind it is. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as E;
}

export function made(tag: string, text: string, attributes: Record<string, string> = {}): HTMLElement {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** A number of bytes, as people of that language write it. */
export function sizeIn(language: Language, bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toLocaleString(language, { maximumFractionDigits: power === 0 ? 0 : 1 })} ${units[power]!}`;
}

/** Without the holder's key nothing shows that anybody can open the deposit, and that is what the page is for. */
function verdictOf({ result, code, checks }: Verification): keyof OpenerTexts['verdict'] {
  if (result === 'passed' && !hasPassed(checks, 'key-proof')) return 'withoutKey';
  return code === 'not-addressed' && checks.every((check) => check.result !== 'failed' || check.name === 'key-proof')
    ? 'otherKey'
    : result;
}

function hasPassed(checks: readonly Check[], wanted: string): boolean {
  return checks.some(({ name, result }) => name === wanted && result === 'passed');
}

/** Anywhere on the page: a browser would otherwise leave the page for the file. */
export function listenForDrops(take: (given: DataTransfer) => void): void {
  const drop = element('drop');
  for (const name of ['dragover', 'dragenter'])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  document.addEventListener('dragleave', () => drop.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    if (event.dataTransfer !== null) take(event.dataTransfer);
  });
}

export function showFindings(verified: Verified | null, words: OpenerTexts, language: Language): void {
  element('result').hidden = verified === null;
  if (verified === null) return;
  const { verification, warnings, exceeded, aside, needed } = verified;
  const verdict = element('verdict');
  const said = verdictOf(verification);
  verdict.className = `verdict ${said === 'withoutKey' ? 'incomplete' : verification.result}`;
  verdict.textContent = words.verdict[said];
  const notes: string[] = [];
  if (verification.checks.some(({ name, result }) => name === 'key-packets' && result === 'failed'))
    notes.push(words.otherReceipt);
  if (exceeded !== null) notes.push(words.tooMuchInside(sizeIn(language, exceeded)));
  if (aside.receipts !== null) notes.push(words.otherReceipts(aside.receipts.taken, aside.receipts.others.join(', ')));
  if (aside.nights.length > 0) notes.push(words.otherNights(aside.nights.join(', ')));
  if (aside.ownKeys.length > 0) notes.push(words.ownKeys(aside.ownKeys.join(', ')));
  element('warnings').replaceChildren(
    ...notes.map((text) => made('li', text)),
    ...warnings.map((text) => made('li', printable(text), { lang: 'en' })),
  );
  showNeeded(needed, words, language);
  element('checks').replaceChildren(...verification.checks.map((check) => finding(check, words)));
}

/** Ready to be copied into a mail to the agent. */
function showNeeded(needed: Verified['needed'], words: OpenerTexts, language: Language): void {
  element('needed').hidden = needed === null;
  if (needed === null) return;
  const { depositId, suitcases, isUnknown, whole } = needed;
  const given = suitcases.filter(({ state }) => state === 'given').length;
  const number = (n: number): string => n.toLocaleString(language);
  const sum = words.needed(depositId, number(suitcases.length), number(given));
  element('needed-words').textContent = isUnknown ? `${sum} ${words.neededUnknown}` : sum;
  element('needed-suitcases').replaceChildren(
    ...suitcases.map(({ depositId, bytes, sha256, state }) => {
      const line = made('li', '');
      line.dataset['state'] = state;
      line.append(
        made('strong', words.neededStates[state], { class: state === 'given' ? 'passed' : 'failed' }),
        made('span', ` ${depositId}${bytes === null ? '' : `, ${number(bytes)} bytes`}`),
        made('code', sha256 === null ? '' : ` SHA-256 ${sha256}`),
      );
      return line;
    }),
  );
  element('needed-whole').textContent = whole === null ? '' : words.neededWhole(whole);
}

function finding({ name, result, detail }: Check, words: OpenerTexts): HTMLElement {
  const check = (words.checks as Partial<Record<string, OpenerTexts['checks']['receipt']>>)[name];
  const [style, which] = (
    { passed: ['passed', 'passed'], failed: ['failed', 'failed'], 'not possible': ['incomplete', 'open'] } as const
  )[result];
  const item = made('li', '');
  item.dataset['check'] = name;
  item.dataset['result'] = result;
  item.append(
    made('h3', check?.title ?? name),
    made('p', words.outcome[result], { class: `outcome ${style}` }),
    made('p', check?.[which] ?? ''),
    made('p', printable(detail), { class: 'detail', lang: 'en' }),
  );
  return item;
}

/** What is inside, and what of it was saved last. */
export function showInside(
  { inside, verification }: Verified,
  saved: Saved | null,
  words: OpenerTexts,
  language: Language,
): void {
  element('inside').hidden = inside === null;
  if (inside === null) return;
  const { showDirectoryPicker, showSaveFilePicker } = globalThis as Pickers;
  const number = (n: number): string => n.toLocaleString(language);
  const summary = words.summary(
    number(inside.entries),
    sizeIn(language, inside.bytes),
    inside.notListed === 0 ? null : number(inside.notListed),
  );
  element('summary').textContent =
    inside.suitcases === 1 ? summary : `${words.night(number(inside.suitcases))} ${summary}`;
  const origin = hasPassed(verification.checks, 'receipt-signature') ? words.originProven : words.originNotProven;
  element('origin').textContent = inside.manifest ? origin : `${origin} ${words.noManifest}`;
  element('folder').hidden = showDirectoryPicker === undefined;
  const isNight = inside.suitcases > 1;
  const isTooLarge = showSaveFilePicker === undefined && inside.bytes > MOST_IN_MEMORY;
  element('archive').hidden = isTooLarge || isNight;
  if (showDirectoryPicker !== undefined)
    element('limit').textContent =
      `${words.room(sizeIn(language, inside.bytes), sizeIn(language, inside.most))} ${isNight ? `${words.roomNight} ` : ''}${words.canFolder}`;
  else if (isNight) element('limit').textContent = words.noFolderNight;
  else element('limit').textContent = isTooLarge ? `${words.noFolder} ${words.tooLarge}` : words.noFolder;
  element('saved').textContent = saved === null ? '' : savedText(saved, words, number);
}

function savedText({ name, report }: Saved, words: OpenerTexts, number: (n: number) => string): string {
  return report === null ? words.saved(name) : words.savedFolder(name, number(report.files), report.notes.length);
}

/** A line of the list of contents; `save` is its button's. */
export function listLine(
  row: ListedEntry,
  words: OpenerTexts,
  language: Language,
  isDisabled: boolean,
  save: () => void,
): HTMLElement {
  const line = made('tr', '');
  const path = made('td', row.target === null ? row.path : `${row.path} → ${row.target}`);
  if (row.type !== 'file') {
    line.append(path, made('td', ''), made('td', words.kinds[row.type]));
    return line;
  }
  const button = made('button', words.save) as HTMLButtonElement;
  button.type = 'button';
  button.ariaLabel = words.saveNamed(row.path);
  button.disabled = isDisabled;
  button.addEventListener('click', save);
  const action = made('td', '');
  action.append(button);
  line.append(path, made('td', sizeIn(language, row.size)), action);
  return line;
}
