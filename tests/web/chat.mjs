// tests/web/chat.mjs: what a person does with bots, one sentence each.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { control, directory, openPage, rest, say, shot, until } from './house.mjs';

let page = null;
const onePage = async () => { page ??= await openPage(); return page; };
const last = (p) => p.locator('#messages article').last();
const lastText = async (p, text) => { await p.locator('#messages article').last().filter({ hasText: text }).waitFor(); return last(p); };

/** Types a command and takes it from the menu. */
async function command(p, name) {
  await p.locator('#composer').fill(`/${name}`);
  await p.locator('.completions .option[aria-selected=true]').filter({ hasText: `/${name}` }).waitFor();
  await p.keyboard.press('Enter');
}
const quiet = (p) => assert.deepEqual(p.troubles, []);

export const tests = [
  ['a message that is written appears, with its markdown, for others too', async () => {
    const p = await onePage();
    await p.locator('#composer').fill('hello **nest** `twig` <@425313921514533123> <https://example.com/x> javascript:alert(1)');
    await p.keyboard.press('Enter');
    const message = await lastText(p, 'hello');
    assert.equal(await message.locator('strong').textContent(), 'nest');
    assert.equal(await message.locator('.text code').textContent(), 'twig');
    assert.match(await message.locator('.mention').textContent(), /^@/);
    const links = message.locator('.text a');
    assert.equal(await links.count(), 1);
    assert.equal(await links.getAttribute('href'), 'https://example.com/x');
    assert.match(await links.getAttribute('rel'), /noopener/);
    const [stored] = await control('POST', '/messages', { last: 1 });
    assert.match(stored.content, /^hello/);
    assert.equal(stored.author.username, 'ann');
  }],
  ['a command of an example plugin is answered in the channel and edited', async () => {
    const p = await onePage();
    await command(p, 'ping');
    const message = await lastText(p, 'Pong!');
    await message.locator('.edited').waitFor();
    assert.match(await message.locator('.reference').textContent(), /used \/ping/);
    assert.equal(await p.locator('.pending').count(), 0);
  }],
  ['options are filled in and a poll counts the buttons that are pressed', async () => {
    const p = await onePage();
    await command(p, 'poll');
    const form = p.locator('form.command');
    await form.getByLabel('question').fill('Tea or coffee?');
    await form.getByLabel('first').fill('Tea');
    await form.getByLabel('second').fill('Coffee');
    await p.keyboard.press('Enter');
    const message = await lastText(p, 'Tea or coffee?');
    await message.getByRole('button', { name: 'Coffee', exact: true }).click();
    await message.getByRole('button', { name: /1 +Coffee/ }).waitFor();
  }],
  ['a missing option is asked for before anything is sent', async () => {
    const p = await onePage();
    await command(p, 'poll');
    const form = p.locator('form.command');
    await form.getByLabel('question').fill('only this');
    await p.keyboard.press('Enter');
    await form.locator('input[aria-invalid=true]').waitFor();
    await p.keyboard.press('Escape');
    await p.locator('#composer').waitFor();
  }],
  ['autocomplete offers what the bot says', async () => {
    const p = await onePage();
    await command(p, 'fruit');
    await p.locator('form.command').getByRole('combobox', { name: /^fruit/ }).pressSequentially('ap');
    await p.locator('.completions .option').filter({ hasText: 'apple' }).waitFor();
    await p.keyboard.press('Enter');
    assert.equal(await p.locator('form.command').getByRole('combobox', { name: /^fruit/ }).inputValue(), 'apple');
    const before = (await control('GET', '/status')).interactions;
    await p.keyboard.press('Enter');
    await until('the command to be used', async () => (await control('GET', '/status')).interactions > before);
  }],
  ['an embed shows its fields, buttons of every style stand below it', async () => {
    const p = await onePage();
    await command(p, 'card');
    const message = await lastText(p, 'The drey');
    assert.equal(await message.locator('.field.inline').count(), 2);
    assert.equal(await message.locator('.embed-title a').getAttribute('href'), 'https://example.com/drey');
    assert.equal(await message.locator('.part').count(), 5);
    await shot(p, 'embed');
    await message.getByRole('button', { name: 'Flee' }).click();
    await p.locator('#messages article').last().filter({ hasText: 'pressed press:4' }).waitFor();
  }],
  ['selects of every kind tell the bot what was chosen', async () => {
    const p = await onePage();
    await command(p, 'choose');
    let message = await lastText(p, 'Which nuts');
    const id = await message.getAttribute('data-id');
    message = p.locator(`article[data-id="${id}"]`);
    await message.locator('[data-part="pick:nuts"]').click();
    await p.locator('.choose .option').filter({ hasText: 'Acorn' }).click();
    await p.locator('.choose .option').filter({ hasText: 'Walnut' }).click();
    await p.getByRole('button', { name: 'Choose', exact: true }).click();
    await lastText(p, 'pick:nuts: acorn walnut');
    for (const [part, word] of [['user', 'bob'], ['role', 'moderator'], ['both', 'bob'], ['channel', 'help']]) {
      await message.locator(`[data-part="pick:${part}"]`).click();
      await p.keyboard.type(word);
      await p.locator('.choose .option').first().waitFor();
      await p.keyboard.press('Enter');
      await p.locator('#messages article').last().filter({ hasText: new RegExp(`pick:${part}: \\d+`) }).waitFor();
    }
  }],
  ['a modal is filled in and its answer appears; Escape closes another', async () => {
    const p = await onePage();
    await command(p, 'survey');
    const dialog = p.locator('dialog.modal');
    await dialog.getByLabel('Your name').fill('Nutkin');
    await dialog.getByLabel('Season').selectOption('autumn');
    await shot(p, 'modal');
    await dialog.getByRole('button', { name: 'Submit' }).click();
    await lastText(p, 'Nutkin');
    await dialog.waitFor({ state: 'detached' });
    await command(p, 'form');
    await dialog.waitFor();
    await p.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }],
  ['components that lay text out are shown', async () => {
    const p = await onePage();
    await command(p, 'layout');
    const message = await lastText(p, 'Stores');
    assert.equal(await message.locator('.container .heading').textContent(), 'Stores');
    await message.getByRole('button', { name: 'Count' }).waitFor();
  }],
  ['a deferred answer is thinking until it comes', async () => {
    const p = await onePage();
    await command(p, 'later');
    await p.locator('.thinking').waitFor();
    await say('!go');
    await p.locator('#messages article').filter({ hasText: 'thought about it' }).waitFor();
    await p.locator('.thinking').waitFor({ state: 'detached' });
  }],
  ['a bot that says nothing did not respond', async () => {
    const p = await onePage();
    await command(p, 'silent');
    const failed = p.locator('.pending.failed');
    await failed.filter({ hasText: 'did not respond' }).waitFor();
    await failed.getByRole('button', { name: 'Dismiss' }).click();
    await failed.waitFor({ state: 'detached' });
  }],
  ['an ephemeral answer is for one alone, and can be dismissed', async () => {
    const p = await onePage();
    const other = await openPage();
    await other.locator('#who').selectOption({ label: (await other.locator('#who option').allTextContents()).find((t) => /^bob\b/.test(t)) });
    await p.locator('#members .member').filter({ hasText: 'Ann of Hazel' }).click();
    await p.getByRole('menuitem', { name: /Who is it/ }).click();
    const message = p.locator('article.ephemeral').filter({ hasText: 'that one' });
    await message.waitFor();
    await say('after it');
    await other.locator('article').filter({ hasText: 'after it' }).waitFor();
    assert.equal(await other.locator('article').filter({ hasText: 'that one' }).count(), 0);
    await message.getByRole('button', { name: 'Dismiss' }).click();
    await message.waitFor({ state: 'detached' });
    await p.reload();
    await p.locator('article').filter({ hasText: 'after it' }).waitFor();
    quiet(other);
    await other.context().close();
  }],
  ['reactions are added and taken back by a click', async () => {
    const p = await onePage();
    await say('react to this', { as: 'bob' });
    const message = await lastText(p, 'react to this');
    await message.hover();
    await message.getByRole('button', { name: 'React' }).click();
    await p.locator('dialog').getByRole('button', { name: '🌰' }).click();
    const pill = p.locator('.reaction').last();
    assert.equal(await pill.getAttribute('aria-pressed'), 'true');
    await pill.click();
    await pill.waitFor({ state: 'detached' });
    const [stored] = await control('POST', '/messages', { last: 1 });
    assert.equal(stored.reactions, undefined);
    await control('POST', '/react', { message: stored.id, emoji: '🍂', as: 'bob' });
    await p.locator('.reaction[aria-pressed=false]').filter({ hasText: '🍂' }).waitFor();
  }],
  ['files are sent, pictures shown, and a page of a stranger cannot run', async () => {
    const p = await onePage();
    const picture = path.join(directory, 'leaf.png');
    writeFileSync(picture, Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGNYFSuCFTEMLolVsSIAv3hKwQfTMt8AAAAASUVORK5CYII=', 'base64'));
    const evil = path.join(directory, 'evil.html');
    writeFileSync(evil, '<script>fetch("/sim/reset", {method: "POST"})</script>');
    await p.locator('#compose input[type=file]').setInputFiles([picture, evil]);
    await p.locator('.extra').filter({ hasText: 'evil.html' }).waitFor();
    await p.locator('#composer').fill('two files');
    await p.keyboard.press('Enter');
    const message = await lastText(p, 'two files');
    await until('the picture', () => message.locator('img.picture').evaluate((i) => i.complete && i.naturalWidth === 8));
    const [stored] = await control('POST', '/messages', { last: 1 });
    assert.deepEqual(stored.attachments.map((a) => a.filename), ['leaf.png', 'evil.html']);
    const answer = await p.context().request.get(stored.attachments[1].url);
    assert.match(answer.headers()['content-security-policy'], /sandbox/);
    assert.equal(answer.headers()['x-content-type-options'], 'nosniff');
  }],
  ['a reply says what it answers', async () => {
    const p = await onePage();
    await say('what shall we eat?', { as: 'bob' });
    const message = await lastText(p, 'what shall we eat?');
    await message.focus();
    await p.keyboard.press('Enter');
    await p.getByRole('menuitem', { name: 'Reply' }).click();
    await p.locator('#composer').fill('nuts');
    await p.keyboard.press('Enter');
    const answer = await lastText(p, 'nuts');
    assert.match(await answer.locator('.reference').textContent(), /what shall we eat/);
  }],
  ['a message command is found in its menu', async () => {
    const p = await onePage();
    await say('quote me', { as: 'bob' });
    const message = await lastText(p, 'quote me');
    await message.click({ button: 'right' });
    await p.getByRole('menuitem', { name: /Quote this/ }).click();
    await until('the quotation', async () => (await p.locator('article').filter({ hasText: 'quote me' }).count()) === 2);
  }],
  ['direct messages with a bot go to it alone', async () => {
    const p = await onePage();
    await p.locator('#channels button').filter({ hasText: 'drey-sim-bot' }).click();
    await p.locator('#composer').fill('between us');
    await p.keyboard.press('Enter');
    await lastText(p, 'between us');
    assert.equal((await control('POST', '/messages', { last: 5 })).some((m) => m.content === 'between us'), false);
    const [stored] = await control('POST', '/messages', { channel: 'dm', last: 1 });
    assert.equal(stored.content, 'between us');
    await p.locator('#channels button').filter({ hasText: 'general' }).click();
  }],
  ['what bots change in channels is seen, and unread channels are marked', async () => {
    const p = await onePage();
    const guild = (await control('GET', '/world')).guilds[0].id;
    const made = await rest('POST', `/guilds/${guild}/channels`, { name: 'the-hollow', type: 0 });
    assert.equal(made.status, 201);
    const button = p.locator('#channels button').filter({ hasText: 'the-hollow' });
    await button.waitFor();
    await say('somebody there?', { channel: 'the-hollow' });
    await p.locator('#channels button.unread').filter({ hasText: 'the-hollow' }).waitFor();
    await button.click();
    await lastText(p, 'somebody there?');
    await rest('DELETE', `/channels/${made.body.id}`);
    await button.waitFor({ state: 'detached' });
    await p.locator('#channel-name').filter({ hasText: 'general' }).waitFor();
  }],
  ['the transcript and the faults can be worked with', async () => {
    const p = await onePage();
    await p.locator('#open-panel').click();
    await p.locator('#transcript .entry').first().waitFor();
    await p.getByLabel('Filter').fill('/interactions');
    await until('REST lines alone', () => p.locator('#transcript .entry b').evaluateAll((all) => all.length > 0 && all.every((b) => b.textContent === 'REST')));
    await p.getByRole('tab', { name: 'Faults' }).click();
    const noack = p.locator('[role=switch][data-fault=noack]');
    await noack.click();
    await p.locator('[role=switch][data-fault=noack][aria-checked=true]').waitFor();
    await shot(p, 'faults');
    await p.locator('[role=switch][data-fault=rest-slow]').click();
    await p.locator('dialog input').fill('1ms');
    await p.keyboard.press('Enter');
    await p.locator('[role=switch][data-fault=rest-slow][aria-checked=true]').waitFor();
    await noack.click();
    await p.locator('[role=switch][data-fault=noack][aria-checked=false]').waitFor();
    await p.getByRole('button', { name: /^Heal/ }).click();
    await p.locator('[role=switch][aria-checked=true]').waitFor({ state: 'detached' });
    const before = (await control('GET', '/status')).resumes ?? 0;
    await p.locator('[data-fault=reconnect]').click();
    await p.getByRole('tab', { name: 'Transcript' }).click();
    await p.getByLabel('Filter').fill('RESUMED');
    await p.locator('#transcript .entry').filter({ hasText: 'RESUMED' }).first().waitFor();
    assert.ok(before >= 0);
    await p.getByLabel('Filter').fill('');
    await p.locator('#open-panel').click();
  }],
  ['nothing went wrong in the page', async () => quiet(await onePage())],
];
