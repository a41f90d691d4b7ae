/** Links and pictures in the documents lead to files that are there, and to headings that are there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';

const pages = ['.', 'bench', 'docs', 'docs/decisions', 'docs/deploy'].flatMap((folder) =>
  readdirSync(join(checkout, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);
const text = (page: string): string => readFileSync(join(checkout, page), 'utf8').replace(/^```[^]*?^```/gm, '');

/** What a heading is called in an address, as GitHub does it. */
const anchors = (page: string): string[] =>
  [...text(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(pages)('every link of %s leads somewhere', (page) => {
  const links = [...text(page).matchAll(/(?<=\]\()[^)\s]+(?=\))|(?<=src=")[^"]+/g)].map(([link]) => link);
  const dead = links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file, anchor = ''] = link.split('#');
      const to = join(checkout, file === '' ? page : join(dirname(page), file));
      if (!existsSync(to)) return true;
      return anchor !== '' && (statSync(to).isDirectory() || !anchors(relative(checkout, to)).includes(anchor));
    });
  expect(dead).toEqual([]);
});
