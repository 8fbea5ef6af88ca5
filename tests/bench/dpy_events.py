"""tests/bench/dpy_events.py: discord.py with its caches, as a bot has it; always zlib-stream.

usage: dpy_events.py REST_URL GATEWAY_URL LAST
"""
import logging
import sys

import discord
import yarl

discord.http.Route.BASE = sys.argv[1]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2] + "/")
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
LAST = int(sys.argv[3])
count = 0


class Bot(discord.Client):
    async def on_message(self, _):
        pass

    async def on_interaction(self, _):
        pass


# As each message of the socket has been read and dispatched; nothing is read a second time for it.
read_message = discord.gateway.DiscordWebSocket.received_message


async def received(self, message, /):
    global count
    before = self.sequence
    await read_message(self, message)
    if self.sequence != before:
        count += 1
        if self.sequence == LAST:
            print(f"saw {count}", flush=True)


discord.gateway.DiscordWebSocket.received_message = received
Bot(intents=discord.Intents.all(), chunk_guilds_at_startup=False).run("bench", log_handler=None)
