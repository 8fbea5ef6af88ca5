// app.js: the page: its parts, what the feed changes in them, and what a person does.
import { post, watch } from './net.js';
import { el, byId, button, bdi, shown, plain, roving, soon } from './dom.js';
import {
  state, remember, remembered, learn, loadWorld, loadGuild, loadCommands, place, userName, colourOf, botName, menuCommands, isTextLike, isBot, channelName,
} from './state.js';
import { avatar, emojiKey } from './message.js';
import { menu } from './menu.js';
import { openModal, pickEmoji } from './modal.js';
import * as list from './list.js';
import * as composer from './composer.js';
import * as panel from './panel.js';

const narrow = matchMedia('(max-width: 720px)');

// ---- notes and themes

function note(text, kind = 'failed') {
  const node = el(`div.note.${kind}`, {}, ...shown(text), button('icon', '✕', () => node.remove(), { 'aria-label': 'Dismiss' }));
  byId('notes').append(node);
  while (byId('notes').children.length > 3) byId('notes').firstChild.remove();
  setTimeout(() => node.remove(), 8000);
}
const failed = (error) => {
  if (error?.status !== 0) note(error?.message ?? String(error)); // 0: the connection's state says it
};

function theme(name) {
  document.documentElement.dataset.theme = name;
  remember('theme', name);
}
const systemTheme = () => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

// ---- drawers: beside the chat where there is room, over it where there is none

const DRAWERS = { left: 'open-left', members: 'open-members', panel: 'open-panel' };

function setDrawer(name, open, quiet) {
  const node = byId(name);
  const opener = byId(DRAWERS[name]);
  if (open && narrow.matches) Object.keys(DRAWERS).filter((n) => n !== name).forEach((n) => setDrawer(n, false, true));
  if (name === 'left') node.classList.toggle('open', open);
  else node.hidden = !open;
  opener.setAttribute(name === 'left' ? 'aria-expanded' : 'aria-pressed', String(open));
  byId('app').classList.toggle(`with-${name}`, open && !narrow.matches);
  byId('shade').hidden = !(narrow.matches && Object.keys(DRAWERS).some(isOpen));
  if (!narrow.matches && name !== 'left') remember(name, open ? 'open' : 'shut');
  if (quiet) return;
  if (open && name === 'panel') panel.draw();
  if (open && narrow.matches) (node.querySelector('button, select, input') ?? node).focus();
  if (!open) opener.focus();
}
const isOpen = (name) => (name === 'left' ? byId('left').classList.contains('open') : !byId(name).hidden);

function layOut() {
  for (const name of Object.keys(DRAWERS)) setDrawer(name, !narrow.matches && (name === 'members' ? remembered('members') !== 'shut' : remembered(name) === 'open'), true);
}

// ---- what is shown at the left

function initials(name) {
  const words = name.split(/[\s-]+/).filter(Boolean);
  return (words.length > 1 ? words.map((w) => [...w][0]).join('') : [...name].slice(0, 2).join('')).slice(0, 3);
}

function drawRail() {
  byId('rail').replaceChildren(...state.guilds.map((g, i) => button('guild', initials(plain(g.name)), () => openGuild(g.id).catch(failed), {
    title: plain(g.name), 'aria-label': plain(g.name), 'aria-current': state.guild?.id === g.id ? 'true' : undefined,
    tabindex: (state.guild ? state.guild.id === g.id : i === 0) ? '0' : '-1',
  })));
}

function channelButton(channel, depth) {
  const current = !state.direct && state.channel === channel.id;
  const sign = channel.type === 2 ? '♪' : channel.type === 5 ? '❧' : channel.type >= 10 && channel.type <= 12 ? '⌙' : '#';
  return button(`channel${depth ? '.below' : ''}${state.unread.has(channel.id) ? '.unread' : ''}`, [el('span.sign', { 'aria-hidden': 'true' }, sign), bdi('span', channel.name ?? '')],
    () => openChannel(channel.id).catch(failed), { data: { id: channel.id }, 'aria-current': current ? 'page' : undefined, tabindex: current ? '0' : '-1' });
}

