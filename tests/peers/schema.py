"""tests/peers/schema.py: holds what the simulator emits against Discord's OpenAPI description.

usage: schema.py SIMULATOR_COMMAND... ; fields that only the gateway adds are taken off first; what
is left must validate and must not have a field that the description does not know.
"""
import asyncio
import json
import lzma
import os
import subprocess
import sys

import aiohttp
import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
HEADERS = {"Authorization": "Bot schema", "User-Agent": "DiscordBot (https://localhost, 1)"}

with lzma.open(os.path.join(HERE, "data/discord-openapi.json.xz")) as file:
    DOCUMENT = json.load(file)
SCHEMAS = DOCUMENT["components"]["schemas"]
RESOLVER = jsonschema.RefResolver("", DOCUMENT)

# What the gateway sends beside the REST object, by the schema's name.
GATEWAY_ONLY = {
    "MessageResponse": {"guild_id", "member", "channel_type"},
    "GuildResponse": {"large", "unavailable", "member_count", "version", "lazy", "threads",
                      "stage_instances", "guild_scheduled_events", "soundboard_sounds",
                      "joined_at", "channels", "members", "presences", "voice_states"},
    "GuildChannelResponse": {"version"},
    "GuildRoleResponse": {"version"},
    "GuildMemberResponse": {"guild_id"},
    "UserResponse": {"locale", "mfa_enabled", "verified", "email"},
    "PrivateApplicationResponse": {"summary", "hook"},
}

failures = []
checked = {}


def check(where, name, value):
    value = {k: v for k, v in value.items() if k not in GATEWAY_ONLY.get(name, ())}
    schema = SCHEMAS[name]
    checked[name] = checked.get(name, 0) + 1
    validator = jsonschema.Draft202012Validator(schema, resolver=RESOLVER)
    for error in validator.iter_errors(value):
        failures.append(f"{where} as {name}: {error.json_path}: {error.message[:200]}")
    unknown = set(value) - set(schema.get("properties", {}))
    if unknown:
        failures.append(f"{where} as {name}: unknown fields {sorted(unknown)}")


def check_guild(where, guild):
    stripped = dict(guild, roles=[{k: v for k, v in r.items() if k != "version"}
                                  for r in guild["roles"]])
    check(where, "GuildResponse", stripped)
    for role in guild["roles"]:
        check(where + " role", "GuildRoleResponse", role)
    for channel in guild.get("channels", ()):
        check(where + " channel", "GuildChannelResponse", dict(channel, guild_id=guild["id"]))
    for member in guild.get("members", ()):
        check(where + " member", "GuildMemberResponse", member)


def check_event(event):
    name, d = event["t"], event["d"]
    if name == "READY":
        check(name, "UserPIIResponse", d["user"])
    elif name == "GUILD_CREATE":
        check_guild(name, d)
    elif name in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        check(name, "MessageResponse", d)
        check(name + " author", "UserResponse", d["author"])
        if "member" in d:
            check(name + " member", "GuildMemberResponse", dict(d["member"], user=d["author"]))
    elif name in ("GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE"):
        check(name, "GuildMemberResponse", d)
    elif name == "CHANNEL_UPDATE":
        check(name, "GuildChannelResponse", d)
    elif name == "GUILD_ROLE_UPDATE":
        check(name, "GuildRoleResponse", d["role"])
    elif name == "GUILD_MEMBER_REMOVE":
        check(name, "UserResponse", d["user"])


async def listen(session, at, seen):
    async with session.ws_connect(at["gateway"] + "/?v=10&encoding=json",
                                  max_msg_size=0) as socket:
        await socket.receive_json()
        identify = {"token": "schema", "intents": 53608447,
                    "properties": {"os": "linux", "browser": "schema", "device": "schema"}}
        await socket.send_json({"op": 2, "d": identify})
        for _ in range(3000):
            event = await socket.receive_json(timeout=20)
            if event["op"] == 0:
                seen[event["t"]] = event
                check_event(event)
        await socket.close(code=4000)


async def ask(session, at, seen):
    guild = seen["GUILD_CREATE"]["d"]
    user = seen["MESSAGE_CREATE"]["d"]["author"]

    async def get(path):
        async with session.get(at["rest"] + path, headers=HEADERS) as answer:
            if answer.status != 200:
                failures.append(f"{path}: HTTP {answer.status}")
            return await answer.json()

    check("/gateway/bot", "GatewayBotResponse", await get("/gateway/bot"))
    check("/users/@me", "UserPIIResponse", await get("/users/@me"))
    check("/applications/@me", "PrivateApplicationResponse", await get("/applications/@me"))
    check_guild("/guilds", await get(f"/guilds/{guild['id']}"))
    check("/channels", "GuildChannelResponse",
          await get(f"/channels/{guild['channels'][1]['id']}"))
    check("/users", "UserResponse", await get(f"/users/{user['id']}"))
    for role in await get(f"/guilds/{guild['id']}/roles"):
        check("/roles", "GuildRoleResponse", role)
    for channel in await get(f"/guilds/{guild['id']}/channels"):
        check("/guilds/channels", "GuildChannelResponse", channel)
    check("/members", "GuildMemberResponse", await get(f"/guilds/{guild['id']}/members/"
          + guild["members"][1]["user"]["id"]))


async def run(at):
    seen = {}
    async with aiohttp.ClientSession() as session:
        await listen(session, at, seen)
        await ask(session, at, seen)


def main():
    command = [*sys.argv[1:], "--listen", "127.0.0.1:0", "--json", "--rate", "3000", "--guilds",
               "3"]
    simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        asyncio.run(run(json.loads(simulator.stdout.readline())))
    finally:
        simulator.terminate()
        simulator.wait(10)
    for failure in list(dict.fromkeys(failures))[:20]:
        print("not ok -", failure)
    for name in ("MessageResponse", "GuildResponse", "GuildChannelResponse",
                 "GuildMemberResponse", "UserResponse", "GuildRoleResponse"):
        if checked.get(name, 0) == 0:
            failures.append(f"nothing was checked as {name}")
            print("not ok -", failures[-1])
    print(f"checked {checked}, {len(failures)} failures")
    return 1 if failures else 0


sys.exit(main())
