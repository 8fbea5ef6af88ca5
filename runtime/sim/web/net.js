// net.js: the control endpoint and the feed. Comes back by itself after the simulator was away.

export class Refused extends Error {
  constructor(message, status, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused('the simulator does not answer', 0, null);
  }
  const text = await answer.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused('the simulator answered with something that is no JSON', answer.status, null);
  }
  if (!answer.ok) throw new Refused(body?.error || `the simulator answered ${answer.status}`, answer.status, body);
  return body;
}

export const get = (path) => ask(path);
export const post = (path, body) => ask(path, { method: 'POST', body: JSON.stringify(body) });
/** A body of text, such as faults. */
export const send = (path, body) => ask(path, { method: 'POST', body });
/** A body with files beside it. */
export function postFiles(path, body, files) {
  const form = new FormData();
  form.append('payload_json', JSON.stringify(body));
  files.forEach((file, i) => form.append(`files[${i}]`, file, file.name));
  return ask(path, { method: 'POST', body: form });
}

const LEAST_MS = 250;
const MOST_MS = 4000;

/** on.lines(list), on.state('open' | 'lost'). Lines that came in one frame come together. */
export function watch(on) {
  let wait = LEAST_MS;
  let waiting = [];
  let timer = 0;
  const flush = () => {
    timer = 0;
    const lines = waiting;
    waiting = [];
    on.lines(lines);
  };
  function open() {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/sim/live`);
    socket.onmessage = (message) => {
      let line;
      try {
        line = JSON.parse(message.data);
      } catch {
        return;
      }
      wait = LEAST_MS;
      waiting.push(line);
      if (!timer) timer = setTimeout(flush, 16);
    };
    socket.onclose = () => {
      on.state('lost');
      setTimeout(open, wait);
      wait = Math.min(wait * 2, MOST_MS);
    };
  }
  open();
}
