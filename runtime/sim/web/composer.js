// composer.js: the text field: messages with files and replies, and commands with their options.
import { post, postFiles, Refused } from './net.js';
import { el, button, bdi, shown, plain, byId, freshId } from './dom.js';
import { completions, matching } from './menu.js';
import { state, place, slashCommands, entities, botName, channelName } from './state.js';
import { authorName } from './message.js';

const OPTION_KIND = { 6: 'user', 7: 'channel', 8: 'role', 9: 'mentionable' };
const FILES_MOST = 10;
const FILE_MOST = 10 << 20;
const WAIT_MS = 3500; // of a request for what a bot does; the feed tells what comes later

let act = null;
let field = null;
let answering = null; // the message replied to
let files = [];
let form = null; // of a command that is being filled in: {command, fields}

const box = () => byId('compose');

function grow() {
  field.style.height = 'auto';
  field.style.height = `${Math.min(field.scrollHeight + 2, 200)}px`;
}

/** What is typed at the cursor: "/" at the start, "@" or "#" anywhere. */
function offers() {
  const text = field.value;
  const before = text.slice(0, field.selectionStart);
  if (/^\/[^\n]*$/.test(text)) {
    return matching(slashCommands().map((c) => ({ label: `/${c.name}`, hint: `${c.description ?? ''} · ${botName(c.bot) ?? ''}`, command: c })), text.slice(1) ? text : '/');
  }
  const word = /(^|\s)([@#])([^\s@#]{0,30})$/.exec(before);
  if (!word) return null;
  const kind = word[2] === '@' ? 'mentionable' : 'channel';
  return matching(entities(kind).filter((e) => kind !== 'channel' || !e.hint.includes('category')), word[3]).slice(0, 12)
    .map((e) => ({ ...e, insert: `<${word[2]}${e.hint === 'role' ? '&' : ''}${e.value}> `, from: before.length - word[3].length - 1 }));
}

function takeOffer(offer) {
  if (offer.command) { fillIn(offer.command); return; }
  const end = field.selectionStart;
  field.setRangeText(offer.insert, offer.from, end, 'end');
  grow();
  field.focus();
}

function extras() {
  const parts = [];
  if (answering) {
    parts.push(el('div.extra', {}, 'Replying to ', bdi('b', authorName(answering)), button('link', 'Cancel', () => reply(null), { 'aria-label': 'Cancel the reply' })));
  }
  files.forEach((file, i) => parts.push(el('div.extra', {}, '▤ ', bdi('span', file.name), button('link', 'Remove', () => { files.splice(i, 1); draw(); }, { 'aria-label': plain(`Remove ${file.name}`) }))));
  return parts;
}

function addFiles(list) {
  for (const file of list) {
    if (file.size > FILE_MOST) act.note(`${file.name} is larger than 10 MB`);
    else if (files.length === FILES_MOST) act.note('no more than 10 files');
    else files.push(file);
  }
  draw();
}

export function draw() {
  if (form) return;
  const where = state.direct ? botName(state.direct) : `#${channelName(state.channel)}`;
  const text = field?.value ?? '';
  const picker = el('input', { type: 'file', multiple: true, hidden: true, 'aria-hidden': 'true', tabindex: '-1', onchange: () => { addFiles(picker.files); picker.value = ''; field.focus(); } });
  field = el('textarea', { id: 'composer', rows: 1, 'aria-label': plain(`Message ${where}, or / for a command`), placeholder: plain(`Message ${where}  ·  / for commands`), autocomplete: 'off', spellcheck: false });
  field.value = text;
  const offer = completions(field, { source: offers, pick: takeOffer, label: 'Commands, users and channels' });
  field.addEventListener('input', grow);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
    else if (event.key === 'Escape' && answering) reply(null);
    else if (event.key === 'ArrowUp' && field.value === '') { event.preventDefault(); byId('messages').querySelector('article[tabindex="0"]')?.focus(); }
  });
  field.addEventListener('paste', (event) => { if (event.clipboardData.files.length) { event.preventDefault(); addFiles(event.clipboardData.files); } });
  box().replaceChildren(...extras(), el('div.line', {}, offer.list,
    button('icon.add', '+', () => picker.click(), { 'aria-label': 'Add files', title: 'Add files' }), picker, field,
    button('icon.send', '➤', send, { 'aria-label': 'Send', title: 'Send' })));
  grow();
}

