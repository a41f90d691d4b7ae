import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { load, page, saysTo, schemas, sections } from './configuration.js';
import { type ErrorCode, exitStatus } from '../../src/texts/exits.js';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test('docs/configuration.md and the schemas match the declarations (npm run docs)', async () => {
  expect(await page()).toBe(read('docs/configuration.md'));
  for (const [name, text] of Object.entries(schemas())) expect(text, name).toBe(read(`schemas/${name}`));
});

const entries = sections.flatMap((section) =>
  Object.entries(section.keys).map(([name, key]) => ({
    title: `${section.of ?? 'top'}: ${name}`,
    name,
    key,
    words: section.words[name],
    section,
  })),
);

describe.each(entries)('$title', ({ name, words, section: { put } }) => {
  test('its example is accepted', async () => {
    expect(await saysTo(put({ [name]: words.example }))).toEqual([]);
  });

  test('every wrong value is refused', async () => {
    expect(words.wrong.length).toBeGreaterThan(0);
    for (const wrong of words.wrong) expect(await saysTo(put({ [name]: wrong })), wrong).not.toEqual([]);
  });
});

describe.each(entries.filter(({ key }) => key.preset))('$title', ({ name, key, section: { put } }) => {
  test('its default, written out, means the same as leaving it out', async () => {
    expect(await load(put({ [name]: key.preset?.written ?? '' }))).toEqual(await load(put({})));
  });
});

test('every link within docs/configuration.md leads to exactly one heading', () => {
  const text = read('docs/configuration.md');
  const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  expect(anchors.filter((one, i) => anchors.indexOf(one) !== i)).toEqual([]);
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, to]) => to);
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter((to) => !anchors.includes(to))).toEqual([]);
});

test('every error code that the page gives for a key exists, with the exit code of docs/exit-codes.md', () => {
  const listed = read('docs/exit-codes.md');
  for (const { title, words } of entries)
    for (const code of Object.keys(words.later ?? {})) {
      expect(exitStatus[code as ErrorCode], `${title}: ${code}`).toBeGreaterThan(0);
      expect(listed, `${title}: ${code}`).toContain(`\`${code}\``);
    }
});
