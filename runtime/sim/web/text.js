// text.js: Discord's markdown as elements. Whatever it does not know stays text.
import { el, shown, bdi } from './dom.js';
import { userName, channelName, roleOf } from './state.js';

const RULES = [
  [/^```(?:([a-zA-Z0-9_+-]{1,20})\n)?\n?([\s\S]+?)\n?```/, (m) => el('pre', {}, el('code', {}, ...shown(m[2])))],
  [/^``([^\n]+?)``(?!`)/, (m) => el('code', {}, ...shown(m[1]))],
  [/^`([^`\n]+)`/, (m) => el('code', {}, ...shown(m[1]))],
  [/^\\([\\*_~`|>#<@:-])/, (m) => document.createTextNode(m[1])],
  [/^\*\*\*([\s\S]+?)\*\*\*/, (m, d) => el('strong', {}, el('em', {}, ...inline(m[1], d)))],
  [/^\*\*([\s\S]+?)\*\*(?!\*)/, (m, d) => el('strong', {}, ...inline(m[1], d))],
  [/^__([\s\S]+?)__(?!_)/, (m, d) => el('u', {}, ...inline(m[1], d))],
  [/^~~([\s\S]+?)~~/, (m, d) => el('s', {}, ...inline(m[1], d))],
  [/^\|\|([\s\S]+?)\|\|/, (m, d) => spoiler(inline(m[1], d))],
  [/^\*(?!\s)([^*\n]+?)\*(?!\*)/, (m, d) => el('em', {}, ...inline(m[1], d))],
  [/^_(?!\s)([^_\n]+?)_(?![_a-zA-Z0-9])/, (m, d) => el('em', {}, ...inline(m[1], d))],
  [/^<@!?(\d{1,20})>/, (m) => mention(`@${userName(m[1])}`)],
  [/^<@&(\d{1,20})>/, (m) => mention(`@${roleOf(m[1])?.name ?? 'a role'}`, roleOf(m[1])?.color)],
  [/^<#(\d{1,20})>/, (m) => mention(`#${channelName(m[1])}`)],
  [/^<\/([^:>]{1,100}):(\d{1,20})>/, (m) => mention(`/${m[1]}`)],
  [/^<a?:([a-zA-Z0-9_]{1,32}):(\d{1,20})>/, (m) => el('span.emoji', { title: m[2] }, `:${m[1]}:`)],
  [/^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, (m) => timestamp(Number(m[1]), m[2] || 'f')],
  [/^\[([^\]\n]{1,200})\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m, d) => link(m[2], inline(m[1], d))],
  [/^<(https?:\/\/[^\s>]+)>/, (m) => link(m[1])],
  [/^https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]]/, (m) => link(m[0])],
  [/^@(everyone|here)\b/, (m) => mention(m[0])],
];
const BEGIN = /[`\\*_~|<[@]|https?:\/\//g;

const mention = (text, colour) => {
  const node = bdi('span.mention', text);
  if (colour) node.style.setProperty('--role', `#${colour.toString(16).padStart(6, '0')}`);
  return node;
};

/** Only addresses that a browser may follow without running anything. */
export function link(address, children) {
  let url;
  try {
    url = new URL(address);
  } catch {
    url = null;
  }
  if (!url || !/^https?:$/.test(url.protocol)) return el('span', {}, ...(children || shown(address)));
  return el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, ...(children || shown(address)));
}

function spoiler(children) {
  const node = el('span.spoiler', { role: 'button', tabindex: '0', 'aria-label': 'Show what is hidden' }, ...children);
  const open = () => node.classList.add('open');
  node.addEventListener('click', open);
  node.addEventListener('keydown', (e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); open(); } });
  return node;
}

const STYLES = {
  t: { timeStyle: 'short' }, T: { timeStyle: 'medium' }, d: { dateStyle: 'short' }, D: { dateStyle: 'long' },
  f: { dateStyle: 'long', timeStyle: 'short' }, F: { dateStyle: 'full', timeStyle: 'short' },
};
const UNITS = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

function timestamp(seconds, style) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return document.createTextNode(`<t:${seconds}:${style}>`);
  const full = new Intl.DateTimeFormat(undefined, STYLES.F).format(date);
  let text;
  if (style === 'R') {
    const away = seconds - Date.now() / 1000;
    const [unit, size] = UNITS.find(([, s]) => Math.abs(away) >= s) || UNITS[5];
    text = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' }).format(Math.round(away / size), unit);
  } else {
    text = new Intl.DateTimeFormat(undefined, STYLES[style]).format(date);
  }
  return el('time.stamp', { datetime: date.toISOString(), title: full }, text);
}

/** Text within a line. depth bounds what strangers can nest. */
export function inline(text, depth = 0) {
  const nodes = [];
  let done = 0; // of text, what is in nodes
  let at = 0;
  const keep = (until) => { if (until > done) nodes.push(...shown(text.slice(done, until))); };
  while (at < text.length && depth < 6) {
    BEGIN.lastIndex = at;
    const next = BEGIN.exec(text);
    if (!next) break;
    at = next.index;
    const rest = text.slice(at, at + 2100);
    const inWord = text[at] === '_' && /[a-zA-Z0-9]/.test(text[at - 1] ?? '');
    const hit = inWord ? null : RULES.map(([rule, make]) => [rule.exec(rest), make]).find(([m]) => m);
    if (!hit) { at++; continue; }
    keep(at);
    nodes.push(hit[1](hit[0], depth + 1));
    at += hit[0][0].length;
    done = at;
  }
  keep(text.length);
  return nodes;
}

function block(lines) {
  const text = lines.join('\n');
  return text === '' ? [] : inline(text);
}

/** A whole text: quotes, headings and lists at the beginning of lines, the rest within. */
export function markdown(text) {
  const out = [];
  let gathered = [];
  const flush = () => { out.push(...block(gathered)); gathered = []; };
  const lines = String(text ?? '').slice(0, 6000).split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const fence = (line.match(/```/g) || []).length % 2 === 1;
    const heading = /^(#{1,3}) (.+)/.exec(line);
    if (fence) { // as it is, up to its end
      do { gathered.push(lines[i]); } while (++i < lines.length && !lines[i].includes('```'));
      if (i < lines.length) gathered.push(lines[i]);
    } else if (/^>>> /.test(line)) {
      flush();
      out.push(el('blockquote', {}, ...block([line.slice(4), ...lines.slice(i + 1)])));
      return out;
    } else if (/^> /.test(line)) {
      const quoted = [];
      while (i < lines.length && /^> ?/.test(lines[i])) quoted.push(lines[i++].replace(/^> ?/, ''));
      i--;
      flush();
      out.push(el('blockquote', {}, ...block(quoted)));
    } else if (heading) {
      flush();
      out.push(el('p.heading', { data: { level: String(heading[1].length) } }, ...inline(heading[2])));
    } else if (/^-# /.test(line)) {
      flush();
      out.push(el('p.small', {}, ...inline(line.slice(3))));
    } else if (/^[-*] /.test(line)) {
      const items = [];
      while (i < lines.length && /^[-*] /.test(lines[i])) items.push(el('li', {}, ...inline(lines[i++].slice(2))));
      i--;
      flush();
      out.push(el('ul', {}, ...items));
    } else {
      gathered.push(line);
    }
  }
  flush();
  return out;
}

