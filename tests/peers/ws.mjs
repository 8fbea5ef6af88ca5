// tests/peers/ws.mjs: @discordjs/ws on its own: node ws.mjs REST_URL METHOD, METHOD one of none, identify,
// ZlibNative, ZlibSync (version 2), ZstdNative (its next version, which has learnt zstd-stream).
// Prints one line per dispatch: shard, s, t, id, whether it says unavailable. PEER_SHARDS: how many shards, by
// default what the gateway advises. PEER_TOKEN: another token.
import { REST } from '@discordjs/rest';

const [restUrl, method] = process.argv.slice(2);
const { CompressionMethod, WebSocketManager, WebSocketShardEvents } = await import(
  method === 'ZstdNative' ? 'discordjs-ws-dev' : '@discordjs/ws'
);
const compression = method in CompressionMethod ? CompressionMethod[method] : null;
if (compression === null && method !== 'none' && method !== 'identify') {
  console.log(`unsupported ${method}`);
  process.exit(3);
}
const token = process.env.PEER_TOKEN ?? 'peer.ws';
const rest = new REST({ api: restUrl.replace(/\/v10$/, ''), version: '10' }).setToken(token);
const manager = new WebSocketManager({
  rest, // version 2 asks through it, later ones call the function
  fetchGatewayInformation: () => rest.get('/gateway/bot'),
  token,
  shardCount: process.env.PEER_SHARDS ? Number(process.env.PEER_SHARDS) : null,
  intents: 53608447,
  compression,
  useIdentifyCompression: method === 'identify',
});
manager.on(WebSocketShardEvents.Dispatch, (payload, shard) => {
  console.log(`event ${shard} ${payload.s} ${payload.t} ${payload.d?.id ?? '-'} ${payload.d?.unavailable ? 1 : 0}`);
});
manager.on(WebSocketShardEvents.Error, (error) => console.log(`error ${error.message}`));
manager.on(WebSocketShardEvents.SocketError, (error) => console.log(`note ${error.message}`));
await manager.connect();
