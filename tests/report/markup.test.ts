import fc from 'fast-check';
import { expect, test } from 'vitest';
import { both, html, verbatim } from '../../src/report/markup.js';

test.each([
  ['<b>"x" & \'y\'</b>', '&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39;&lt;/b&gt;'],
  ['a\u202eb\u0000c\n', 'a\\u202eb\\x00c\\x0a'],
  ['Gemeente Ĳsselstein €', 'Gemeente Ĳsselstein €'],
])('%j is inserted as text', (text, shown) => {
  expect(html`<p title="${text}">${text}</p>`.toString()).toBe(`<p title="${shown}">${shown}</p>`);
});

test('markup from a template is not escaped again; lists and numbers are inserted, null and undefined are left out', () => {
  expect(html`<ul>${[1, 2].map((n) => html`<li>${n}</li>`)}${null}${undefined}</ul>`.toString()).toBe(
    '<ul><li>1</li><li>2</li></ul>',
  );
  expect(both('<', html`<i>x</i>`).toString()).toBe(
    '<span class="en" lang="en">&lt;</span><span class="nl" lang="nl"><i>x</i></span>',
  );
});

test('verbatim text keeps its line breaks, and all else that could act is escaped', () => {
  expect(html`<pre>${verbatim('{\n  "a": "<"\n}\n\u001b[2J')}</pre>`.toString()).toBe(
    '<pre>{\n  &#34;a&#34;: &#34;&lt;&#34;\n}\n\\x1b[2J</pre>',
  );
});

test('no text can break out of its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const inside = html`${text}`.toString();
      expect(inside).not.toMatch(/[<>"'\u0000-\u001f]/);
      expect(inside.replace(/&(?:amp|lt|gt|#34|#39);/g, '')).not.toContain('&');
    }),
  );
});
