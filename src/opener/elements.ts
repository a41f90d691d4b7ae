/** Elements of the page, found and made. What comes out of files is put in as text, never as markup. */

/** The element that page.html gives this name; the caller knows of which kind it is. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as E;
}

/** A new element with this text in it. */
export function made(tag: string, text: string, attributes: Record<string, string> = {}): HTMLElement {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
