/**
 * The demo's dataset: what a small CRM would deposit. SQL dump, CSV and JSON exports, invoices, scans, and names as
 * people make them; all of it from a few seeds and one number, so two runs make the same bytes.
 */
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { packageFile } from '../installation.js';

type Words = Record<
  'givenNames' | 'familyNames' | 'streets' | 'places' | 'companies' | 'products' | 'sentences',
  string[]
>;
type Customer = ReturnType<typeof customer>;
type Invoice = ReturnType<typeof invoice>;

const customers = 800;
const invoices = 60_000;
const notes = 40_000;
const printedInvoices = 700;
const scans = 520;

const template = (name: string): string => packageFile(`test-fixtures/demo/${name}`).toString();
const monday = Date.UTC(2026, 9, 5);

/** Fills `directory`, which must exist; at least 2,000 files and 50 MiB. */
export function makeDataset(directory: string, seed = 20_261_005): void {
  const words = JSON.parse(template('words.json')) as Words;
  const schema = template('schema.sql');
  const oddNames = JSON.parse(template('odd-names.json')) as string[];
  const dice = new Dice(seed);
  const write = (path: string, content: string | Uint8Array): void => {
    writeFileSync(join(directory, path), content);
    // Times of an ordinary working life, with fractions of a second as real ones have.
    const time = monday / 1000 - dice.below(90_000_000) - dice.below(1000) / 1000;
    utimesSync(join(directory, path), time, time);
  };
  const folder = (path: string) => mkdirSync(join(directory, path), { recursive: true });

  const known = Array.from({ length: customers }, (_, i) => customer(i + 1, words, dice));
  const issued = Array.from({ length: invoices }, (_, i) => invoice(i + 1, known, words, dice));

  folder('database');
  write('database/crm.sql', sqlDump(schema, known, issued, words, dice));

  folder('export');
  write('export/customers.csv', csv(known.map((c) => ({ ...c }))));
  const byMonth = groupByMonth(issued);
  for (const [month, list] of byMonth)
    write(`export/invoices-${month}.csv`, csv(list.map(({ customer: c, ...i }) => ({ ...i, customer: c.name }))));

  folder('api/customers');
  for (const c of known)
    write(
      `api/customers/${String(c.id).padStart(6, '0')}.json`,
      `${JSON.stringify({ ...c, notes: Array.from({ length: 1 + dice.below(6) }, () => dice.of(words.sentences)) }, null, 2)}\n`,
    );

  for (const i of issued.slice(0, printedInvoices)) {
    folder(`attachments/${i.issued.slice(0, 7)}`);
    write(`attachments/${i.issued.slice(0, 7)}/invoice-${String(i.id).padStart(6, '0')}.pdf`, invoicePdf(i));
  }
  folder('attachments/scans');
  for (let n = 1; n <= scans; n++)
    write(`attachments/scans/scan-${String(n).padStart(4, '0')}.png`, scanPng(260 + dice.below(60), 300, dice));

  oddities(directory, oddNames, words, dice, write);
}

