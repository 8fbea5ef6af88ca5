// tests/peers/djs.mjs: discord.js 14: node djs.mjs REST_URL. It uses zlib-stream when zlib-sync can be loaded; a
// second argument "none" hides that module from it. Prints one line per dispatch.
import Module, { createRequire } from 'node:module';

const [restUrl, method] = process.argv.slice(2);
if (method === 'none') {
  const load = Module._load;
  Module._load = function (request, ...rest) {
    if (request === 'zlib-sync') {
      throw new Error('hidden');
    }
    return load.call(this, request, ...rest);
  };
}
const require = createRequire(import.meta.url);
if (method === 'ZlibSync') {
  try {
    require('zlib-sync');
  } catch {
    console.log('unsupported zlib-sync could not be built here');
    process.exit(3);
  }
}
const { Client } = require('discord.js');
const client = new Client({
  intents: 53608447,
  shards: 'auto',
  rest: { api: restUrl.replace(/\/v10$/, '') },
});
client.on('raw', (payload, shard) => {
  console.log(`event ${shard} ${payload.s} ${payload.t} ${payload.d?.id ?? '-'}`);
});
let messages = 0;
client.on('messageCreate', (message) => {
  messages += message.author.username.length > 0 ? 1 : 0;
});
client.on('error', (error) => console.log(`error ${error.message}`));
client.on('clientReady', () => {
  console.log(`ready ${client.user.tag} ${client.guilds.cache.size}`);
  setInterval(() => console.log(`messages ${messages}`), 500);
});
await client.login('peer.djs');
