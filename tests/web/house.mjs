// tests/web/house.mjs: a simulator with its page, a host with plugins, a browser; and the little that
// tests need to say what they want.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const DEADLINE_MS = 20000;
export const BUILD = path.resolve(process.env.DREY_BUILD ?? 'build/release');
export const directory = mkdtempSync(path.join(os.tmpdir(), 'drey-web-'));
const DREY = path.join(BUILD, 'bin', 'drey');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic',
  '--host-resolver-rules=MAP rebound.example 127.0.0.1'];

/** The first true value of condition(). */
export async function until(what, condition, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`still waiting for: ${what}`);
    await new Promise((r) => { setTimeout(r, 25); });
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
/** Asks the simulator as a program would. */
export function ask(method, address, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(address, { method, agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece) => { text += piece; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) }));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

const append = (name) => openSync(path.join(directory, name), 'a');
const children = [];
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL'))); // whatever ends the tests
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
function run(name, args) {
  const log = append(`${name}.log`);
  const child = spawn(DREY, args, { stdio: ['ignore', log, log] });
  children.push(child);
  return child;
}
function ended(child) {
  return child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((r) => { child.once('exit', r); });
}
export async function stop(child) {
  child.kill('SIGTERM');
  await ended(child);
}

let port = 0;
export const sim = { child: null, where: null };

/** Starts the simulator; a second time on the port of the first. */
export async function startSim() {
  const ready = path.join(directory, `sim-${Date.now()}.ready`);
  sim.child = run('sim', ['sim', '--web', '--no-limits', '--listen', `127.0.0.1:${port}`, '--ready-file', ready]);
  sim.where = await until('the simulator to listen', () => {
    if (sim.child.exitCode !== null) throw new Error(`the simulator ended: ${readFileSync(path.join(directory, 'sim.log'))}`);
    return existsSync(ready) && readFileSync(ready, 'utf8').endsWith('\n') && JSON.parse(readFileSync(ready, 'utf8'));
  });
  port = Number(new URL(sim.where.web).port);
}
export const control = async (method, what, body) => (await ask(method, sim.where.control + what, body)).json();
export const say = (text, rest = {}) => control('POST', '/say', { text, ...rest });
/** Many messages over one connection, without waiting for each answer. */
export function sayMany(texts, rest = {}) {
  return new Promise((resolve, reject) => {
    const { hostname, port: to } = new URL(sim.where.web);
    const socket = net.connect(Number(to), hostname);
    socket.on('error', reject);
    socket.on('data', () => {});
    socket.on('end', () => resolve());
    texts.forEach((text, i) => {
      const body = JSON.stringify({ text, ...rest });
      const end = i === texts.length - 1 ? 'Connection: close\r\n' : '';
      socket.write(`POST /sim/say HTTP/1.1\r\nHost: ${hostname}\r\n${end}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  });
}
/** A bot's request, without a library. */
export const rest = async (method, what, body, token = 'page-token') => {
  const answer = await ask(method, sim.where.rest + what, body, { Authorization: `Bot ${token}`, 'User-Agent': 'DiscordBot (https://localhost, 1)', 'Content-Type': 'application/json' });
  return { status: answer.status, body: answer.text ? answer.json() : null };
};

/** Starts drey with example plugins and those of the tests. */
export async function startHost() {
  const plugins = path.join(directory, 'plugins');
  mkdirSync(plugins, { recursive: true });
  for (const name of ['ping', 'poll']) copyFileSync(path.join(BUILD, 'plugins', `${name}.so`), path.join(plugins, `${name}.so`));
  for (const name of ['actor', 'screen']) copyFileSync(path.join(BUILD, 'tests', 'plugins', `${name}.so`), path.join(plugins, `${name}.so`));
  const ini = path.join(directory, 'drey.ini');
  writeFileSync(ini, `[drey]\nplugin_dir = ${plugins}\nstate_dir = ${directory}/state\ncontrol = ${directory}/c.sock\n`
    + `[bot:page]\ntoken = page-token\nrest_url = ${sim.where.rest}\nintents = auto +MESSAGE_CONTENT\n`
    + `[plugin:actor]\nfile = ${directory}/seen.log\nattach = ${ini}\n`, { mode: 0o600 });
  const child = run('drey', ['run', '-c', ini]);
  await until('the commands', async () => {
    if (child.exitCode !== null) throw new Error(`drey ended: ${readFileSync(path.join(directory, 'drey.log'))}`);
    return (await control('GET', '/commands')).length > 15;
  });
  return child;
}

let browser = null;
/** A page of a browser of its own kind; what goes wrong in it is an error. */
export async function openPage(options = {}) {
  if (!CHROMIUM) throw new Error('no Chromium: etc/packages test installs it');
  browser ??= await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error' && !/WebSocket|ERR_CONNECTION|status of (4|5)\d\d/.test(message.text())) page.troubles.push(message.text()); });
  await page.goto(sim.where.web);
  await connected(page);
  return page;
}
export const connected = (page) => page.locator('#link[data-state=fine]').waitFor();
export const shot = (page, name) => page.screenshot({ path: path.join(directory, `${name}.png`) });

/** Shuts everything; keep: leaves the directory with logs and pictures. */
export async function close(keep) {
  await browser?.close();
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await stop(child);
  agent.destroy();
  if (!keep) rmSync(directory, { recursive: true, force: true });
}
