// message.js: one message as an element: text, embeds, files, reactions, what it answers.
import { el, shown, bdi, button, plain } from './dom.js';
import { markdown, inline, link } from './text.js';
import { components, mediaUrl } from './parts.js';
import { state, userName, colourOf, isBot, botName, shownName } from './state.js';

const LOADING = 128;
const SUPPRESSED = 4;

const hue = (id) => Number(BigInt(id || 0) % 360n);
export function avatar(id, name) {
  const node = el('span.avatar', { 'aria-hidden': 'true' }, [...plain(name || '?')][0]?.toUpperCase() ?? '?');
  node.style.setProperty('--hue', hue(id));
  if (isBot(id)) node.classList.add('bot');
  return node;
}

const timeOf = (text) => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
};
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

function time(text) {
  const date = timeOf(text);
  if (!date) return null;
  const today = date.toDateString() === new Date().toDateString();
  return el('time', { datetime: date.toISOString(), title: FULL.format(date) }, today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`);
}

export const authorName = (message) => {
  const { author } = message;
  if (!author) return 'somebody';
  if (message.webhook_id && !isBot(author.id)) return author.username;
  return botName(author.id) ?? (state.members.has(author.id) ? userName(author.id) : shownName(author));
};

function author(message) {
  const node = bdi('span.author', authorName(message));
  const colour = colourOf(message.author?.id);
  if (colour) node.style.setProperty('--role', colour);
  return node;
}

const image = (url, description, name) => {
  const local = mediaUrl(url);
  return local ? el('img.picture', { src: local, alt: plain(description || name || 'a picture'), loading: 'lazy', decoding: 'async' })
    : el('p.small', {}, 'picture elsewhere: ', link(url));
};

const sizeOf = (bytes) => (bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

export function attachment(file) {
  const url = mediaUrl(file.url);
  if (/^image\//.test(file.content_type ?? '') && url) {
    return el('figure', {}, el('a', { href: url, target: '_blank', rel: 'noopener' }, image(file.url, file.description, file.filename)));
  }
  return el('div.file', {}, el('span.file-icon', { 'aria-hidden': 'true' }, '▤'),
    url ? el('a', { href: url, download: file.filename }, ...shown(file.filename)) : el('span', {}, ...shown(file.filename)),
    el('small', {}, sizeOf(Number(file.size) || 0)));
}

function embedField(field) {
  return el(field.inline ? 'div.field.inline' : 'div.field', {},
    el('strong', { dir: 'auto' }, ...inline(field.name ?? '')), el('div', { dir: 'auto' }, ...markdown(field.value ?? '')));
}

export function embed(data) {
  const node = el('section.embed', { 'aria-label': plain(`Embed ${data.title ?? ''}`.trim()) });
  if (Number.isInteger(data.color)) node.style.setProperty('--edge', `#${data.color.toString(16).padStart(6, '0')}`);
  if (data.author?.name) {
    node.append(el('p.embed-author', { dir: 'auto' }, ...(data.author.url ? [link(data.author.url, shown(data.author.name))] : shown(data.author.name))));
  }
  if (data.title) node.append(el('p.embed-title', { dir: 'auto' }, ...(data.url ? [link(data.url, inline(data.title))] : inline(data.title))));
  if (data.description) node.append(el('div.embed-text', { dir: 'auto' }, ...markdown(data.description)));
  if (data.fields?.length) node.append(el('div.fields', {}, ...data.fields.slice(0, 25).map(embedField)));
  if (data.image?.url) node.append(image(data.image.url, '', 'the embed\'s picture'));
  if (data.thumbnail?.url) node.append(el('div.thumbnail', {}, image(data.thumbnail.url, '', 'the embed\'s thumbnail')));
  const foot = [data.footer?.text ? bdi('span', data.footer.text) : null, data.timestamp ? time(data.timestamp) : null].filter(Boolean);
  if (foot.length) node.append(el('p.embed-foot', {}, ...foot));
  return node;
}

export const emojiText = (emoji) => (emoji?.id ? `:${emoji.name}:` : emoji?.name ?? '?');
export const emojiKey = (emoji) => (emoji?.id ? `${emoji.name}:${emoji.id}` : emoji?.name ?? '');

function reactions(message, act) {
  if (!message.reactions?.length) return null;
  return el('div.reactions', { role: 'group', 'aria-label': 'Reactions' }, ...message.reactions.map((r) => button(
    'reaction', [el('span', {}, ...shown(emojiText(r.emoji))), el('span.number', {}, String(r.count))],
    () => act.react(message, r.emoji, !r.me),
    { 'aria-pressed': String(Boolean(r.me)), 'aria-label': plain(`${emojiText(r.emoji)}, ${r.count}${r.me ? ', yours too' : ''}`) })));
}

function reference(message, act) {
  const used = message.interaction_metadata;
  if (message.referenced_message || message.message_reference) {
    const other = message.referenced_message;
    return button('reference', other
      ? [el('span', { 'aria-hidden': 'true' }, '↱ '), bdi('b', authorName(other)), ' ', bdi('span', (other.content || 'a message').slice(0, 120))]
      : '↱ a message that is gone', () => act.jump(message.message_reference?.message_id), { 'aria-label': 'What it answers' });
  }
  if (used?.user && message.interaction) {
    return el('p.reference', {}, el('span', { 'aria-hidden': 'true' }, '↱ '), bdi('b', userName(used.user.id)), ' used ', bdi('code', `${message.type === 20 ? '/' : ''}${message.interaction.name ?? ''}`));
  }
  return null;
}

function body(message, act) {
  const parts = [];
  if ((message.flags & LOADING) !== 0) {
    parts.push(el('p.thinking', {}, el('span.dots', { 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), 'is thinking…'));
  }
  const edited = message.edited_timestamp ? el('small.edited', { title: plain(message.edited_timestamp) }, '(edited)') : null;
  if (message.content) parts.push(el('div.text', { dir: 'auto' }, ...markdown(message.content), edited && ' ', edited));
  else if (edited) parts.push(edited);
  if ((message.flags & SUPPRESSED) === 0) parts.push(...(message.embeds ?? []).slice(0, 10).map(embed));
  parts.push(...(message.attachments ?? []).map(attachment));
  if (message.components?.length) parts.push(components(message, act));
  return parts;
}

function tools(message, act) {
  const item = (label, text, run) => button('icon', text, run, { 'aria-label': label, title: label, tabindex: '-1' });
  return el('div.tools', { role: 'group', 'aria-label': 'Do something with it' },
    message.ephemeral ? null : item('React', '☺', (e) => act.pickEmoji(message, e.currentTarget)),
    message.ephemeral ? null : item('Reply', '↰', () => act.reply(message)),
    item('More', '⋯', (e) => act.more(message, e.currentTarget)));
}

/** act: react, pickEmoji, reply, more, jump, dismiss, press. compact: by the same author as before. */
export function messageElement(message, act, compact) {
  const name = authorName(message);
  const bot = message.author?.bot || isBot(message.author?.id);
  const node = el('article.message', {
    tabindex: '-1', data: { id: message.id, author: message.author?.id ?? '' },
    'aria-label': plain(`${name}${bot ? ', a bot' : ''}: ${(message.content || (message.embeds?.length ? 'an embed' : 'a message')).slice(0, 80)}`),
  });
  const head = reference(message, act);
  compact = compact && !head;
  node.classList.toggle('compact', Boolean(compact));
  node.classList.toggle('ephemeral', Boolean(message.ephemeral));
  node.classList.toggle('mentioned', Boolean(state.me && (message.mention_everyone || message.mentions?.some((m) => m.id === state.me))));
  node.append(compact ? el('span.gutter', { 'aria-hidden': 'true' }, time(message.timestamp)) : avatar(message.author?.id, name));
  const content = el('div.content', {});
  if (head) content.append(head);
  if (!compact) {
    content.append(el('p.by', {}, author(message), bot ? el('span.badge', {}, message.webhook_id && !isBot(message.author?.id) ? 'webhook' : 'bot') : null,
      time(message.timestamp), message.pinned ? el('span.badge', {}, 'pinned') : null));
  }
  content.append(...body(message, act));
  const reacted = reactions(message, act);
  if (reacted) content.append(reacted);
  if (message.failed) content.append(el('p.failed', { role: 'status' }, 'This interaction failed: the application did not respond.'));
  if (message.ephemeral) {
    content.append(el('p.only-you', {}, 'Only you can see this. ', button('link', 'Dismiss', () => act.dismiss(message))));
  }
  node.append(content, tools(message, act));
  return node;
}
