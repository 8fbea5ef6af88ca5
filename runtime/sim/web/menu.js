// menu.js: what opens beside something: menus, lists to choose from, completions of a text field.
import { el, freshId, plain, shown, button } from './dom.js';

let open = null; // {node, close}

/** Closes what is open. */
export function closePopup(refocus = false) {
  if (!open) return false;
  const { node, anchor, done } = open;
  open = null;
  node.remove();
  anchor?.setAttribute('aria-expanded', 'false');
  if (refocus) anchor?.focus();
  done?.();
  return true;
}

function place(node, anchor, at) {
  document.body.append(node);
  const box = at ?? anchor.getBoundingClientRect();
  const size = node.getBoundingClientRect();
  const below = box.bottom + 6 + size.height <= innerHeight;
  node.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  node.style.top = `${Math.max(8, below ? box.bottom + 6 : box.top - size.height - 6)}px`;
}

function show(node, anchor, at, done) {
  closePopup();
  place(node, anchor, at);
  anchor?.setAttribute('aria-expanded', 'true');
  open = { node, anchor, done };
}

addEventListener('pointerdown', (event) => {
  if (open && !open.node.contains(event.target) && !open.anchor?.contains(event.target)) closePopup();
}, true);
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && open) {
    event.preventDefault();
    event.stopImmediatePropagation();
    closePopup(true);
  }
}, true);
addEventListener('resize', () => closePopup());

/** items: {label, hint, run} or {heading}. at: a point, when it was opened by the pointer. */
export function menu(anchor, items, at) {
  const node = el('div.popup.menu', { role: 'menu' }, ...items.map((item) => (item.heading
    ? el('div.heading', { role: 'presentation' }, item.heading)
    : el('button', { type: 'button', role: 'menuitem', tabindex: '-1', onclick: () => { closePopup(true); item.run(); } },
      el('span', {}, ...shown(item.label)), item.hint ? el('small', {}, ...shown(item.hint)) : null))));
  const all = [...node.querySelectorAll('button')];
  node.addEventListener('keydown', (event) => {
    const i = all.indexOf(document.activeElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === 'Tab') closePopup(true);
    if (to === undefined) return;
    event.preventDefault();
    all[(to + all.length) % all.length].focus();
  });
  show(node, anchor, at && { left: at.x, top: at.y, bottom: at.y });
  all[0]?.focus();
}

const fits = (item, words) => words.every((w) => `${item.label} ${item.hint ?? ''}`.toLowerCase().includes(w));
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** Chooses least to most of items ({value, label, hint}); gives their values, or null. */
export function choose(anchor, { items, least = 1, most = 1, chosen = [], filter, title }) {
  return new Promise((resolve) => {
    const picked = new Set(chosen);
    const many = most > 1 || least === 0;
    let result = null;
    const input = el('input', { type: 'text', placeholder: 'Filter', 'aria-label': 'Filter', autocomplete: 'off' });
    const list = el('div.list', { role: 'listbox', 'aria-multiselectable': String(many), 'aria-label': plain(title || 'Choices'), tabindex: filter ? undefined : '-1' });
    const count = el('span.count', {});
    const ready = button('primary', 'Choose', () => { result = [...picked]; closePopup(true); });
    const node = el('div.popup.choose', { role: 'dialog', 'aria-label': plain(title || 'Choose') }, filter ? input : null, list,
      many ? el('div.row', {}, count, ready) : null);
    let rows = [];
    let active = 0;
    const update = () => {
      rows.forEach(({ item, row }, i) => {
        row.setAttribute('aria-selected', String(picked.has(item.value)));
        row.classList.toggle('active', i === active);
      });
      const id = rows[active]?.row.id ?? '';
      (filter ? input : list).setAttribute('aria-activedescendant', id);
      rows[active]?.row.scrollIntoView({ block: 'nearest' });
      count.textContent = `${picked.size} of ${least === most ? most : `${least} to ${most}`}`;
      ready.disabled = picked.size < least || picked.size > most;
    };
    const toggle = (item) => {
      if (!item) return;
      if (!many) { result = [item.value]; closePopup(true); return; }
      if (picked.has(item.value)) picked.delete(item.value);
      else if (picked.size < most) picked.add(item.value);
      update();
    };
    const fill = () => {
      const words = wordsOf(input.value);
      rows = matching(items.filter((item) => fits(item, words)), input.value).slice(0, 100).map((item) => ({
        item,
        row: el('div.option', { role: 'option', id: freshId(), onclick: () => toggle(item) },
          el('span', { dir: 'auto' }, ...shown(item.label)), item.hint ? el('small', { dir: 'auto' }, ...shown(item.hint)) : null),
      }));
      active = Math.max(0, Math.min(active, rows.length - 1));
      list.replaceChildren(...rows.map((r) => r.row));
      if (!rows.length) list.append(el('div.empty', {}, 'nothing of that name'));
      update();
    };
    input.addEventListener('input', () => { active = 0; fill(); });
    node.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && rows.length) { active = (active + step + rows.length) % rows.length; update(); event.preventDefault(); }
      const inList = document.activeElement === list || document.activeElement === input;
      if (inList && (event.key === 'Enter' || (event.key === ' ' && !filter))) {
        event.preventDefault();
        if (event.key === 'Enter' && many && (event.ctrlKey || picked.has(rows[active]?.item.value)) && !ready.disabled) ready.click();
        else toggle(rows[active]?.item);
      }
    });
    fill();
    show(node, anchor, null, () => resolve(result));
    (filter ? input : list).focus();
  });
}

