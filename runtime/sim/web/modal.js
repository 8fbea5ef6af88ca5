// modal.js: forms that bots show, and a small picker of emoji.
import { post, Refused } from './net.js';
import { el, button, shown, plain, freshId } from './dom.js';
import { markdown } from './text.js';
import { KIND, choicesOf } from './parts.js';
import { place } from './state.js';

function dialog(title, ...children) {
  const head = freshId();
  const node = el('dialog.modal', { 'aria-labelledby': head }, el('h3', { id: head, dir: 'auto' }, ...shown(title)), ...children);
  document.body.append(node);
  node.addEventListener('close', () => node.remove());
  node.addEventListener('click', (event) => { if (event.target === node) node.close(); });
  return node;
}

function textInput(part, id) {
  const props = {
    id, value: part.value ?? '', placeholder: plain(part.placeholder ?? ''), 'aria-describedby': `${id}-d`,
    maxlength: String(part.max_length ?? 4000), minlength: String(part.min_length ?? 0), required: part.required !== false, autocomplete: 'off',
  };
  const input = part.style === 2 ? el('textarea', { ...props, value: undefined, rows: 4 }, part.value ?? '') : el('input', { type: 'text', ...props });
  return { input, value: () => input.value };
}

function selectInput(part, id) {
  const most = part.max_values ?? 1;
  const least = part.min_values ?? 1;
  const items = choicesOf(part);
  const input = el('select', { id, multiple: most > 1, size: most > 1 ? Math.min(6, items.length) : undefined, 'aria-describedby': `${id}-d`, required: least > 0 },
    most === 1 ? el('option', { value: '' }, plain(part.placeholder || 'choose')) : null,
    ...items.map((i) => el('option', { value: i.value }, plain(i.hint ? `${i.label} · ${i.hint}` : i.label))));
  return { input, value: () => [...input.selectedOptions].map((o) => o.value).filter(Boolean) };
}

/** Every input of a modal, with its label. */
function fieldsOf(parts) {
  const out = [];
  for (const part of parts ?? []) {
    if (part.type === KIND.row) out.push(...fieldsOf(part.components));
    else if (part.type === KIND.label) out.push({ part: part.component, label: part.label, hint: part.description });
    else if (part.type === KIND.text) out.push({ text: part.content });
    else out.push({ part, label: part.label });
  }
  return out;
}

/** Shows a bot's modal. act: shown, failed. */
export function openModal(modal, act) {
  const values = new Map();
  const error = el('p.failed', { role: 'alert' });
  const rows = fieldsOf(modal.components).map(({ part, label, hint, text }) => {
    if (text !== undefined) return el('div.text', { dir: 'auto' }, ...markdown(text));
    const id = freshId();
    const made = part.type === KIND.textInput ? textInput(part, id) : selectInput(part, id);
    values.set(part.custom_id, made.value);
    return el('div.option-field', {}, el('label', { for: id, dir: 'auto' }, ...shown(label ?? part.custom_id), made.input.required ? el('span.must', {}, ' *') : null),
      made.input, el('small', { id: `${id}-d`, dir: 'auto' }, ...shown(hint ?? '')));
  });
  const form = el('form', { method: 'dialog' }, ...rows, error,
    el('div.row', {}, el('button.primary', { type: 'submit' }, 'Submit'), button('secondary', 'Cancel', () => node.close())));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries([...values].map(([id, value]) => [id, value()]));
    const ready = form.querySelector('[type=submit]');
    ready.disabled = true;
    node.dataset.sent = 'yes';
    const close = setTimeout(() => node.close(), 400); // a refusal comes at once, an answer may take its time
    try {
      const answer = await post('/sim/submit', { ...place(), custom_id: modal.custom_id, fields, wait_ms: 3500 });
      node.close();
      act.shown(answer);
    } catch (refused) {
      if (refused instanceof Refused && refused.status === 400) {
        clearTimeout(close);
        error.textContent = plain(refused.message);
        ready.disabled = false;
      } else {
        node.close();
        if (refused.status !== 504) act.failed(refused);
      }
    }
  });
  const node = dialog(modal.title ?? 'A form', form);
  node.showModal();
  node.querySelector('input, textarea, select')?.focus();
}

const EMOJI = '👍 👎 ❤️ 😀 😂 🤔 😮 😢 🎉 🔥 👀 🙏 ✅ ❌ 🌰 🐿️ 🍂 🌳 🪺 ☕ 🍪 🚀 🐛 💤'.split(' ');

export function pickEmoji(give) {
  const other = el('input', { type: 'text', 'aria-label': 'Another emoji', placeholder: 'another one, or name:id', autocomplete: 'off', maxlength: '60' });
  const done = (emoji) => { node.close(); give(emoji); };
  const node = dialog('React with', el('div.emoji-grid', {}, ...EMOJI.map((e) => button('icon', e, () => done(e), { 'aria-label': e }))),
    el('form', { method: 'dialog', onsubmit: (event) => { event.preventDefault(); if (other.value.trim()) done(other.value.trim()); } },
      el('div.row', {}, other, el('button.primary', { type: 'submit' }, 'React'), button('secondary', 'Cancel', () => node.close()))));
  const grid = node.querySelector('.emoji-grid');
  grid.addEventListener('keydown', (event) => {
    const all = [...grid.children];
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    if (!step) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + step))].focus();
  });
  node.showModal();
  grid.firstChild.focus();
}

/** Asks for a word, such as the argument of a fault. */
export function askFor(title, hint, give) {
  const input = el('input', { type: 'text', 'aria-label': hint, placeholder: hint, autocomplete: 'off', required: true });
  const node = dialog(title, el('form', { method: 'dialog', onsubmit: (event) => { event.preventDefault(); node.close(); give(input.value.trim()); } },
    el('div.row', {}, input, el('button.primary', { type: 'submit' }, 'Do it'), button('secondary', 'Cancel', () => node.close()))));
  node.showModal();
  input.focus();
}

