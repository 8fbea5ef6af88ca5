// tests/web/hard.mjs: hostile text, many messages, a simulator that goes away, keys alone, a phone.
import assert from 'node:assert/strict';
import http from 'node:http';
import { connected, control, openPage, rest, say, sayMany, shot, startSim, sim, stop, until } from './house.mjs';

const quiet = (p) => assert.deepEqual(p.troubles, []);

export const tests = [
  ['hostile text stays text', async () => {
    const p = await openPage();
    const channel = (await say('a beginning', { as: 'bob' })).channel_id;
    const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const made = await rest('POST', `/channels/${channel}/messages`, {
      content: `${evil} \u0007\u009b31m \u202egnp.exe [x](javascript:window.pwned=1) <t:99999999999999:R> <@&1> **`,
      embeds: [{ title: evil, description: `\u202e${evil}`, url: 'https://example.com/"onmouseover="window.pwned=1', fields: [{ name: evil, value: evil }], footer: { text: evil }, author: { name: evil } }],
      components: [{ type: 1, components: [{ type: 2, style: 1, label: '<b>x</b>\u202e', custom_id: '"><script>' }] }],
    });
    assert.equal(made.status, 200);
    const message = p.locator(`article[data-id="${made.body.id}"]`);
    await message.waitFor();
    assert.ok((await message.locator('.text').textContent()).startsWith(evil));
    assert.equal(await message.locator('img, script, b').count(), 0);
    assert.deepEqual(await message.locator('.text .hidden-char').allTextContents(), ['U+0007', 'U+009B', 'U+202E']);
    assert.equal(await message.locator('a[href^="javascript"]').count(), 0);
    await say('\u05e9\u05dc\u05d5\u05dd hello', { as: 'bob' });
    const rtl = p.locator('article').last().locator('.text');
    await rtl.filter({ hasText: 'hello' }).waitFor();
    assert.equal(await rtl.evaluate((n) => getComputedStyle(n).direction), 'rtl');
    assert.equal(await p.locator('#head').evaluate((n) => getComputedStyle(n).direction), 'ltr');
    await shot(p, 'hostile');
    assert.equal(await p.evaluate(() => window.pwned), undefined);
    await p.evaluate(() => { try { document.body.innerHTML = '<img src=x onerror="window.pwned=1">'; } catch { /* the policy forbids it */ } });
    assert.equal(await p.evaluate(() => window.pwned), undefined);
    const large = await rest('POST', `/channels/${channel}/messages`, { embeds: [{ description: 'x'.repeat(1 << 20) }] });
    assert.equal(large.status, 400);
    await p.context().close();
  }],
  ['no other page may use the control endpoint', async () => {
    const p = await openPage();
    const use = (target) => p.evaluate(async (at) => {
      await fetch(`${at}/reset`, { method: 'POST', mode: 'no-cors' }).catch(() => null);
      return new Promise((done) => {
        const socket = new WebSocket(`${at.replace('http', 'ws')}/live`);
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused');
      });
    }, target);
    await control('POST', '/fault', 'noack');
    // Another server on this machine: a page without a policy of its own.
    const stranger = http.createServer((_, answer) => answer.end('<!doctype html><title>a stranger</title>'));
    await new Promise((r) => { stranger.listen(0, '127.0.0.1', r); });
    await p.goto(`http://127.0.0.1:${stranger.address().port}/`);
    assert.equal(await use(sim.where.control), 'refused');
    // A name of a stranger that has come to mean this machine: the same origin for the browser.
    await p.goto(sim.where.web.replace('127.0.0.1', 'rebound.example'));
    assert.equal(await use(sim.where.control.replace('127.0.0.1', 'rebound.example')), 'refused');
    assert.deepEqual((await control('GET', '/status')).active_faults, ['noack'], 'nothing was reset');
    await control('POST', '/fault', 'heal');
    stranger.close();
    await p.context().close();
  }],
  ['ten thousand messages are scrolled through with a few hundred elements', async () => {
    const p = await openPage();
    await p.locator('#channels button').filter({ hasText: 'off-topic' }).click();
    await p.locator('#channel-name').filter({ hasText: 'off-topic' }).waitFor();
    await sayMany(Array.from({ length: 10000 }, (_, i) => `number ${i}`), { channel: 'off-topic', as: 'bob' });
    await p.locator('article').filter({ hasText: 'number 9999' }).waitFor();
    const count = () => p.locator('#messages article').count();
    assert.ok(await count() <= 200, `${await count()} elements`);
    const number = async (which) => Number((await which.locator('.text').textContent()).split(' ')[1]);
    const scroll = (end) => p.evaluate((down) => { const m = document.getElementById('messages'); m.scrollTop = down ? m.scrollHeight : 0; }, end);
    const first = await until('messages far up', async () => {
      await scroll(false);
      const at = await number(p.locator('#messages article').first());
      return at < 9500 && at;
    });
    assert.ok(await count() <= 200, `${await count()} elements`);
    await until('messages further down, without a hole', async () => { // the newest are not there any more
      await scroll(true);
      return await number(p.locator('#messages article').last()) > first + 300;
    });
    const numbers = (await p.locator('#messages article .text').allTextContents()).map((t) => Number(t.split(' ')[1]));
    const sorted = [...numbers].sort((a, b) => a - b);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(sorted.at(-1) - sorted[0], numbers.length - 1, 'no hole');
    assert.deepEqual(numbers, sorted);
    await p.getByRole('button', { name: /newest/ }).click();
    await p.locator('article').filter({ hasText: 'number 9999' }).waitFor();
    quiet(p);
    await p.context().close();
  }],
  ['everything can be done with keys alone', async () => {
    const p = await openPage();
    const focused = () => p.evaluate(() => { const a = document.activeElement; return `${a.tagName} ${a.id} ${a.className} ${a.textContent.slice(0, 30)}`; });
    const tabTo = async (selector) => {
      for (let i = 0; i < 40; i++) {
        await p.keyboard.press('Tab');
        if (await p.evaluate((s) => document.activeElement.matches(s), selector)) return;
      }
      assert.fail(`Tab never came to ${selector}; it is at ${await focused()}`);
    };
    await p.evaluate(() => document.activeElement.blur());
    await tabTo('#channels .channel');
    await p.keyboard.press('ArrowDown');
    assert.match(await focused(), /help/);
    assert.notEqual(await p.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none');
    await p.keyboard.press('Enter');
    await p.locator('#channel-name').filter({ hasText: 'help' }).waitFor();
    await until('the text field has the focus', () => p.evaluate(() => document.activeElement.id === 'composer'));
    await p.keyboard.type('/pol');
    await p.locator('.completions .option').filter({ hasText: '/poll' }).waitFor();
    await p.keyboard.press('Enter');
    await p.keyboard.type('With keys?');
    await p.keyboard.press('Tab');
    await p.keyboard.type('Yes');
    await p.keyboard.press('Tab');
    await p.keyboard.type('No');
    await p.keyboard.press('Enter');
    const poll = p.locator('article').filter({ hasText: 'With keys?' });
    await poll.waitFor();
    await p.keyboard.press('ArrowUp'); // from the empty field into the messages
    await until('a message has the focus', () => p.evaluate(() => document.activeElement.tagName === 'ARTICLE'));
    await tabTo('[data-part^="poll:0"]');
    await p.keyboard.press('Enter');
    await poll.getByRole('button', { name: /1 +Yes/ }).waitFor();
    await p.locator('#composer').focus();
    await p.keyboard.press('ArrowUp');
    await p.keyboard.press('Enter');
    await p.locator('[role=menu]').waitFor();
    await p.keyboard.press('ArrowDown');
    assert.match(await focused(), /React/);
    await p.keyboard.press('Escape');
    await p.locator('[role=menu]').waitFor({ state: 'detached' });
    await tabTo('#open-panel, #composer');
    quiet(p);
    await p.context().close();
  }],
  ['a phone has drawers and nothing sticks out', async () => {
    const p = await openPage({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
    const fits = async () => assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= 390 && document.getElementById('messages').scrollWidth <= 390), 'something sticks out');
    await fits();
    await p.locator('article').first().waitFor();
    await shot(p, 'phone-dark');
    await p.locator('#open-left').click();
    await p.locator('#left.open').waitFor();
    await shot(p, 'phone-channels');
    await p.locator('#channels button').filter({ hasText: 'help' }).click();
    await p.locator('#channel-name').filter({ hasText: 'help' }).waitFor();
    await until('the drawer is shut', () => p.evaluate(() => !document.querySelector('#left.open')));
    await p.locator('#composer').fill('from a phone');
    await p.locator('.send').click();
    await p.locator('article').filter({ hasText: 'from a phone' }).waitFor();
    await p.locator('#open-panel').click();
    await p.locator('#transcript').waitFor();
    await shot(p, 'phone-panel');
    await p.keyboard.press('Escape');
    await p.locator('#panel').waitFor({ state: 'hidden' });
    await p.locator('#composer').fill('/choose');
    await p.locator('.completions .option').first().waitFor();
    await shot(p, 'phone-menu');
    await fits();
    quiet(p);
    await p.context().close();
  }],
  ['dark and light follow the system, until somebody chooses', async () => {
    const p = await openPage({ colorScheme: 'dark' });
    const theme = () => p.evaluate(() => document.documentElement.dataset.theme);
    const luminance = () => p.evaluate(() => getComputedStyle(document.getElementById('main')).backgroundColor.match(/\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3);
    assert.equal(await theme(), 'dark');
    assert.ok(await luminance() < 70);
    await shot(p, 'dark');
    await p.locator('#theme').click();
    assert.ok(await luminance() > 200);
    await p.reload();
    await connected(p);
    assert.equal(await theme(), 'light');
    await shot(p, 'light');
    await p.context().close();
  }],
  ['the page comes back after the simulator was started anew', async ({ host }) => {
    const p = await openPage();
    await say('before the storm', { as: 'bob' });
    await p.locator('article').filter({ hasText: 'before the storm' }).waitFor();
    await p.locator('#composer').fill('half a sentence');
    await stop(sim.child);
    await p.locator('#link[data-state=lost]').waitFor();
    await shot(p, 'lost');
    await startSim();
    await connected(p);
    assert.equal(await p.locator('article').filter({ hasText: 'before the storm' }).count(), 0);
    assert.equal(await p.locator('#composer').inputValue(), 'half a sentence');
    await p.locator('#composer').fill('after the storm');
    await p.keyboard.press('Enter');
    await p.locator('article').filter({ hasText: 'after the storm' }).waitFor();
    assert.equal(host.exitCode, null); // it comes back too, in its own time
    await p.context().close();
  }],
];
