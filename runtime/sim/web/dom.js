// dom.js: making elements. Text is text: nothing here reads markup.

/** el('button.primary', {type: 'button', onclick: f}, 'text', child, ...) */
export function el(spec, props, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(node.dataset, value);
    else if (key in node && typeof value !== 'string') node[key] = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** A button that does one thing. */
export function button(spec, label, onclick, props = {}) {
  return el(`button.${spec}`, { type: 'button', onclick, ...props }, label);
}

let counter = 0;
export const freshId = () => `x${++counter}`;

// Characters that would change how what stands around them is read, or that cannot be seen.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;
const HIDDEN_ALL = new RegExp(HIDDEN.source, 'g');
const name = (c) => `U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** A stranger's text as nodes: what cannot be seen is shown by its name. */
export function shown(text) {
  text = String(text ?? '');
  if (!HIDDEN.test(text)) return [document.createTextNode(text)];
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN_ALL)) {
    if (match.index > at) nodes.push(document.createTextNode(text.slice(at, match.index)));
    nodes.push(el('span.hidden-char', { title: 'a character that cannot be seen' }, name(match[0])));
    at = match.index + 1;
  }
  if (at < text.length) nodes.push(document.createTextNode(text.slice(at)));
  return nodes;
}

/** The same where only a plain string can stand: labels, titles, options. */
export const plain = (text) => String(text ?? '').replace(HIDDEN_ALL, (c) => `<${name(c)}>`);

/** A stranger's name or text as one unit, whichever way it is written. */
export const bdi = (spec, text) => el(spec, { dir: 'auto' }, ...shown(text));

/** One of many has tabindex 0, arrows go to its neighbours, Home and End to the ends. */
export function roving(container, selector, keys = ['ArrowUp', 'ArrowDown']) {
  container.addEventListener('keydown', (event) => {
    const all = [...container.querySelectorAll(selector)];
    const at = all.indexOf(event.target.closest(selector));
    const to = event.key === keys[0] ? at - 1 : event.key === keys[1] ? at + 1
      : event.key === 'Home' ? 0 : event.key === 'End' ? all.length - 1 : -2;
    if (at < 0 || to === -2 || event.target !== all[at]) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
  container.addEventListener('focusin', (event) => {
    const item = event.target.closest(selector);
    if (!item || event.target !== item) return;
    for (const other of container.querySelectorAll(`${selector}[tabindex="0"]`)) other.tabIndex = -1;
    item.tabIndex = 0;
  });
}

/** Runs f once after so many milliseconds (in the next frame), however often it is asked for. */
export function soon(f, ms = 16) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setTimeout(() => { asked = false; f(); }, document.hidden ? 200 + ms : ms);
  };
}