export const focus = () => (form ? box().querySelector('input, select, button') : field)?.focus();

export function reply(message) {
  answering = message;
  leaveForm();
  draw();
  field.focus();
}

/** Another channel, or somebody else speaks. */
export function reset() {
  answering = null;
  files = [];
  form = null;
  draw();
}

async function send() {
  const text = field.value;
  const typed = /^\/(\S+)/.exec(text);
  if (typed) {
    const found = slashCommands().filter((c) => text.slice(1).trim() === c.name || text.startsWith(`/${c.name} `)).sort((a, b) => b.name.length - a.name.length)[0];
    if (found) { runLine(found, text); return; }
  }
  if (!text.trim() && !files.length) return;
  const body = { ...place(), text, reply: answering?.id };
  const sent = files;
  const answered = answering;
  field.value = '';
  files = [];
  answering = null;
  draw();
  field.focus();
  try {
    await act.present();
    await (sent.length ? postFiles('/sim/say', body, sent) : post('/sim/say', body));
  } catch (error) {
    if (!field.value) field.value = text; // nothing that was typed is lost
    files = sent;
    answering = answered;
    draw();
    act.failed(error);
  }
}

/** "/name option:value ..." typed as a line, or a command without required options. */
function runLine(command, text) {
  if (text.trim().length > command.name.length + 1) {
    field.value = '';
    grow();
    run({ line: text.trim(), bot: command.bot });
  } else if (command.options.some((o) => o.required)) {
    fillIn(command);
  } else {
    field.value = '';
    grow();
    run({ name: command.name, options: {}, bot: command.bot });
  }
}

/** Uses a command; a modal that it shows is opened. */
export async function run(body) {
  try {
    act.shown(await post('/sim/command', { ...place(), wait_ms: WAIT_MS, ...body }));
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 504) act.failed(error);
  }
}

function leaveForm() {
  if (!form) return;
  form = null;
  if (field) field.value = '';
}

const given = (fields, only) => Object.fromEntries(fields.filter((f) => f.value() !== '' || f.option.name === only).map((f) => [f.option.name, f.value()]));

