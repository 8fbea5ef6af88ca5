// list.js: the message column: a window of what the simulator remembers, never more than a few
// hundred elements; pages are loaded at both ends.
import { post } from './net.js';
import { el, byId, roving, bdi, button, soon } from './dom.js';
import { messageElement, emojiKey } from './message.js';
import { state, place, isBot, userName, botName } from './state.js';

const PAGE = 50;
const MOST = 200; // elements at a time
const SAME_MS = 5 * 60000; // messages of one author stand together when they came within this

const box = () => byId('messages');
let messages = []; // as shown, the oldest first
let atNewest = true;
let atOldest = false;
let busy = false;
let shownFor = 0; // counts what is looked at, so that late answers are dropped
let act = null;
let stay = true; // at the newest, and so when more comes
let width = 0; // of the column, when it was scrolled last
const dismissed = new Set();
const pending = new Map(); // interaction id -> element

export const near = (node) => node.scrollHeight - node.scrollTop - node.clientHeight < 80;
const mine = (message) => !message.ephemeral || ((!message.for || message.for === state.me) && !dismissed.has(message.id));
const compact = (before, message) => Boolean(before) && before.author?.id === message.author?.id && !before.ephemeral === !message.ephemeral
  && (before.webhook_id ?? null) === (message.webhook_id ?? null) && Date.parse(message.timestamp) - Date.parse(before.timestamp) < SAME_MS;
const older = (a, b) => (a.length - b.length) || (a < b ? -1 : a > b ? 1 : 0); // ids by age
export const elementOf = (id) => box().querySelector(`article[data-id="${CSS.escape(id)}"]`);
export const messageOf = (id) => messages.find((m) => m.id === id);

function elementAt(index) {
  return messageElement(messages[index], act, compact(messages[index - 1], messages[index]));
}

function replaceAt(index) {
  const old = elementOf(messages[index].id);
  if (!old) return;
  const inside = old.contains(document.activeElement);
  const part = inside ? document.activeElement.dataset.part : null;
  const tab = old.tabIndex;
  const node = elementAt(index);
  old.replaceWith(node);
  node.tabIndex = tab;
  if (inside) ((part && node.querySelector(`[data-part="${CSS.escape(part)}"]:not(:disabled)`)) || node).focus({ preventScroll: true });
}

function empty() {
  return el('div.nothing', {}, el('p', {}, state.direct ? 'Nothing was said here yet.' : 'Nobody has said anything here yet.'),
    el('p.small', {}, 'Write something below, or type / for the commands of the bots.'));
}

function draw() {
  box().replaceChildren(...(atOldest && messages.length ? [el('p.beginning', {}, 'What is remembered begins here.')] : []), ...messages.map((_, i) => elementAt(i)));
  if (!messages.length) box().append(empty());
  for (const node of pending.values()) if (atNewest) box().append(node);
  const last = box().querySelector('article:last-of-type');
  if (last) last.tabIndex = 0;
  showLatest();
}

const showLatest = () => { byId('latest').hidden = atNewest && near(box()); };
export const toEnd = () => { stay = true; box().scrollTop = box().scrollHeight; showLatest(); };

/** A page of messages that I may see; ended: there are no more in that direction. */
async function fetchPage(extra) {
  const all = await post('/sim/messages', { ...place(), last: PAGE, ...extra });
  const found = all.filter(mine);
  return Object.assign(found, { ended: all.length < PAGE || !found.length });
}

/** The newest messages of the channel that is looked at now. */
export async function load() {
  const now = ++shownFor;
  const found = await fetchPage({});
  if (now !== shownFor) return;
  // What the feed told while the answer was under way may be newer than it.
  const newest = found.at(-1)?.id ?? '';
  messages = [...found, ...messages.filter((m) => m.channel_id === state.channel && older(newest, m.id) < 0)];
  atNewest = true;
  atOldest = found.ended;
  pending.clear();
  draw();
  toEnd();
}

export function clear() {
  shownFor++;
  messages = [];
  pending.clear();
  box().replaceChildren();
}

/** Keeps what is looked at where it is while elements come or go above it. */
function steady(change) {
  const top = box().getBoundingClientRect().top;
  const anchor = [...box().querySelectorAll('article')].find((a) => a.getBoundingClientRect().bottom > top);
  const before = anchor?.getBoundingClientRect().top;
  change();
  const after = anchor && elementOf(anchor.dataset.id); // it may have been made anew
  if (after) box().scrollTop += after.getBoundingClientRect().top - before;
}

function dropTop() {
  while (messages.length > MOST) {
    elementOf(messages.shift().id)?.remove();
    atOldest = false;
  }
  box().querySelector('.beginning')?.remove();
}

