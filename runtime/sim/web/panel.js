// panel.js: beside the chat: what the gateway and REST said, and the faults as switches.
import { get, post, send } from './net.js';
import { el, byId, button, shown, soon, freshId } from './dom.js';
import { askFor } from './modal.js';
import { state } from './state.js';

const KEPT = 1000;
const SHOWN = 300;
const OFTEN = ['reconnect', 'drop', 'invalid', 'invalid-resumable', 'close', 'outage', 'back', 'rest-status', 'rest-slow', 'rest-limited', 'busy-rest', 'noack', 'silence'];

let act = null;
let lines = [];
let fresh = []; // of them, what has not been drawn
let paused = false;
let frozen = []; // the lines of that moment
let held = 0; // lines that came while it was paused
let filter = '';
let kind = 'all';
let tab = 'transcript';
let faults = [];
let faultFilter = '';

const isRest = (line) => line.what === 'request';
const KINDS = {
  all: () => true,
  gateway: (line) => !isRest(line) && line.what !== 'fault',
  rest: isRest,
  fault: (line) => line.what === 'fault' || line.what === 'CLOSE',
};
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const textOf = (line) => `${line.what} ${line.note ?? ''} ${line.s ?? ''}`;

function row(line) {
  const way = { '<': ['in', '→', 'from the bot'], '>': ['out', '←', 'to the bot'] }[line.way] ?? ['self', '•', 'the simulator'];
  const who = [line.bot !== undefined ? `bot ${line.bot}` : '', line.shard !== undefined ? `shard ${line.shard}` : '', line.conn ? `c${line.conn}` : ''].filter(Boolean).join(' ');
  return el(`div.entry.${way[0]}`, {}, el('time', {}, CLOCK.format(new Date(line.time_ms))), el('span.way', { title: way[2], 'aria-label': way[2] }, way[1]),
    el('b', {}, ...shown(isRest(line) ? 'REST' : line.what)), line.s ? el('span.seq', {}, `s ${line.s}`) : null,
    line.note ? el('span.note', {}, ...shown(line.note)) : null, el('span.who', {}, who));
}

const wanted = (line) => KINDS[kind](line) && (!filter || textOf(line).toLowerCase().includes(filter.toLowerCase()));

/** Shows what has come; all: everything anew, because something else is wanted now. */
function drawLines(all) {
  const list = byId('transcript');
  if (!list || byId('panel').hidden) return;
  byId('pause').textContent = paused ? `Go on${held ? ` (${held} more)` : ''}` : 'Pause';
  if (paused && all !== true) return; // what stands there can still be filtered
  const stay = all === true || list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const found = (all !== true ? fresh : paused ? frozen : lines).filter(wanted).slice(-SHOWN);
  fresh = [];
  if (all === true) list.replaceChildren();
  if (found.length) list.querySelector('p')?.remove();
  list.append(...found.map(row));
  while (list.children.length > SHOWN) list.firstChild.remove();
  if (!list.children.length) list.append(el('p.small', {}, lines.length ? 'Nothing of that kind.' : 'Nothing yet: no bot has come.'));
  if (stay) list.scrollTop = list.scrollHeight;
}
const drawLater = soon(drawLines, 200);
const drawAll = soon(() => drawLines(true));

export function take(line) {
  lines.push(line);
  if (lines.length > KEPT * 1.2) lines = lines.slice(-KEPT);
  fresh.push(line);
  if (fresh.length > KEPT * 1.2) fresh = fresh.slice(-KEPT);
  if (paused) held++;
  drawLater();
}

/** After the simulator has come back: what was said while nobody watched. */
export async function reload() {
  const answer = await fetch('/sim/transcript?last=300');
  lines = (await answer.text()).split('\n').filter(Boolean).map((t) => JSON.parse(t));
  held = 0;
  drawAll();
}

const inject = (text) => send('/sim/fault', text).catch(act.failed);

const holds = (fault) => state.faults.filter((f) => f.fault === fault.fault);
const said = (hold) => [hold.waits ? 'waits' : '', hold.text ?? (hold.number ? String(hold.number) : ''), hold.times ? `${hold.times} times` : '', hold.shard !== undefined ? `shard ${hold.shard}` : '', hold.route ?? ''].filter(Boolean).join(', ');