/** One option as a field. Its value is text, as the control endpoint takes it; '': not given. */
function optionField(option) {
  const id = freshId();
  let value = null; // of what was chosen from a list; null: what is typed counts
  let read = () => input.value.trim();
  let input = el('input', { id, type: 'text', autocomplete: 'off', spellcheck: false, required: Boolean(option.required), 'aria-describedby': `${id}-d` });
  let list = null;
  const complete = (source) => {
    input.addEventListener('input', () => { value = null; });
    list = completions(input, { source, label: plain(`What ${option.name} can be`), pick: (item) => { input.value = item.label; value = item.value; input.focus(); } });
    read = () => value ?? input.value.trim();
    if (!option.autocomplete) input.addEventListener('focus', () => { if (!input.value) list.refresh(); });
  };
  if (option.choices?.length) {
    complete((text) => matching(option.choices.map((c) => ({ label: c.name, value: String(c.value) })), text));
  } else if (option.autocomplete) {
    complete(delayed((text) => typed(option, text)));
    input.addEventListener('focus', () => list.refresh());
  } else if (OPTION_KIND[option.type]) {
    complete((text) => matching(entities(OPTION_KIND[option.type], option.channel_types), text));
  } else if (option.type === 5) {
    input = el('select', { id, 'aria-describedby': `${id}-d` }, ...[['', option.required ? 'choose' : '–'], ['true', 'true'], ['false', 'false']].map(([v, l]) => el('option', { value: v }, l)));
    read = () => input.value;
  } else if (option.type === 11) {
    const file = el('input', { type: 'file', id, 'aria-describedby': `${id}-d` });
    let text = '';
    file.addEventListener('change', async () => { text = file.files[0] ? `${file.files[0].name.replace(/=/g, '_')}=${await file.files[0].text()}` : ''; });
    input = file;
    read = () => text;
  } else if (option.type === 4 || option.type === 10) {
    input.inputMode = option.type === 4 ? 'numeric' : 'decimal';
  }
  const bounds = [option.min_value ?? option.min_length, option.max_value ?? option.max_length];
  const hint = [option.description, bounds.some((b) => b !== undefined) ? `${bounds[0] ?? '…'} to ${bounds[1] ?? '…'}` : ''].filter(Boolean).join(' · ');
  const node = el('div.option-field', {}, el('label', { for: id }, ...shown(option.name), option.required ? el('span.must', { title: 'required' }, ' *') : null),
    input, list?.list, el('small', { id: `${id}-d`, dir: 'auto' }, ...shown(hint)));
  return { option, node, input, value: () => read() };
}

const delayed = (f, ms = 150) => {
  let last = 0;
  return async (text) => {
    const mine = ++last;
    await new Promise((r) => { setTimeout(r, ms); });
    return mine === last ? f(text) : null;
  };
};

/** What the bot's autocomplete offers. */
async function typed(option, text) {
  if (!form) return null;
  const { command, fields } = form;
  try {
    const answer = await post('/sim/complete', { ...place(), name: command.name, bot: command.bot, options: { ...given(fields, option.name), [option.name]: text }, focused: option.name, wait_ms: WAIT_MS });
    return (answer.choices ?? []).map((c) => ({ label: c.name, value: String(c.value) }));
  } catch {
    return [{ label: text, hint: 'the bot offers nothing', value: text }];
  }
}

/** A form for the command's options in place of the text field. */
export function fillIn(command) {
  const options = [...command.options].sort((a, b) => Number(Boolean(b.required)) - Number(Boolean(a.required)));
  if (!options.length) {
    field.value = '';
    grow();
    run({ name: command.name, options: {}, bot: command.bot });
    return;
  }
  const fields = options.map(optionField);
  form = { command, fields };
  const back = () => { leaveForm(); draw(); field.focus(); };
  const submit = async (event) => {
    event.preventDefault();
    const missing = fields.find((f) => f.option.required && f.value() === '');
    if (missing) { missing.input.setAttribute('aria-invalid', 'true'); missing.input.focus(); return; }
    const body = { name: command.name, options: given(fields), bot: command.bot };
    back();
    await act.present();
    run(body);
  };
  const node = el('form.command', { 'aria-label': plain(`Options of /${command.name}`), onsubmit: submit, novalidate: true },
    el('div.command-head', {}, bdi('b', `/${command.name}`), bdi('span', command.description ?? '')),
    el('div.option-fields', {}, ...fields.map((f) => f.node)),
    el('div.row', {}, el('button.primary', { type: 'submit' }, 'Use it'), button('secondary', 'Back', back)));
  node.addEventListener('keydown', (event) => { if (event.key === 'Escape') { event.preventDefault(); back(); } });
  node.addEventListener('input', (event) => event.target.removeAttribute('aria-invalid'));
  box().replaceChildren(node);
  fields[0].input.focus();
}

export function start(actions) {
  act = actions;
  const main = byId('main');
  main.addEventListener('dragover', (event) => { if ([...event.dataTransfer.types].includes('Files')) event.preventDefault(); });
  main.addEventListener('drop', (event) => {
    if (!event.dataTransfer.files.length || form) return;
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });
  draw();
}
