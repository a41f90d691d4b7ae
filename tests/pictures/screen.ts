/** What a terminal shows after it got these bytes, and a picture of it. Knows as much of a terminal as depot uses. */
import { escaped, mono, picture, sans } from './svg.js';

interface Cell {
  character: string;
  style: string;
}

const columnWidth = 8.43;
const lineHeight = 20;
const colors: Readonly<Record<number, string>> = {
  31: '#ff9ba3',
  32: '#7ee2a0',
  33: '#f2cc60',
  36: '#76d9e6',
};

/** The lines that are left when everything was drawn, each in pieces of one style. */
function shown(raw: string): { text: string; style: string }[][] {
  const lines: Cell[][] = [[]];
  let column = 0;
  let style = '';
  for (const [token, parameters, command] of raw.matchAll(/\x1b\[([0-9;?]*)([A-Za-z])|[^\x1b]/gu)) {
    const line = lines.at(-1)!;
    if (!token.startsWith('\x1b')) {
      if (token === '\n') lines.push([]);
      else if (token === '\r') column = 0;
      else {
        while (line.length < column) line.push({ character: ' ', style: '' });
        line[column++] = { character: token, style };
      }
    } else if (command === 'G') column = Number(parameters || 1) - 1;
    else if (command === 'K') line.length = Math.min(line.length, column);
    else if (command === 'm') style = styled(style, parameters);
    else if (!parameters.startsWith('?'))
      throw new Error(`depot uses more of a terminal now: ESC[${parameters}${command}`);
  }
  while (lines.at(-1)?.length === 0) lines.pop();
  return lines.map((line) => {
    const pieces: { text: string; style: string }[] = [];
    for (const { character, style: of } of line) {
      const last = pieces.at(-1);
      if (last?.style === of) last.text += character;
      else pieces.push({ text: character, style: of });
    }
    return pieces;
  });
}

function styled(before: string, codes: string): string {
  const code = Number(codes);
  if (code === 0 || code === 39 || code === 22) return '';
  if (code === 1) return 'font-weight="600"';
  if (code === 2) return 'fill="#9da7b3"';
  return code in colors ? `fill="${colors[code]}"` : before;
}

/** The window, `columns` wide; `title` is in its bar. */
export function terminalPicture(title: string, raw: string, columns: number): string {
  const lines = shown(raw);
  const width = Math.ceil(columns * columnWidth) + 40;
  const height = lines.length * lineHeight + 66;
  return picture(width, height, title, [
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9" fill="#161b22" stroke="#3d444d"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map((fill, i) => `<circle cx="${20 + i * 20}" cy="18" r="6" fill="${fill}"/>`),
    `<text x="${width / 2}" y="23" text-anchor="middle" font-family="${escaped(sans)}" font-size="13" fill="#9da7b3">${escaped(title)}</text>`,
    `<g font-family="${escaped(mono)}" font-size="14" fill="#e6edf3">`,
    ...lines.map(
      (pieces, i) =>
        `<text x="20" y="${54 + i * lineHeight}">${pieces
          .map(({ text, style }) => (style === '' ? columnsKept(text) : `<tspan ${style}>${columnsKept(text)}</tspan>`))
          .join('')}</text>`,
    ),
    '</g>',
  ]);
}

/** SVG draws several spaces as one, but not these. */
function columnsKept(text: string): string {
  return escaped(text).replaceAll(' ', '\u00a0');
}