const drawChannels = soon(() => {
  const box = byId('channels');
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  const all = [...state.channels.values()].sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  const nodes = [];
  const put = (channel) => {
    nodes.push(channelButton(channel, false));
    all.filter((t) => t.type >= 10 && t.type <= 12 && t.parent_id === channel.id && !t.thread_metadata?.archived).forEach((t) => nodes.push(channelButton(t, true)));
  };
  const loose = all.filter((c) => isTextLike(c.type) && !(c.type >= 10 && c.type <= 12));
  loose.filter((c) => !state.channels.has(c.parent_id)).forEach(put);
  for (const category of all.filter((c) => c.type === 4)) {
    nodes.push(el('h3', {}, ...shown(category.name ?? '')));
    loose.filter((c) => c.parent_id === category.id).forEach(put);
  }
  nodes.push(el('h3', {}, 'direct messages'));
  for (const bot of state.bots.values()) {
    const current = state.direct === bot.bot;
    nodes.push(button('channel', [el(`span.dot.${bot.online ? 'online' : 'offline'}`, { title: bot.online ? 'connected' : 'not connected' }), bdi('span', botName(bot.bot))],
      () => openDirect(bot.bot).catch(failed), { data: { id: `dm${bot.bot}` }, 'aria-current': current ? 'page' : undefined, tabindex: current ? '0' : '-1' }));
  }
  if (!state.bots.size) nodes.push(el('p.small', {}, 'No bot has come yet.'));
  box.replaceChildren(...nodes);
  if (!box.querySelector('[tabindex="0"]')) box.querySelector('button')?.setAttribute('tabindex', '0');
  if (focused) box.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
});

function drawWho() {
  const sorted = [...state.members.values()].sort((a, b) => a.user.username.localeCompare(b.user.username));
  byId('who').replaceChildren(...sorted.map((m) => el('option', { value: m.user.id, selected: m.user.id === state.me }, plain(`${m.user.username}${m.nick ? ` (${m.nick})` : ''}`))));
}

function drawHead() {
  const name = state.direct ? botName(state.direct) : channelName(state.channel);
  byId('guild-name').replaceChildren(...shown(state.guild?.name ?? ''));
  byId('channel-name').replaceChildren(el('span.sign', { 'aria-hidden': 'true' }, state.direct ? '@' : '#'), bdi('span', name ?? ''));
  document.title = `${plain(state.direct ? name : `#${name}`)} · drey sim`;
}

// ---- members

function memberButton(id, name, extra, status) {
  const node = button('member', [avatar(id, name), bdi('span.name', name), extra, el(`span.dot.${status}`, { title: status })], (e) => userMenu(id, e.currentTarget), {
    data: { id }, tabindex: '-1', 'aria-haspopup': 'menu', 'aria-label': plain(`${name}, ${status}`),
    oncontextmenu: (e) => { e.preventDefault(); userMenu(id, e.currentTarget, { x: e.clientX, y: e.clientY }); },
  });
  const colour = colourOf(id);
  if (colour) node.style.setProperty('--role', colour);
  return node;
}

const drawMembers = soon(() => {
  const box = byId('members');
  if (box.hidden) return;
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  const at = box.scrollTop;
  const away = (m) => (m.status === 'offline' ? 1 : 0);
  const people = [...state.members.values()].sort((a, b) => away(a) - away(b) || userName(a.user.id).localeCompare(userName(b.user.id)));
  const here = people.filter((m) => !away(m));
  const group = (title, nodes) => (nodes.length ? [el('h3', {}, `${title} — ${nodes.length}`), ...nodes] : []);
  const row = (m) => memberButton(m.user.id, userName(m.user.id), null, m.status ?? 'offline');
  const bots = [...state.bots.values()].map((b) => memberButton(b.bot, botName(b.bot), el('span.badge', {}, 'bot'), b.online ? 'online' : 'offline'));
  const hidden = (state.guild?.member_count ?? 0) - people.length;
  box.replaceChildren(...group('bots', bots), ...group('here', here.slice(0, 200).map(row)), ...group('away', people.filter(away).slice(0, 200).map(row)),
    hidden > 0 ? el('p.small', {}, `and ${hidden} more`) : '');
  box.scrollTop = at;
  const first = focused ? box.querySelector(`[data-id="${CSS.escape(focused)}"]`) : null;
  (first ?? box.querySelector('button'))?.setAttribute('tabindex', '0');
  first?.focus({ preventScroll: true });
});
let membersDue = 0;
/** Presences come often. */
function membersLater() {
  if (!membersDue) membersDue = setTimeout(() => { membersDue = 0; drawMembers(); }, 500);
}

function userMenu(id, anchor, at) {
  const items = menuCommands(2).map((c) => ({ label: c.name, hint: botName(c.bot), run: () => composer.run({ name: c.name, type: 'user', target: id, bot: c.bot }) }));
  menu(anchor, [
    ...(isBot(id) ? [{ label: 'Write to it', run: () => openDirect(id).catch(failed) }] : [{ label: 'Speak as this person', run: () => speakAs(id).catch(failed) }]),
    { label: 'Mention', run: () => mention(id) },
    { label: 'Copy the id', hint: id, run: () => copy(id) },
    ...(items.length ? [{ heading: 'Commands' }, ...items] : []),
  ], at);
}