function dropBottom() {
  while (messages.length > MOST) {
    elementOf(messages.pop().id)?.remove();
    atNewest = false;
  }
}

async function loadOlder() {
  const now = shownFor;
  busy = true;
  try {
    const first = messages[0]?.id;
    const found = await fetchPage({ before: first });
    if (now !== shownFor) return;
    if (messages[0]?.id !== first) { // the feed has pushed it out meanwhile: there would be a hole
      setTimeout(more);
      return;
    }
    steady(() => {
      messages = [...found, ...messages];
      atOldest = found.ended;
      box().prepend(...found.map((_, i) => elementAt(i)));
      if (found.length < messages.length) replaceAt(found.length);
      if (atOldest) box().prepend(el('p.beginning', {}, 'What is remembered begins here.'));
      dropBottom();
    });
    setTimeout(more); // it may stand at an end still
  } finally {
    busy = false;
  }
}

async function loadNewer() {
  const now = shownFor;
  busy = true;
  try {
    const last = messages.at(-1)?.id;
    const found = await fetchPage({ after: last });
    if (now !== shownFor) return;
    if (found.ended) atNewest = true;
    steady(() => {
      const from = messages.length;
      messages = [...messages, ...found];
      box().append(...found.map((_, i) => elementAt(from + i)));
      dropTop();
    });
    setTimeout(more); // it may stand at an end still
  } finally {
    busy = false;
  }
}

/** The next page, when one of the ends comes near. */
function more() {
  if (busy || !messages.length) return;
  if (box().scrollTop < 300 && !atOldest) loadOlder().catch(act.failed);
  else if (!atNewest && box().scrollHeight - box().scrollTop - box().clientHeight < 300) loadNewer().catch(act.failed);
}

export async function toNewest() {
  if (!atNewest) await load();
  toEnd();
}

/** Shows a message that may be far away, and gives it the focus. */
export async function jump(id) {
  if (!id) return;
  if (!elementOf(id)) {
    const now = ++shownFor;
    const found = await fetchPage({ before: String(BigInt(id) + 1n) });
    if (now !== shownFor || !found.some((m) => m.id === id)) return;
    messages = found;
    atNewest = false;
    atOldest = false;
    draw();
  }
  const node = elementOf(id);
  node.scrollIntoView({ block: 'center' });
  node.focus({ preventScroll: true });
  node.classList.add('found');
  setTimeout(() => node.classList.remove('found'), 1500);
}

/** A new message of this channel. */
function add(message) {
  if (messageOf(message.id) || !mine(message)) return;
  if (!atNewest) return;
  if (message.author?.id === state.me) stay = true; // who writes wants to see it
  box().querySelector('.nothing')?.remove();
  messages.push(message);
  const node = elementAt(messages.length - 1);
  const first = pending.size ? pending.values().next().value : null;
  if (first?.isConnected) first.before(node);
  else box().append(node);
  if (!box().querySelector('article[tabindex="0"]')) node.tabIndex = 0;
  if (stay) dropTop();
  else if (messages.length > 2 * MOST) { // he reads far above: the rest comes when he gets there
    messages.splice(MOST).forEach((m) => elementOf(m.id)?.remove());
    atNewest = false;
  }
}

/** Lines come many at a time; what needs the layout is done once for all of them. */
export function endLines() {
  if (stay) toEnd();
  else showLatest();
}

/** More came at once than would be shown: what is newest is asked for instead. */
export const tooMany = (lines) => atNewest && lines.filter((l) => l.t === 'MESSAGE_CREATE' && l.d.channel_id === state.channel).length > MOST / 2;

function change(id, make) {
  const index = messages.findIndex((m) => m.id === id);
  if (index < 0) return;
  messages[index] = make(messages[index]);
  replaceAt(index);
}

function remove(id) {
  const index = messages.findIndex((m) => m.id === id);
  if (index < 0) return;
  const node = elementOf(id);
  const had = node?.contains(document.activeElement);
  const neighbour = node?.previousElementSibling ?? node?.nextElementSibling;
  messages.splice(index, 1);
  node?.remove();
  if (had) (neighbour?.matches('article') ? neighbour : box()).focus();
  if (index < messages.length) replaceAt(index); // it may stand alone now
  if (!messages.length && atOldest) box().append(empty());
}

function react(d, added) {
  change(d.message_id, (message) => {
    const list = (message.reactions ?? []).map((r) => ({ ...r }));
    const key = emojiKey(d.emoji);
    const found = list.find((r) => emojiKey(r.emoji) === key);
    const me = d.user_id === state.me;
    if (added && found) { found.count++; found.me = found.me || me; }
    else if (added) list.push({ emoji: d.emoji, count: 1, me });
    else if (found) { found.count--; found.me = found.me && !me; }
    return { ...message, reactions: list.filter((r) => r.count > 0) };
  });
}

