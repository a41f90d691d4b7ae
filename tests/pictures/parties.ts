/** docs/pictures/parties.svg: who takes part, who holds which key, and what goes from one to the other. */
import { escaped, picture, sans } from './svg.js';

const width = 960;
const height = 536;
const ink = '#1b1f24';
const soft = '#57606a';
const signing = '#0b57d0';
const opening = '#b54708';

interface Key {
  color: string;
  secret: boolean;
  text: string;
}

interface Party {
  x: number;
  y: number;
  name: string;
  who: string;
  keys: Key[];
  reads: string;
}

const box = { width: 264, height: 186 };

const supplier: Party = {
  x: 24,
  y: 24,
  name: 'Supplier',
  who: 'runs depot push every night',
  keys: [
    { color: signing, secret: true, text: 'its private signing key' },
    { color: opening, secret: false, text: "the beneficiary's public key" },
  ],
  reads: 'cannot open what it sealed',
};
const agent: Party = {
  x: 348,
  y: 24,
  name: 'Escrow agent',
  who: 'keeps the sealed files, with SFTP',
  keys: [],
  reads: 'cannot read anything',
};
const beneficiary: Party = {
  x: 672,
  y: 24,
  name: 'Beneficiary',
  who: 'the customer whose data it is',
  keys: [
    { color: opening, secret: true, text: 'its private key' },
    { color: signing, secret: false, text: "the supplier's public key" },
  ],
  reads: 'the only one who can open it',
};
const auditor: Party = {
  x: 348,
  y: 330,
  name: 'Auditor',
  who: 'checks that it really happens',
  keys: [{ color: signing, secret: false, text: "the supplier's public key" }],
  reads: 'can check, cannot read',
};

function text(x: number, y: number, words: string, style = '', anchor = 'start'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" ${style}>${escaped(words)}</text>`;
}

/** A private key is filled, a public one is an outline. */
function keySign(x: number, y: number, { color, secret }: Key): string {
  return `<g fill="${secret ? color : 'none'}" stroke="${color}" stroke-width="2.2" transform="translate(${x} ${y})"><circle cx="7" cy="0" r="5.5"/><path fill="none" d="M12.5 0H26M20 0v5M25 0v4"/></g>`;
}

function drawn(party: Party): string {
  const { x, y } = party;
  const keys = party.keys.flatMap((key, i) => [
    keySign(x + 18, y + 85 + i * 28, key),
    text(x + 50, y + 90 + i * 28, key.text, 'font-size="14"'),
  ]);
  const none = text(x + 18, y + 90, 'no key', `font-size="14" fill="${soft}"`);
  return [
    `<rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="10" fill="#fff" stroke="#8c959f" stroke-width="1.5"/>`,
    text(x + 18, y + 33, party.name, 'font-size="20" font-weight="600"'),
    text(x + 18, y + 56, party.who, `font-size="14" fill="${soft}"`),
    ...(keys.length > 0 ? keys : [none]),
    `<line x1="${x + 18}" y1="${y + 142}" x2="${x + box.width - 18}" y2="${y + 142}" stroke="#d0d7de"/>`,
    text(x + 18, y + 167, party.reads, 'font-size="14" font-weight="600"'),
  ].join('\n');
}

function arrow(path: string, dashed = false): string {
  return `<path d="${path}" fill="none" stroke="${ink}" stroke-width="1.8"${dashed ? ' stroke-dasharray="6 5"' : ''} marker-end="url(#head)"/>`;
}

const label = 'font-size="14"';

export function parties(): string {
  const bottom = supplier.y + box.height;
  return picture(
    width,
    height,
    'Supplier, escrow agent, beneficiary and auditor: only the beneficiary holds the key that opens a deposit',
    [
      `<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="${ink}"/></marker></defs>`,
      `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="12" fill="#f6f8fa" stroke="#d0d7de"/>`,
      `<g font-family="${escaped(sans)}" fill="${ink}">`,
      ...[supplier, agent, beneficiary, auditor].map(drawn),
      // Every night.
      arrow(`M${supplier.x + box.width} 117H${agent.x - 2}`),
      text(318, 91, 'sealed', `${label} font-weight="600"`, 'middle'),
      text(318, 107, 'file', `${label} font-weight="600"`, 'middle'),
      // On the day itself.
      arrow(`M${agent.x + box.width} 117H${beneficiary.x - 2}`, true),
      text(642, 91, 'sealed', `${label} font-weight="600"`, 'middle'),
      text(642, 107, 'file', `${label} font-weight="600"`, 'middle'),
      text(642, 138, 'if the', 'font-size="12"', 'middle'),
      text(642, 152, 'supplier', 'font-size="12"', 'middle'),
      text(642, 166, 'fails', 'font-size="12"', 'middle'),
      // The kit and the receipts.
      arrow(`M200 ${bottom}V262H760V${bottom + 2}`),
      text(480, 253, 'after each deposit: a signed receipt, enough to prove that the key fits', label, 'middle'),
      // What the beneficiary answers.
      arrow(`M860 ${bottom}V300H120V${bottom + 2}`, true),
      text(480, 291, 'when it likes: a signed proof that its key opens the deposit', label, 'middle'),
      // To the auditor.
      arrow(`M60 ${bottom}V423H${auditor.x - 2}`),
      text(204, 412, 'receipts, proofs, report', label, 'middle'),
      // Legend.
      keySign(660, 378, { color: opening, secret: true, text: '' }),
      text(692, 383, 'private key: opens deposits', label),
      keySign(660, 408, { color: opening, secret: false, text: '' }),
      text(692, 413, 'public key: seals them', label),
      keySign(660, 438, { color: signing, secret: true, text: '' }),
      text(692, 443, 'private key: signs receipts', label),
      keySign(660, 468, { color: signing, secret: false, text: '' }),
      text(692, 473, 'public key: checks receipts', label),
      '</g>',
    ],
  );
}