function mention(id) {
  const field = byId('composer');
  if (!field) return;
  field.setRangeText(`<@${id}> `, field.selectionStart, field.selectionEnd, 'end');
  field.focus();
}

const copy = (text) => navigator.clipboard?.writeText(text).then(() => note('copied', 'fine'), () => note(text, 'fine'));

// ---- what a person does with messages

const actions = {
  failed,
  note,
  present: () => list.toNewest(),
  shown: (answer) => { if (answer?.outcome === 'modal') openModal(answer.modal, actions); },
  react: (message, emoji, add) => post('/sim/react', { ...place(), message: message.id, emoji: emojiKey(emoji), remove: !add }).catch(failed),
  pickEmoji: (message) => pickEmoji((emoji) => post('/sim/react', { ...place(), message: message.id, emoji }).catch(failed)),
  reply: composer.reply,
  jump: (id) => list.jump(id).catch(failed),
  dismiss: list.dismiss,
  async press(message, customId, values, node) {
    node.setAttribute('aria-busy', 'true');
    try {
      actions.shown(await post('/sim/press', { ...place(), message: message.id, custom_id: customId, values, wait_ms: 3500 }));
    } catch (error) {
      if (error.status !== 504) failed(error);
    } finally {
      node.removeAttribute('aria-busy');
    }
  },
  more(message, anchor, at) {
    if (!message) return;
    const items = menuCommands(3).map((c) => ({ label: c.name, hint: botName(c.bot), run: () => composer.run({ name: c.name, type: 'message', target: message.id, bot: c.bot }) }));
    menu(anchor, [
      ...(message.ephemeral ? [{ label: 'Dismiss', run: () => list.dismiss(message) }] : [
        { label: 'Reply', run: () => composer.reply(message) }, { label: 'React', run: () => actions.pickEmoji(message) }]),
      { label: 'Copy the text', run: () => copy(message.content ?? '') },
      { label: 'Copy the id', hint: message.id, run: () => copy(message.id) },
      ...(items.length && !message.ephemeral ? [{ heading: 'Commands' }, ...items] : []),
    ], at);
  },
};

// ---- going somewhere

async function look() {
  remember('channel', state.direct ? '' : state.channel);
  state.unread.delete(state.channel);
  list.untype();
  drawHead();
  drawChannels();
  composer.reset();
  await list.load();
}

async function openChannel(id) {
  state.channel = id;
  state.direct = null;
  if (narrow.matches && isOpen('left')) setDrawer('left', false, true);
  await look();
  if (!narrow.matches) composer.focus();
}

/** The channel between me and a bot: messages tell its id, as the simulator makes them. */
async function openDirect(bot) {
  state.direct = bot;
  state.channel = String(BigInt(state.me) ^ (BigInt(bot) & 0x3fffffn));
  if (narrow.matches && isOpen('left')) setDrawer('left', false, true);
  await look();
  composer.focus();
}

async function openGuild(id) {
  list.clear();
  await loadGuild(id);
  remember('guild', id);
  if (!state.members.has(state.me)) {
    const known = remembered('me');
    const ann = [...state.members.values()].find((m) => m.user.username === 'ann');
    state.me = state.members.has(known) ? known : (ann ?? [...state.members.values()][0])?.user.id ?? null;
  }
  const wanted = remembered('channel');
  const texts = [...state.channels.values()].filter((c) => c.type === 0);
  state.direct = null;
  state.channel = (state.channels.has(wanted) ? state.channels.get(wanted) : texts.find((c) => c.name === 'general') ?? texts[0])?.id;
  drawRail();
  drawWho();
  drawMembers();
  await look();
}

async function speakAs(id) {
  state.me = id;
  remember('me', id);
  drawWho();
  if (state.direct) await openDirect(state.direct);
  else await look();
}

// ---- the feed

/** Everything anew: the page has just begun, or the simulator was away. */
let syncing = null;
function sync() {
  syncing ??= (async () => {
    await loadWorld();
    state.unread.clear();
    const known = state.guild?.id ?? remembered('guild');
    const guild = state.guilds.find((g) => g.id === known) ?? state.guilds[0];
    const direct = state.bots.has(state.direct) ? state.direct : null;
    drawRail();
    if (guild) await openGuild(guild.id);
    if (direct) await openDirect(direct);
    await Promise.all([panel.loadFaults(), panel.reload()]);
    link('connected');
  })().catch((error) => { link('no answer'); failed(error); setTimeout(sync, 1000); }).finally(() => { syncing = null; });
  return syncing;
}

function link(text) {
  const node = byId('link');
  node.textContent = text;
  node.dataset.state = text === 'connected' ? 'fine' : 'lost';
}