const HANDLERS = {
  MESSAGE_CREATE: (d, line) => add({ ...d, ephemeral: line.ephemeral, for: line.for }),
  MESSAGE_UPDATE: (d) => change(d.id, (old) => ({ ...old, ...d, reactions: old.reactions, failed: false })),
  MESSAGE_DELETE: (d) => remove(d.id),
  MESSAGE_DELETE_BULK: (d) => d.ids.forEach(remove),
  MESSAGE_REACTION_ADD: (d) => react(d, true),
  MESSAGE_REACTION_REMOVE: (d) => react(d, false),
  MESSAGE_REACTION_REMOVE_ALL: (d) => change(d.message_id, (m) => ({ ...m, reactions: [] })),
  MESSAGE_REACTION_REMOVE_EMOJI: (d) => change(d.message_id, (m) => ({ ...m, reactions: (m.reactions ?? []).filter((r) => emojiKey(r.emoji) !== emojiKey(d.emoji)) })),
};

/** An event of the channel that is looked at. */
export function take(line) {
  HANDLERS[line.t]?.(line.d, line);
}

/** What becomes of an interaction of mine, as long as no message tells it. */
export function follow(line) {
  if (line.user_id !== state.me) return;
  if (line.on_message && line.outcome === 'no_response') change(line.on_message, (m) => ({ ...m, failed: true }));
  if (line.on_message && line.outcome !== 'pending') elementOf(line.on_message)?.querySelectorAll('[aria-busy]').forEach((b) => b.removeAttribute('aria-busy'));
  if (line.type !== 2 && line.type !== 5) return;
  let node = pending.get(line.id);
  if (line.outcome === 'pending') {
    node = el('div.pending', { role: 'status' });
    node.append(el('span.dots', { 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), `waiting for ${botName(line.bot) ?? 'the bot'} to answer `, what(line));
    pending.set(line.id, node);
    if (atNewest) box().append(node);
  } else if (line.outcome === 'no_response' && node && !line.on_message) {
    node.classList.add('failed');
    const end = () => { pending.delete(line.id); node.remove(); };
    node.replaceChildren(el('span', { 'aria-hidden': 'true' }, '⚠ '), what(line), ': the application did not respond. ', button('link', 'Dismiss', end));
  } else if (node) {
    pending.delete(line.id);
    node.remove();
  }
}
const what = (line) => (line.type === 5 ? el('span', {}, 'the form') : bdi('code', `${line.command_type === 1 ? '/' : ''}${line.name ?? ''}`));

export function dismiss(message) {
  dismissed.add(message.id);
  remove(message.id);
}

const typing = new Map(); // user id -> when it is over
export function type(d) {
  if (d.user_id === state.me) return;
  typing.set(d.user_id, Date.now() + 8000);
  drawTyping();
  setTimeout(drawTyping, 8100);
}
export function typed(userId) {
  if (typing.delete(userId)) drawTyping();
}
export const untype = () => { typing.clear(); drawTyping(); };
const drawTyping = soon(() => {
  for (const [id, end] of typing) if (end < Date.now()) typing.delete(id);
  const names = [...typing.keys()].slice(0, 3).map((id) => bdi('b', isBot(id) ? botName(id) : userName(id)));
  byId('typing').replaceChildren(...names.flatMap((n, i) => (i ? [', ', n] : [n])), names.length ? ` ${names.length > 1 ? 'are' : 'is'} typing…` : '');
});

export function start(actions) {
  act = actions;
  roving(box(), 'article.message');
  box().addEventListener('scroll', () => {
    const same = box().clientWidth === width; // else it is the layout that moved, not a person
    width = box().clientWidth;
    if (same) stay = near(box());
    showLatest();
    more();
  });
  box().addEventListener('keydown', (event) => {
    const article = event.target.closest('article');
    if (event.target === box() && (event.key === 'ArrowUp' || event.key === 'End')) {
      (box().querySelector('article[tabindex="0"]') ?? box().querySelector('article'))?.focus();
      event.preventDefault();
    } else if (article && event.target === article && (event.key === 'Enter' || event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey))) {
      event.preventDefault();
      act.more(messageOf(article.dataset.id), article);
    }
  });
  box().addEventListener('contextmenu', (event) => {
    const article = event.target.closest('article');
    if (!article || event.target.closest('a, input') || getSelection().toString()) return;
    event.preventDefault();
    act.more(messageOf(article.dataset.id), article, { x: event.clientX, y: event.clientY });
  });
  box().addEventListener('load', () => { if (stay) toEnd(); }, true); // a picture has its size now
  new ResizeObserver(() => { if (stay) toEnd(); }).observe(box());
  byId('latest').addEventListener('click', () => toNewest().catch(act.failed));
}
