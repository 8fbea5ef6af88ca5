// tests/bench/ws_events.mjs: @discordjs/ws, which hands every payload on and keeps nothing.
// usage: node ws_events.mjs REST_URL none|ZlibNative|ZlibSync|ZstdNative LAST
import { createRequire } from 'node:module';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const [url, method, last] = process.argv.slice(2);
const { REST } = createRequire(require.resolve('discord.js'))('@discordjs/rest');
const { CompressionMethod, WebSocketManager, WebSocketShardEvents } = require(
  method === 'ZstdNative' ? 'discordjs-ws-dev' : '@discordjs/ws',
);
const rest = new REST({ api: url.replace(/\/v10$/, ''), version: '10' }).setToken('bench');
const manager = new WebSocketManager({
  rest, fetchGatewayInformation: () => rest.get('/gateway/bot'), token: 'bench', intents: 53608447,
  compression: method in CompressionMethod ? CompressionMethod[method] : null,
});
let count = 0;
manager.on(WebSocketShardEvents.Dispatch, (payload) => {
  count++;
  if ((payload.s ?? payload.data?.s) === Number(last)) {
    console.log(`saw ${count}`);
  }
});
manager.on(WebSocketShardEvents.Error, (error) => console.error(error));
await manager.connect();
