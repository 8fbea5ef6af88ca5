// parts.js: components of messages: buttons, selects, and the kinds that lay text out.
import { el, shown, plain } from './dom.js';
import { markdown, link } from './text.js';
import { choose } from './menu.js';
import { entities } from './state.js';

export const KIND = {
  row: 1, button: 2, stringSelect: 3, textInput: 4, userSelect: 5, roleSelect: 6, mentionableSelect: 7, channelSelect: 8,
  section: 9, text: 10, thumbnail: 11, gallery: 12, file: 13, separator: 14, container: 17, label: 18,
};
const STYLES = { 1: 'primary', 2: 'secondary', 3: 'success', 4: 'danger', 5: 'away', 6: 'premium' };
export const ENTITY = { 5: 'user', 6: 'role', 7: 'mentionable', 8: 'channel' };
const WHAT = { 3: 'Choose', 5: 'Choose a user', 6: 'Choose a role', 7: 'Choose a user or role', 8: 'Choose a channel' };

/** An address of the simulator's own files, as this page may load it; null: it is elsewhere. */
export function mediaUrl(address) {
  try {
    const url = new URL(address, location.href);
    return url.port === location.port && url.pathname.startsWith('/attachments/') ? url.pathname : null;
  } catch {
    return null;
  }
}

const emojiOf = (part) => (part.emoji ? el('span.emoji', { 'aria-hidden': 'true' }, ...shown(part.emoji.id ? `:${part.emoji.name}:` : part.emoji.name)) : null);

function buttonPart(part, message, act) {
  const label = part.label ? el('span', { dir: 'auto' }, ...shown(part.label)) : null;
  if (part.style === 5) {
    const node = link(part.url ?? '', [emojiOf(part), label, ' ↗'].filter(Boolean));
    node.classList.add('part', 'away');
    return node;
  }
  const node = el(`button.part.${STYLES[part.style] ?? 'secondary'}`, {
    type: 'button', disabled: Boolean(part.disabled) || part.style === 6, data: { part: part.custom_id ?? '' },
    'aria-label': part.label ? undefined : plain(part.emoji?.name ?? 'a button'),
    onclick: () => act.press(message, part.custom_id, undefined, node),
  }, emojiOf(part), label ?? (part.style === 6 ? 'for sale' : null));
  return node;
}

export const choicesOf = (part) => (part.type === KIND.stringSelect
  ? (part.options ?? []).map((o) => ({ value: o.value, label: `${o.emoji?.name && !o.emoji.id ? `${o.emoji.name} ` : ''}${o.label}`, hint: o.description }))
  : entities(ENTITY[part.type], part.channel_types));

function selectPart(part, message, act) {
  const least = part.min_values ?? 1;
  const most = part.max_values ?? 1;
  const chosen = part.type === KIND.stringSelect ? (part.options ?? []).filter((o) => o.default).map((o) => o.value)
    : (part.default_values ?? []).map((v) => v.id);
  const items = choicesOf(part);
  const said = items.filter((i) => chosen.includes(i.value)).map((i) => i.label).join(', ');
  const title = part.placeholder || WHAT[part.type] || 'Choose';
  const node = el('button.part.select', {
    type: 'button', disabled: Boolean(part.disabled), 'aria-haspopup': 'listbox', 'aria-expanded': 'false', data: { part: part.custom_id ?? '' },
    onclick: async () => {
      const values = await choose(node, { items: choicesOf(part), least, most, chosen, filter: part.type !== KIND.stringSelect || items.length > 10, title });
      if (values) act.press(message, part.custom_id, values, node);
    },
  }, el('span', { dir: 'auto' }, ...shown(said || title)), el('span.chevron', { 'aria-hidden': 'true' }, '▾'));
  return node;
}

const picture = (media, description) => {
  const url = mediaUrl(media?.url);
  return url ? el('img.picture', { src: url, alt: plain(description || 'a picture'), loading: 'lazy' }) : el('p.small', {}, 'picture elsewhere: ', link(media?.url ?? ''));
};

function filePart(part) {
  const url = mediaUrl(part.file?.url);
  const name = part.name ?? part.file?.url?.split('/').pop() ?? 'a file';
  return el('div.file', {}, el('span.file-icon', { 'aria-hidden': 'true' }, '▤'), url ? el('a', { href: url, download: name }, ...shown(name)) : link(part.file?.url ?? '', shown(name)));
}

function container(part, message, act) {
  const node = el('section.embed.container', {}, ...list(part.components, message, act));
  if (Number.isInteger(part.accent_color)) node.style.setProperty('--edge', `#${part.accent_color.toString(16).padStart(6, '0')}`);
  return part.spoiler ? el('div', {}, el('small', {}, 'spoiler'), node) : node;
}

const MAKERS = {
  [KIND.row]: (p, m, a) => el('div.row', {}, ...list(p.components, m, a)),
  [KIND.button]: buttonPart,
  [KIND.section]: (p, m, a) => el('div.section', {}, el('div', {}, ...list(p.components, m, a)), ...list(p.accessory ? [p.accessory] : [], m, a)),
  [KIND.text]: (p) => el('div.text', { dir: 'auto' }, ...markdown(p.content ?? '')),
  [KIND.thumbnail]: (p) => el('div.thumb', {}, picture(p.media, p.description)),
  [KIND.gallery]: (p) => el('div.gallery', {}, ...(p.items ?? []).map((i) => picture(i.media, i.description))),
  [KIND.file]: filePart,
  [KIND.separator]: (p) => (p.divider === false ? el('div.space') : el('hr')),
  [KIND.container]: container,
};
for (const kind of [3, 5, 6, 7, 8]) MAKERS[kind] = selectPart;

const list = (parts, message, act) => (parts ?? []).map((p) => MAKERS[p.type]?.(p, message, act) ?? el('p.small', {}, `a component of type ${Number(p.type)}`));

export const components = (message, act) => el('div.parts', {}, ...list(message.components, message, act));
