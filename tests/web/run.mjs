// tests/web/run.mjs: the page of `drey sim --web` in a headless Chromium, used as a person uses it.
// usage: node run.mjs [PART OF A NAME]; DREY_BUILD: the build; DREY_WEB_KEEP=1 keeps the pictures.
import { close, directory, startHost, startSim } from './house.mjs';
import { tests as chat } from './chat.mjs';
import { tests as hard } from './hard.mjs';

const only = process.argv[2] ?? '';
let failed = 0;
let passed = 0;

try {
  await startSim();
  const host = await startHost();
  for (const [name, test] of [...chat, ...hard].filter(([n]) => n.includes(only))) {
    const begun = Date.now();
    try {
      await test({ host });
      passed++;
      console.log(`ok - ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed++;
      console.log(`not ok - ${name}\n${error.stack ?? error}`);
    }
  }
} catch (error) {
  failed++;
  console.log(`not ok - the stage\n${error.stack ?? error}`);
}
const keep = failed > 0 || process.env.DREY_WEB_KEEP;
await close(keep);
console.log(`${passed} passed, ${failed} failed${keep ? `; pictures and logs: ${directory}` : ''}`);
process.exit(failed || passed === 0 ? 1 : 0);