/**
 * A list below a text field. source(text) gives items or a promise of them, null: nothing to offer.
 * pick(item) is called with the chosen one. Returns {refresh, close, isOpen}.
 */
export function completions(field, { source, pick, label }) {
  const list = el('div.completions', { role: 'listbox', id: freshId(), 'aria-label': label, hidden: true });
  field.setAttribute('role', 'combobox');
  field.setAttribute('aria-autocomplete', 'list');
  field.setAttribute('aria-controls', list.id);
  field.setAttribute('aria-expanded', 'false');
  let items = [];
  let active = 0;
  let asked = 0;
  const isOpen = () => !list.hidden;
  const close = () => {
    asked++;
    list.hidden = true;
    field.setAttribute('aria-expanded', 'false');
    field.removeAttribute('aria-activedescendant');
  };
  const mark = () => {
    [...list.children].forEach((row, i) => row.setAttribute('aria-selected', String(i === active)));
    const row = list.children[active];
    if (row) { field.setAttribute('aria-activedescendant', row.id); row.scrollIntoView({ block: 'nearest' }); }
  };
  const take = (item) => { close(); pick(item); };
  const refresh = async () => {
    const mine = ++asked;
    const found = await source(field.value);
    if (mine !== asked) return;
    items = (found || []).slice(0, 50);
    if (!items.length) { close(); return; }
    active = 0;
    list.replaceChildren(...items.map((item) => el('div.option', { role: 'option', id: freshId(), onpointerdown: (e) => { e.preventDefault(); take(item); } },
      el('span', { dir: 'auto' }, ...shown(item.label)), item.hint ? el('small', { dir: 'auto' }, ...shown(item.hint)) : null)));
    list.hidden = false;
    field.setAttribute('aria-expanded', 'true');
    mark();
  };
  field.addEventListener('input', refresh);
  field.addEventListener('blur', () => setTimeout(() => { if (document.activeElement !== field) close(); }, 100));
  field.addEventListener('keydown', (event) => {
    if (!isOpen()) {
      if (event.key === 'ArrowDown' && field.tagName === 'INPUT') { refresh(); event.preventDefault(); }
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { active = (active + step + items.length) % items.length; mark(); }
    else if (event.key === 'Enter' || (event.key === 'Tab' && !event.shiftKey)) take(items[active]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  return { list, refresh, close, isOpen };
}

/** The items that fit what was typed, best first. */
export function matching(items, text) {
  const words = wordsOf(text);
  const found = items.filter((item) => fits(item, words));
  const start = text.toLowerCase();
  const rank = (item) => {
    const [label, hint] = [item.label.toLowerCase(), (item.hint ?? '').toLowerCase()];
    return label === start || hint === start ? 3 : label.startsWith(start) ? 2 : hint.startsWith(start) ? 1 : 0;
  };
  return start ? found.sort((a, b) => rank(b) - rank(a)) : found;
}
