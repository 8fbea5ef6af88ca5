// tests/bench/djs_events.mjs: discord.js with its caches, as a bot has it. It takes zlib-stream where
// zlib-sync is there. usage: node djs_events.mjs REST_URL none|zlib-stream LAST
import Module, { createRequire } from 'node:module';

const [url, compress, last] = process.argv.slice(2);
if (compress === 'none') {
  const load = Module._load;
  Module._load = function (request, ...rest) {
    if (request === 'zlib-sync') {
      throw new Error('hidden');
    }
    return load.call(this, request, ...rest);
  };
}
const { Client } = createRequire(new URL('../peers/package.json', import.meta.url))('discord.js');
const client = new Client({ intents: 53608447, shardCount: 1, rest: { api: url.replace(/\/v10$/, '') } });
let count = 0;
client.on('raw', (payload) => {
  if (payload.op === 0) {
    count++;
  }
  if (payload.s === Number(last)) {
    console.log(`saw ${count}`);
  }
});
client.on('messageCreate', () => {});
client.on('interactionCreate', () => {});
await client.login('bench');
