// tests/peers/djs.mjs: discord.js 14: node djs.mjs REST_URL. It uses zlib-stream when zlib-sync can be loaded; a
// second argument "none" hides that module from it. Prints one line per dispatch, and what it calls the coming and
// going of guilds. PEER_SHARDS: how many shards, by default what the gateway advises. PEER_TOKEN: another token.
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
  ...(process.env.PEER_SHARDS ? { shardCount: Number(process.env.PEER_SHARDS) } : { shards: 'auto' }),
  rest: { api: restUrl.replace(/\/v10$/, '') },
});
client.on('raw', (payload, shard) => {
  console.log(`event ${shard} ${payload.s} ${payload.t} ${payload.d?.id ?? '-'} ${payload.d?.unavailable ? 1 : 0}`);
});
const words = { guildCreate: 'joined', guildDelete: 'left', guildAvailable: 'back', guildUnavailable: 'out' };
for (const [event, word] of Object.entries(words)) {
  client.on(event, () => console.log(`note guild-${word}`));
}
let messages = 0;
client.on('messageCreate', (message) => {
  messages += message.author.username.length > 0 ? 1 : 0;
});
client.on('error', (error) => console.log(`error ${error.message}`));
client.on('clientReady', () => {
  console.log('note ready');
  console.log(`ready ${client.user.tag} ${client.guilds.cache.size}`);
  setInterval(() => console.log(`messages ${messages}`), 500);
});
await client.login(process.env.PEER_TOKEN ?? 'peer.djs');