const guildLater = soon(() => loadGuild(state.guild.id).then(() => { drawWho(); drawMembers(); drawChannels(); drawHead(); }).catch(failed));
const commandsLater = soon(() => loadCommands().catch(failed));

function setChannel(d) {
  state.channels.set(d.id, { ...state.channels.get(d.id), ...d });
  drawChannels();
  if (d.id === state.channel) drawHead();
}
function dropChannel(d) {
  state.channels.delete(d.id);
  drawChannels();
  if (d.id === state.channel) openGuild(state.guild.id).catch(failed);
}

const EVENTS = {
  CHANNEL_CREATE: setChannel, CHANNEL_UPDATE: setChannel, THREAD_CREATE: setChannel, THREAD_UPDATE: setChannel,
  CHANNEL_DELETE: dropChannel, THREAD_DELETE: dropChannel,
  GUILD_UPDATE: guildLater, GUILD_ROLE_CREATE: guildLater, GUILD_ROLE_UPDATE: guildLater, GUILD_ROLE_DELETE: guildLater,
  GUILD_MEMBER_ADD: guildLater, GUILD_MEMBER_REMOVE: guildLater,
  GUILD_MEMBER_UPDATE(d) {
    const old = state.members.get(d.user?.id);
    if (old) state.members.set(d.user.id, { ...old, ...d });
    membersLater();
  },
  PRESENCE_UPDATE(d) {
    const member = state.members.get(d.user?.id);
    if (member) { member.status = d.status; membersLater(); }
  },
  TYPING_START: (d) => { if (d.channel_id === state.channel) list.type(d); },
  CHANNEL_PINS_UPDATE() {}, VOICE_STATE_UPDATE() {}, WEBHOOKS_UPDATE() {},
};

function event(line) {
  const { t, d } = line;
  if (d.author) learn(d.author);
  if (d.channel_id && t.startsWith('MESSAGE_')) {
    if (t === 'MESSAGE_CREATE') list.typed(d.author?.id);
    if (d.channel_id === state.channel) list.take(line);
    else if (t === 'MESSAGE_CREATE' && state.channels.has(d.channel_id) && !line.ephemeral && !state.unread.has(d.channel_id)) {
      state.unread.add(d.channel_id);
      drawChannels();
    }
    return;
  }
  if (d.guild_id === state.guild?.id || (t === 'GUILD_UPDATE' && d.id === state.guild?.id) || !d.guild_id) EVENTS[t]?.(d);
}

const LINES = {
  hello(line) {
    if (line.run !== state.run || byId('link').dataset.state !== 'fine') sync();
  },
  event,
  interaction: (line) => { if (line.channel_id === state.channel) list.follow(line); },
  bot(line) {
    const fresh = !state.bots.has(line.bot);
    state.bots.set(line.bot, { ...state.bots.get(line.bot), ...line });
    learn({ id: line.bot, username: line.name, bot: true });
    drawChannels();
    drawMembers();
    if (fresh) commandsLater();
  },
  commands: commandsLater,
  faults(line) { state.faults = line.hold; panel.drawFaults(); },
  transcript: panel.take,
  end(line) { note(`the feed ended: ${line.reason}`); },
};

function takeLines(lines) {
  const skip = list.tooMany(lines);
  for (const line of lines) {
    try {
      if (!(skip && line.t?.startsWith('MESSAGE_') && line.d.channel_id === state.channel)) LINES[line.feed]?.(line);
    } catch (error) {
      console.error(error, line);
    }
  }
  list.endLines();
  if (skip) list.load().catch(failed);
}

function start() {
  theme(remembered('theme') || systemTheme());
  layOut();
  narrow.addEventListener('change', layOut);
  byId('theme').addEventListener('click', () => theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
  for (const [name, opener] of Object.entries(DRAWERS)) byId(opener).addEventListener('click', () => { setDrawer(name, !isOpen(name)); if (name === 'members') drawMembers(); });
  const shut = () => Object.keys(DRAWERS).filter(isOpen).forEach((n) => setDrawer(n, false));
  byId('shade').addEventListener('click', shut);
  addEventListener('keydown', (e) => { if (e.key === 'Escape' && narrow.matches && !document.querySelector('dialog[open]')) shut(); });
  byId('who').addEventListener('change', (e) => speakAs(e.target.value).catch(failed));
  roving(byId('rail'), 'button');
  roving(byId('channels'), 'button');
  roving(byId('members'), 'button');
  list.start(actions);
  composer.start(actions);
  panel.start({ failed, close: () => setDrawer('panel', false) });
  link('connecting');
  watch({
    lines: takeLines,
    state: (now) => { if (now === 'lost') link('connection lost, trying again'); },
  });
}

start();
