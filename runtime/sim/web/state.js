// state.js: what is known of the simulator's world, and who looks at it from where.
import { get } from './net.js';

export const state = {
  run: null,
  guilds: [], // {id, name}
  bots: new Map(), // id -> {bot, number, name, online}
  guild: null, // of GET /sim/guild, with maps below
  channels: new Map(),
  roles: new Map(),
  members: new Map(), // user id -> member
  users: new Map(), // every user ever seen: id -> {id, username, global_name, bot}
  commands: [], // {bot, command}
  channel: null, // id of a channel, or of a direct one
  direct: null, // id of the bot of a direct channel
  me: null, // id of the user that speaks
  unread: new Set(),
  faults: [],
};

export function remembered(key) {
  try {
    return localStorage.getItem(`drey-sim-${key}`);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`drey-sim-${key}`, value);
  } catch { /* a private window */ }
}

export function learn(user) {
  if (user?.id && user.username !== undefined) state.users.set(user.id, user);
}

export const guildNow = () => state.guild;
export const shownName = (user) => user?.global_name || user?.username || 'somebody';
export function userName(id) {
  const member = state.members.get(id);
  return member?.nick || (state.users.has(id) ? shownName(state.users.get(id)) : botName(id) ?? id);
}
export const botName = (id) => {
  const bot = state.bots.get(id);
  return bot ? (state.bots.size > 1 ? `${bot.name} ${bot.number}` : bot.name) : undefined;
};
export const isBot = (id) => state.bots.has(id);
export const channelName = (id) => state.channels.get(id)?.name ?? id;
export const roleOf = (id) => state.roles.get(id);

/** The colour of the highest role that has one. */
export function colourOf(userId) {
  const ids = state.members.get(userId)?.roles ?? [];
  const coloured = ids.map(roleOf).filter((r) => r?.color).sort((a, b) => b.position - a.position);
  return coloured[0] ? `#${coloured[0].color.toString(16).padStart(6, '0')}` : null;
}

export async function loadWorld() {
  const world = await get('/sim/world');
  state.run = world.run;
  state.guilds = world.guilds;
  state.bots = new Map(world.bots.map((b) => [b.bot, b]));
  for (const bot of world.bots) learn({ id: bot.bot, username: bot.name, bot: true });
}

export async function loadGuild(id) {
  const guild = await get(`/sim/guild?guild=${encodeURIComponent(id)}`);
  state.guild = guild;
  state.channels = new Map(guild.channels.map((c) => [c.id, c]));
  state.roles = new Map(guild.roles.map((r) => [r.id, r]));
  state.members = new Map(guild.members.map((m) => [m.user.id, m]));
  for (const member of guild.members) learn(member.user);
  await loadCommands();
}

export async function loadCommands() {
  if (state.guild) state.commands = await get(`/sim/commands?guild=${state.guild.id}`);
}

/** Where what is done here happens, as the control endpoint wants it. */
export function place() {
  const me = state.users.get(state.me)?.id ?? 'ann';
  const where = { as: me, guild: state.guild?.id };
  return state.direct ? { ...where, channel: 'dm', bot: state.direct } : { ...where, channel: state.channel };
}

/** {type, name, description, definition, bot} of all that can be typed; subcommands one by one. */
export function slashCommands() {
  const list = [];
  const walk = (bot, root, node, path) => {
    const below = (node.options || []).filter((o) => o.type === 1 || o.type === 2);
    if (below.length) below.forEach((o) => walk(bot, root, o, `${path} ${o.name}`));
    else list.push({ name: path, description: node.description, options: node.options || [], bot });
  };
  for (const { bot, command } of state.commands) {
    if ((command.type ?? 1) === 1 && (!state.direct || bot === state.direct)) walk(bot, command, command, command.name);
  }
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

/** User (2) or message (3) commands. */
export const menuCommands = (type) => state.commands
  .filter(({ bot, command }) => command.type === type && (!state.direct || bot === state.direct))
  .map(({ bot, command }) => ({ name: command.name, bot }));

/** What can be chosen: users, roles, channels, as {value, label, hint}. types: of channels. */
export function entities(kind, types) {
  const users = () => [
    ...[...state.members.values()].map((m) => ({ value: m.user.id, label: userName(m.user.id), hint: m.user.username })),
    ...[...state.bots.values()].map((b) => ({ value: b.bot, label: botName(b.bot), hint: 'bot' })),
  ];
  const roles = () => [...state.roles.values()].filter((r) => r.id !== state.guild.id)
    .map((r) => ({ value: r.id, label: `@${r.name}`, hint: 'role' }));
  if (kind === 'user') return users();
  if (kind === 'role') return roles();
  if (kind === 'mentionable') return [...users(), ...roles()];
  return [...state.channels.values()].filter((c) => !types?.length || types.includes(c.type))
    .map((c) => ({ value: c.id, label: `${c.type === 4 ? '' : '#'}${c.name}`, hint: CHANNEL_KINDS[c.type] ?? '' }));
}
export const CHANNEL_KINDS = {
  0: 'text', 2: 'voice', 4: 'category', 5: 'news', 10: 'thread', 11: 'thread', 12: 'private thread', 13: 'stage', 15: 'forum',
};
export const isTextLike = (type) => [0, 2, 5, 10, 11, 12, 13].includes(type);
