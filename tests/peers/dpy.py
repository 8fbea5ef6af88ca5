"""tests/peers/dpy.py: discord.py as a peer. dpy.py REST_URL GATEWAY_URL; always zlib-stream. One
line per dispatch, and what it calls the coming and going of guilds. PEER_SHARDS: how many shards,
by default what the gateway advises. PEER_TOKEN: another token."""
import json
import logging
import os
import sys

import discord
import yarl

discord.http.Route.BASE = sys.argv[1]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2] + "/")
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


class Peer(discord.AutoShardedClient):
    messages = 0

    async def on_ready(self):
        print("note ready", flush=True)
        print(f"ready {self.user} {len(self.guilds)}", flush=True)

    async def on_guild_join(self, _):
        print("note guild-joined", flush=True)

    async def on_guild_remove(self, _):
        print("note guild-left", flush=True)

    async def on_guild_available(self, _):
        print("note guild-back", flush=True)

    async def on_guild_unavailable(self, _):
        print("note guild-out", flush=True)

    async def on_message(self, message):
        Peer.messages += 1
        if Peer.messages % 10 == 0:
            print(f"messages {Peer.messages}", flush=True)


# Each shard's socket hands its text to log_receive; the class knows which shard it is.
def receive(self, text):
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return  # the library shall say what it thinks of it
    if isinstance(payload, dict) and payload.get("op") == 0:
        d = payload["d"]
        ident = d.get("id", "-") if isinstance(d, dict) else "-"
        out = 1 if isinstance(d, dict) and d.get("unavailable") else 0
        print(f"event {self.shard_id or 0} {payload.get('s')} {payload.get('t')} {ident} {out}", flush=True)


discord.gateway.DiscordWebSocket.debug_log_receive = lambda self, text: receive(self, text)
shards = os.environ.get("PEER_SHARDS")
Peer(intents=discord.Intents.all(), enable_debug_events=True, chunk_guilds_at_startup=False,
     shard_count=int(shards) if shards else None).run(
    os.environ.get("PEER_TOKEN", "peer.dpy"), log_handler=None
)