function begin(fault) {
  if (!fault.arg) inject(fault.fault);
  else askFor(fault.fault, fault.arg, (text) => inject(`${fault.fault} ${text}`));
}

function faultRow(fault) {
  const on = holds(fault);
  const id = freshId();
  const control = fault.lasts
    ? el('button.switch', { type: 'button', role: 'switch', 'aria-checked': String(on.length > 0), 'aria-labelledby': id, data: { fault: fault.fault },
      onclick: () => (on.length ? post('/sim/fault', { end: fault.fault }).catch(act.failed) : begin(fault)) }, el('span', {}))
    : button('secondary.small', 'Do', () => begin(fault), { 'aria-labelledby': id, data: { fault: fault.fault } });
  return el('div.fault', {}, el('div', {}, el('b', { id }, fault.fault), fault.arg ? el('code', {}, fault.arg) : null,
    el('p.small', {}, ...shown(fault.help)), ...on.map((h) => el('p.small.holds', {}, said(h) || 'holds'))), control);
}

export const drawFaults = soon(() => {
  const list = byId('faults');
  if (!list || byId('panel').hidden) return;
  const focused = document.activeElement?.dataset?.fault;
  const words = faultFilter.toLowerCase();
  const fits = faults.filter((f) => !words || `${f.fault} ${f.help}`.toLowerCase().includes(words));
  const often = words ? [] : OFTEN.map((n) => fits.find((f) => f.fault === n)).filter(Boolean);
  const rest = fits.filter((f) => !often.includes(f) && f.fault !== 'heal');
  list.replaceChildren(
    el('div.row', {}, button('primary', state.faults.length ? `Heal (${state.faults.length} hold)` : 'Heal', () => inject('heal'), { disabled: state.faults.length === 0, data: { fault: 'heal' } })),
    ...often.map(faultRow), often.length ? el('h4', {}, 'All others') : null, ...rest.map(faultRow));
  if (focused) list.querySelector(`[data-fault="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
});

export async function loadFaults() {
  faults = await get('/sim/faults');
  drawFaults();
}

function tabs() {
  const make = (name, label) => button('tab', label, () => { tab = name; draw(); byId('panel').querySelector(`[data-tab=${name}]`).focus(); },
    { role: 'tab', 'aria-selected': String(tab === name), tabindex: tab === name ? '0' : '-1', data: { tab: name } });
  const node = el('div.tabs', { role: 'tablist', 'aria-label': 'What is shown' }, make('transcript', 'Transcript'), make('faults', 'Faults'));
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    node.querySelector('[aria-selected=false]').click();
  });
  return node;
}

export function draw() {
  const search = (label, value, take_) => el('input', { type: 'search', placeholder: label, 'aria-label': label, value, oninput: (e) => take_(e.target.value) });
  const head = el('div.panel-head', {}, tabs(), button('icon', '✕', act.close, { 'aria-label': 'Close' }));
  if (tab === 'transcript') {
    const which = el('select', { 'aria-label': 'Which lines', onchange: (e) => { kind = e.target.value; drawAll(); } },
      ...[['all', 'All'], ['gateway', 'Gateway'], ['rest', 'REST'], ['fault', 'Faults, closes']].map(([v, l]) => el('option', { value: v, selected: kind === v }, l)));
    const pause = button('secondary', 'Pause', () => { paused = !paused; frozen = lines.slice(); held = 0; pause.setAttribute('aria-pressed', String(paused)); drawAll(); }, { id: 'pause', 'aria-pressed': String(paused) });
    byId('panel').replaceChildren(head, el('div.row', {}, search('Filter', filter, (t) => { filter = t; drawAll(); }), which, pause),
      el('div', { id: 'transcript', role: 'log', 'aria-label': 'Transcript', 'aria-live': 'off', tabindex: '0' }));
    drawAll();
  } else {
    byId('panel').replaceChildren(head, el('div.row', {}, search('Filter', faultFilter, (t) => { faultFilter = t; drawFaults(); })), el('div', { id: 'faults' }));
    drawFaults();
  }
}

/** act: close, failed. */
export function start(actions) {
  act = actions;
  draw();
}