/** Names, links, modes and sizes that go wrong in lesser tools; only what the platform's file systems take. */
function oddities(
  directory: string,
  names: string[],
  words: Words,
  dice: Dice,
  write: (path: string, content: string) => void,
): void {
  const at = (path: string): string => join(directory, 'attachments/inbox', path);
  mkdirSync(at('empty folder'), { recursive: true });
  const windows = process.platform === 'win32';
  for (const name of names.filter((n) => !windows || !/[<>:"|?*\n\t]|[ .]$/.test(n)))
    write(`attachments/inbox/${name}`, `${dice.of(words.sentences)}\n`);
  write('attachments/inbox/empty file', '');
  const deep = Array.from(
    { length: 5 },
    (_, i) => `folder ${i + 1} ${'of a very careful archivist '.repeat(2).trim()}`,
  ).join('/');
  if (windows) return;
  mkdirSync(at(deep), { recursive: true });
  write(`attachments/inbox/${deep}/found at last.txt`, 'The path to this file has more than 255 bytes.\n');
  linkSync(at('README'), at('README, the same file again'));
  symlinkSync('README', at('link to README'));
  symlinkSync('/usr/share/doc', at('link out of the dataset'));
  for (const link of ['link to README', 'link out of the dataset']) lutimesSync(at(link), monday / 1000, monday / 1000);
  chmodSync(at('.hidden'), 0o400);
  // Old file servers leave names in Latin-1 behind; only here do names have no fixed encoding.
  if (process.platform === 'linux')
    writeFileSync(
      Buffer.concat([Buffer.from(at('')), Buffer.from('caf\xe9.txt', 'latin1')]),
      'The name of this file is not UTF-8.\n',
    );
}

function customer(id: number, words: Words, dice: Dice) {
  const contact = `${dice.of(words.givenNames)} ${dice.of(words.familyNames)}`;
  const name = `${dice.of(words.companies)} ${dice.of(words.familyNames)}`;
  return {
    id,
    name,
    contact,
    street: `${dice.of(words.streets)} ${1 + dice.below(240)}`,
    postcode: `${1000 + dice.below(8999)}${dice.letter()}${dice.letter()}`,
    place: dice.of(words.places),
    email: `info@customer-${id}.example`,
    since: day(monday - dice.below(3000) * 86_400_000),
  };
}

function invoice(id: number, known: Customer[], words: Words, dice: Dice) {
  return {
    id,
    customer: dice.of(known),
    issued: day(monday - dice.below(720) * 86_400_000),
    cents: 995 + dice.below(400_000),
    paid: dice.below(10) > 0,
    product: dice.of(words.products),
  };
}

function sqlDump(schema: string, known: Customer[], issued: Invoice[], words: Words, dice: Dice): string {
  const rows = [schema];
  const table = (name: string, columns: string, lines: Iterable<string>): void => {
    rows.push(`COPY public.${name} (${columns}) FROM stdin;\n`, ...lines, '\\.\n\n');
  };
  table(
    'customer',
    'id, name, contact, street, postcode, place, email, since',
    known.map((c) => `${Object.values(c).join('\t')}\n`),
  );
  table(
    'invoice',
    'id, customer_id, issued, cents, paid, reference',
    issued.map((i) => `${i.id}\t${i.customer.id}\t${i.issued}\t${i.cents}\t${i.paid ? 't' : 'f'}\t${dice.hex(24)}\n`),
  );
  table(
    'note',
    'id, customer_id, written, author, body',
    Array.from(
      { length: notes },
      (_, i) =>
        `${i + 1}\t${1 + dice.below(known.length)}\t${day(monday - dice.below(2000) * 86_400_000)} 09:${10 + dice.below(50)}:00+01\t${dice.of(words.givenNames)}\t${dice.of(words.sentences)} ${dice.of(words.sentences)}\n`,
    ),
  );
  rows.push('--\n-- PostgreSQL database dump complete\n--\n');
  return rows.join('');
}

function csv(rows: Record<string, string | number | boolean>[]): string {
  const quote = (value: string | number | boolean): string =>
    /[;"\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return [Object.keys(rows[0] ?? {}).join(';'), ...rows.map((row) => Object.values(row).map(quote).join(';')), ''].join(
    '\r\n',
  );
}

function groupByMonth(issued: Invoice[]): Map<string, Invoice[]> {
  const months = new Map<string, Invoice[]>();
  for (const i of issued) {
    const month = i.issued.slice(0, 7);
    const list = months.get(month) ?? [];
    list.push(i);
    months.set(month, list);
  }
  return months;
}

/** A valid one-page PDF with the invoice's lines. */
function invoicePdf(i: Invoice): Buffer {
  const line = (text: string, y: number): string =>
    `BT /F1 12 Tf 72 ${y} Td (${text.replace(/[^\x20-\x7e]/g, '?').replace(/[()\\]/g, '\\$&')}) Tj ET\n`;
  const text =
    line(`Invoice ${i.id}`, 760) +
    line(i.customer.name, 730) +
    line(i.customer.street, 715) +
    line(`${i.product}: EUR ${(i.cents / 100).toFixed(2)}`, 680) +
    line(`Issued ${i.issued}`, 660);
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${text.length} >>\nstream\n${text}endstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let body = '%PDF-1.4\n';
  const offsets = objects.map((object, n) => {
    const offset = body.length;
    body += `${n + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const xref = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  return Buffer.from(
    `${body}xref\n0 6\n0000000000 65535 f \n${xref}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`,
    'latin1',
  );
}

/** A grey PNG full of noise, as scans are: it does not compress. */
function scanPng(width: number, height: number, dice: Dice): Buffer {
  const pixels = dice.bytes((width + 1) * height);
  for (let y = 0; y < height; y++) pixels[y * (width + 1)] = 0; // no filter on this row
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** xorshift32: the same throws from the same seed, on every platform. */
class Dice {
  constructor(private state: number) {}

  private next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  of<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new Error('an empty list has nothing to choose from');
    return found;
  }

  letter(): string {
    return String.fromCharCode(65 + this.below(26));
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.next().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  bytes(count: number): Buffer {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.next();
    return Buffer.from(words.buffer, 0, count);
  }
}
