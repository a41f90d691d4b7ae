/** What stands on a terminal after it got these bytes, with all that scrolled away above it. Knows what depot and its questions use. */
export function terminalShows(raw: string): string {
  const lines: string[][] = [[]];
  let row = 0;
  let column = 0;
  for (const [token, parameters, command] of raw.matchAll(/\x1b\[([0-9;?]*)([A-Za-z])|[^\x1b]/gu)) {
    while (lines.length <= row) lines.push([]);
    const line = lines[row];
    const count = Number(parameters || 1);
    if (!token.startsWith('\x1b')) {
      if (token === '\n') row++;
      else if (token === '\r') column = 0;
      else if (token === '\b') column = Math.max(0, column - 1);
      else {
        while (line.length < column) line.push(' ');
        line[column++] = token;
      }
    } else if (command === 'G') column = count - 1;
    else if (command === 'A') row = Math.max(0, row - count);
    else if (command === 'B') row += count;
    else if (command === 'C') column += count;
    else if (command === 'D') column = Math.max(0, column - count);
    else if (command === 'K') line.length = Math.min(line.length, parameters === '2' ? 0 : column);
    else if (command === 'J') {
      line.length = Math.min(line.length, column);
      lines.length = row + 1;
    } else if (command !== 'm' && !parameters.startsWith('?'))
      throw new Error(`depot uses more of a terminal now: ESC[${parameters}${command}`);
  }
  return lines
    .map((line) => line.join('').trimEnd())
    .join('\n')
    .trimEnd();
}
