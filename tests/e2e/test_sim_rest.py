"""tests/e2e/test_sim_rest.py: every REST route that the simulator has, asked as a bot would: requests
and answers are held against Discord's OpenAPI description, errors against Discord's codes, and what
was done against what the gateway tells."""
import asyncio
import json
import lzma
import os
import re
import subprocess
import sys

import aiohttp
import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
DREY = os.path.join(os.environ.get("DREY_BUILD", "build/release"), "bin", "drey")
AGENT = "DiscordBot (https://localhost, 1)"

with lzma.open(os.path.join(HERE, "../peers/data/discord-openapi.json.xz")) as file:
    DOCUMENT = json.load(file)
# The description gives errors of fields a number; Discord's own reference and answers give a word.
DOCUMENT["components"]["schemas"]["InnerErrors"]["properties"]["_errors"]["items"] = {
    "type": "object", "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
RESOLVER = jsonschema.RefResolver("", DOCUMENT)
# The simulator's templates: a star for each parameter. Several of Discord's may look alike.
PATHS = {}
for path, item in DOCUMENT["paths"].items():
    PATHS.setdefault(re.sub(r"\{[^}]*\}", "*", path), item)
failures = []


def fail(text):
    failures.append(text)
    print("not ok -", text[:600], flush=True)


def validate(where, schema, value):
    validator = jsonschema.Draft202012Validator(schema, resolver=RESOLVER)
    for error in list(validator.iter_errors(value))[:3]:
        fail(f"{where}: {error.json_path}: {error.message[:200]}")


def content_schema(part):
    return (part or {}).get("content", {}).get("application/json", {}).get("schema")


class Bot:
    """A token, its gateway session and its requests."""

    def __init__(self, session, at, token):
        self.session, self.at, self.token = session, at, token
        self.events = []
        self.done = set()
        self.headers = {"Authorization": f"Bot {token}", "User-Agent": AGENT}
        self.on_interaction = None

    async def start(self):
        self.socket = await self.session.ws_connect(self.at["gateway"] + "/?v=10&encoding=json")
        await self.socket.receive_json()
        await self.socket.send_json({"op": 2, "d": {"token": self.token, "intents": 53608447,
                                                    "properties": {}}})
        self.reader = asyncio.create_task(self.read())
        await self.event("GUILD_CREATE", lambda d: True)

    async def read(self):
        async for message in self.socket:
            event = json.loads(message.data)
            if event["op"] != 0:
                continue
            self.events.append((event["t"], event["d"]))
            if event["t"] == "INTERACTION_CREATE" and self.on_interaction:
                asyncio.create_task(self.on_interaction(event["d"]))

    async def event(self, name, condition):
        """The first event of this name for which the condition holds; waits for it."""
        for _ in range(1000):
            for kind, d in self.events:
                if kind == name and condition(d):
                    return d
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {name} came")

    async def ask(self, template, *parameters, body=None, status=None, code=None, form=None,
                  query="", reason=None, valid=True):
        """METHOD /template with its parameters; checks request, status and answer."""
        method, pattern = template.split(" ")
        path = pattern
        for parameter in parameters:
            path = re.sub(r"[*:]", str(parameter), path, count=1)
        item = PATHS.get(pattern.replace(":", "*"), {}).get(method.lower())
        where = f"{template} -> "
        if item is None:
            fail(where + "Discord's description has no such route")
            item = {}
        wanted = status or next((int(s) for s in item.get("responses", {}) if s[0] == "2"), 200)
        schema = content_schema(item.get("requestBody"))
        if body is not None and schema and wanted < 300 and valid:
            validate(where + "request", schema, body)
        headers = dict(self.headers, **({"X-Audit-Log-Reason": reason} if reason else {}))
        if ":" in pattern and pattern.startswith(("/webhooks", "/interactions")):
            del headers["Authorization"]
        async with self.session.request(method, self.at["rest"] + path + query, data=form,
                                        json=body if form is None else None,
                                        headers=headers) as answer:
            text = await answer.text()
            value = json.loads(text) if text else None
            if answer.status != wanted:
                fail(f"{where}{answer.status}, wanted {wanted}: {text[:300]}")
            for name in ("Limit", "Remaining", "Reset", "Reset-After", "Bucket"):
                if f"X-RateLimit-{name}" not in answer.headers:
                    fail(f"{where}no X-RateLimit-{name}")
            if code is not None and (value or {}).get("code") != code:
                fail(f"{where}code {value}, wanted {code}")
        if wanted < 300:
            self.done.add(template)
            responses = item.get("responses", {})
            described = content_schema(responses.get(str(wanted)))
            if described and value is not None:
                validate(where + "answer", described, value)
        elif value is not None and wanted != 429:
            validate(where + "error", {"$ref": "#/components/schemas/ErrorResponse"}, value)
        return value


async def messages(bot, channel):
    made = await bot.ask("POST /channels/*/messages", channel, body={
        "content": "hello <@&1>", "nonce": "n1", "enforce_nonce": True,
        "embeds": [{"title": "T", "description": "D", "color": 255,
                    "fields": [{"name": "a", "value": "b", "inline": True}],
                    "footer": {"text": "f"}, "image": {"url": "https://localhost/i.png"}}],
        "components": [{"type": 1, "components": [
            {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}]})
    await bot.event("MESSAGE_CREATE", lambda d: d["id"] == made["id"] and d["nonce"] == "n1"
                    and d["member"] is not None)
    again = await bot.ask("POST /channels/*/messages", channel, body={
        "content": "other", "nonce": "n1", "enforce_nonce": True})
    assert again["id"] == made["id"], "enforce_nonce made a second message"
    for body, code in (({"content": ""}, 50006), ({"content": "x" * 2001}, 50035), ({}, 50006),
                       ({"content": "x", "message_reference": {"message_id": "5"}}, 50035)):
        await bot.ask("POST /channels/*/messages", channel, body=body, status=400, code=code)
    await bot.ask("POST /channels/*/messages", 5, body={"content": "x"}, status=404, code=10003)
    reply = await bot.ask("POST /channels/*/messages", channel, body={
        "content": "reply", "message_reference": {"message_id": made["id"]}})
    assert reply["type"] == 19 and reply["referenced_message"]["id"] == made["id"]
    await bot.ask("PATCH /channels/*/messages/*", channel, made["id"], body={"content": "edited"})
    await bot.event("MESSAGE_UPDATE", lambda d: d["content"] == "edited")
    got = await bot.ask("GET /channels/*/messages/*", channel, made["id"])
    assert got["content"] == "edited" and got["edited_timestamp"] and len(got["embeds"]) == 1
    await bot.ask("GET /channels/*/messages/*", channel, 5, status=404, code=10008)
    listed = await bot.ask("GET /channels/*/messages", channel, query="?limit=2")
    assert [m["id"] for m in listed] == [reply["id"], made["id"]], listed
    listed = await bot.ask("GET /channels/*/messages", channel, query=f"?after={made['id']}")
    assert [m["id"] for m in listed] == [reply["id"]], listed
    listed = await bot.ask("GET /channels/*/messages", channel, query=f"?before={reply['id']}")
    assert [m["id"] for m in listed] == [made["id"]], listed
    listed = await bot.ask("GET /channels/*/messages", channel, query=f"?around={made['id']}")
    assert [m["id"] for m in listed] == [reply["id"], made["id"]], listed
    await bot.ask("GET /channels/*/messages", channel, query="?limit=101", status=400, code=50035)
    await bot.ask("POST /channels/*/typing", channel, status=204)
    await bot.event("TYPING_START", lambda d: d["channel_id"] == channel)
    await files(bot, channel)
    return made, reply


async def files(bot, channel):
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps({
        "content": "file", "attachments": [{"id": 0, "description": "what"}],
        "embeds": [{"image": {"url": "attachment://a_b.txt"}}]}), content_type="application/json")
    form.add_field("files[0]", b"one\r\ntwo", filename="a b.txt", content_type="text/plain")
    sent = await bot.ask("POST /channels/*/messages", channel, form=form)
    attachment = sent["attachments"][0]
    assert attachment["description"] == "what" and attachment["size"] == 8
    assert sent["embeds"][0]["image"]["url"] == attachment["url"], sent
    async with bot.session.get(attachment["url"]) as answer:
        assert await answer.read() == b"one\r\ntwo", "the file came back changed"
    await bot.ask("PATCH /channels/*/messages/*", channel, sent["id"],
                  body={"attachments": [], "embeds": []})
    got = await bot.ask("GET /channels/*/messages/*", channel, sent["id"])
    assert got["attachments"] == []
    form = aiohttp.FormData({"content": "urlencoded"})
    await bot.ask("POST /channels/*/messages", channel, form=form, status=400, code=50035)
    async with bot.session.post(bot.at["rest"] + f"/channels/{channel}/messages", data=b"{",
                                headers={**bot.headers, "Content-Type": "application/json"}) as a:
        assert a.status == 400 and (await a.json())["code"] == 50109
    async with bot.session.head(bot.at["rest"] + "/gateway") as answer:
        assert answer.status == 405 and "GET" in answer.headers["Allow"]


async def reactions(bot, channel, message, user):
    acorn = "%F0%9F%8C%B0"
    base = "/channels/*/messages/*/reactions"
    await bot.ask(f"PUT {base}/:/@me", channel, message, acorn)
    await bot.event("MESSAGE_REACTION_ADD", lambda d: d["message_id"] == message)
    got = await bot.ask("GET /channels/*/messages/*", channel, message)
    assert got["reactions"][0]["count"] == 1 and got["reactions"][0]["me"]
    assert len(await bot.ask(f"GET {base}/:", channel, message, acorn)) == 1
    await bot.ask(f"PUT {base}/:/@me", channel, message, "nonsense", status=400, code=10014)
    await bot.ask(f"DELETE {base}/:/@me", channel, message, acorn)
    await bot.event("MESSAGE_REACTION_REMOVE", lambda d: d["message_id"] == message)
    await bot.ask(f"DELETE {base}/:/*", channel, message, acorn, user)
    await bot.ask(f"PUT {base}/:/@me", channel, message, "oak:77")
    await bot.ask(f"DELETE {base}/:", channel, message, "oak:77")
    await bot.event("MESSAGE_REACTION_REMOVE_EMOJI", lambda d: d["emoji"]["id"] == "77")
    await bot.ask(f"DELETE {base}", channel, message)
    await bot.event("MESSAGE_REACTION_REMOVE_ALL", lambda d: d["message_id"] == message)
    for route in ("/channels/*/pins", "/channels/*/messages/pins"):
        await bot.ask(f"PUT {route}/*", channel, message)
        await bot.event("CHANNEL_PINS_UPDATE", lambda d: d["channel_id"] == channel)
        pinned = await bot.ask(f"GET {route}", channel)
        assert len(pinned if isinstance(pinned, list) else pinned["items"]) == 1
        await bot.ask(f"DELETE {route}/*", channel, message)


async def deletes(bot, channel, made, reply):
    await bot.ask("DELETE /channels/*/messages/*", channel, made["id"])
    await bot.event("MESSAGE_DELETE", lambda d: d["id"] == made["id"])
    await bot.ask("DELETE /channels/*/messages/*", channel, made["id"], status=404, code=10008)
    more = await bot.ask("POST /channels/*/messages", channel, body={"content": "more"})
    await bot.ask("POST /channels/*/messages/bulk-delete", channel,
                  body={"messages": [reply["id"], more["id"]]})
    await bot.event("MESSAGE_DELETE_BULK", lambda d: reply["id"] in d["ids"])
    await bot.ask("POST /channels/*/messages/bulk-delete", channel, body={"messages": ["5", "6"]},
                  status=400, code=50034)


PING = {"name": "ping", "description": "Answers", "type": 1}
POLL = {"name": "poll", "description": "Asks", "type": 1, "options": [
    {"type": 1, "name": "create", "description": "Begins", "options": [
        {"type": 3, "name": "question", "description": "What", "required": True},
        {"type": 6, "name": "about", "description": "Whom"},
        {"type": 4, "name": "days", "description": "Long", "min_value": 1, "max_value": 9},
        {"type": 3, "name": "town", "description": "Where", "autocomplete": True}]}]}


async def menus(bot, person, app, channel):
    """Commands of users and messages, and commands in a direct channel."""
    made = await bot.ask("PUT /applications/*/commands", app, body=[
        PING, {"name": "Look at", "type": 2}, {"name": "Keep this", "type": 3}])
    assert [c["description"] for c in made] == ["Answers", "", ""]
    said = await bot.ask("POST /channels/*/messages", channel, body={"content": "keep me"})
    seen = []

    async def answer(d):
        seen.append(d)
        await bot.ask(CALLBACK, d["id"], d["token"], status=204,
                      body={"type": 4, "data": {"content": d["data"]["name"]}})

    bot.on_interaction = answer
    for line, kind, target in (("Look at", "user", "bob"), ("Keep this", "message", said["id"])):
        got = await person.ask("/command", {"line": line, "type": kind, "target": target})
        assert got["message"]["content"] == line and got["message"]["type"] == 23, got
    assert seen[0]["data"]["resolved"]["users"][seen[0]["data"]["target_id"]]["username"] == "bob"
    assert seen[1]["data"]["resolved"]["messages"][said["id"]]["content"] == "keep me"
    await person.ask("/command", {"line": "Look at", "type": "user", "target": "nobody"}, 400)
    got = await person.ask("/command", {"line": "/ping", "channel": "dm", "as": "bob"})
    assert got["message"]["content"] == "ping" and "guild_id" not in seen[-1]
    assert seen[-1]["user"]["username"] == "bob" and seen[-1]["context"] == 1


async def commands(bot, app, guild):
    for scope, ids in (("/applications/*/commands", (app,)),
                       ("/applications/*/guilds/*/commands", (app, guild))):
        await bot.ask(f"PUT {scope}", *ids, body=[PING, POLL])
        await bot.ask(f"PUT {scope}", *ids, body=[PING, dict(PING, description="")], status=400,
                      code=50035)
        assert len(await bot.ask(f"GET {scope}", *ids)) == 2, "a refused PUT changed something"
        made = await bot.ask(f"POST {scope}", *ids, body={"name": "Look", "type": 2}, status=201)
        same = await bot.ask(f"POST {scope}", *ids, body={"name": "Look", "type": 2}, status=200)
        assert made == same
        await bot.ask(f"PATCH {scope}/*", *ids, made["id"], body={"name": "Look here"})
        got = await bot.ask(f"GET {scope}/*", *ids, made["id"])
        assert got["name"] == "Look here" and got["version"] != made["version"]
        await bot.ask(f"DELETE {scope}/*", *ids, made["id"])
        await bot.ask(f"GET {scope}/*", *ids, made["id"], status=404, code=10063)
    await bot.ask("PUT /applications/*/guilds/*/commands", app, guild, body=[])
    await bot.ask("GET /applications/*/commands", 5, status=403, code=20012)


class Person:
    """Makes interactions happen, by the control endpoint."""

    def __init__(self, session, at):
        self.session, self.at = session, at

    async def ask(self, path, body, status=200):
        async with self.session.post(self.at["control"] + path, json=body) as answer:
            value = await answer.json(content_type=None)
            if answer.status != status:
                fail(f"{path} {body}: {answer.status} {value}")
            return value


CALLBACK = "POST /interactions/*/:/callback"


async def interactions(bot, person, app):
    seen = []

    async def answer(d):
        seen.append(d)
        kind, name = d["type"], d["data"].get("name") or d["data"].get("custom_id")
        reply = lambda body, **more: bot.ask(CALLBACK, d["id"], d["token"], body=body, **more)
        hook = (app, d["token"])
        if kind == 4:
            await reply({"type": 8, "data": {"choices": [{"name": "Oak", "value": "oak"}]}},
                        status=204)
        elif name == "ping":
            made = await reply({"type": 4, "data": {"content": "Pong", "flags": 64, "components": [
                {"type": 1, "components": [
                    {"type": 2, "style": 2, "label": "Again", "custom_id": "again"}]}]}},
                query="?with_response=true", status=200)
            assert made["interaction"]["response_message_ephemeral"]
            await reply({"type": 4, "data": {"content": "twice"}}, status=400, code=40060)
        elif name == "poll":
            await reply({"type": 5}, status=204)
            await bot.ask("PATCH /webhooks/*/:/messages/@original", *hook, body={"content": "Poll"})
            await bot.ask("GET /webhooks/*/:/messages/@original", *hook)
            more = await bot.ask("POST /webhooks/*/:", *hook, body={"content": "follow"},
                                 status=200)
            await bot.ask("PATCH /webhooks/*/:/messages/*", *hook, more["id"],
                          body={"content": "follow 2"})
            await bot.ask("GET /webhooks/*/:/messages/*", *hook, more["id"])
            await bot.ask("DELETE /webhooks/*/:/messages/*", *hook, more["id"])
            await bot.ask("DELETE /webhooks/*/:/messages/@original", *hook)
        elif name == "again":
            await reply({"type": 9, "data": {"title": "Why", "custom_id": "why", "components": [
                {"type": 1, "components": [{"type": 4, "custom_id": "text", "style": 1,
                                            "label": "Because"}]}]}}, status=204)
        elif name == "why":
            await reply({"type": 7, "data": {"content": "Because "
                        + d["data"]["components"][0]["components"][0]["value"]}}, status=204)

    bot.on_interaction = answer
    got = await person.ask("/command", {"name": "ping"})
    assert got["outcome"] == "message" and got["ephemeral"] and got["message"]["content"] == "Pong"
    pressed = {"message": got["message"]["id"], "custom_id": "again"}
    assert (await person.ask("/press", pressed))["modal"]["custom_id"] == "why"
    got = await person.ask("/submit", {"custom_id": "why", "fields": {"text": "it was late"}})
    assert got["outcome"] == "update" and got["message"]["content"] == "Because it was late"
    line = '/poll create question:"Tea or coffee?" about:bob days:3'
    got = await person.ask("/command", {"line": line, "as": "bob"})
    options = seen[-1]["data"]["options"][0]["options"]
    assert [o["value"] for o in options][::2] == ["Tea or coffee?", 3], options
    assert options[1]["value"] in seen[-1]["data"]["resolved"]["users"]
    got = await person.ask("/complete", {"line": "/poll create town:o"})
    assert got["choices"] == [{"name": "Oak", "value": "oak"}]
    for body, status in (({"line": "/nothing"}, 404), ({"line": "/poll"}, 400),
                         ({"line": "/poll create"}, 400), ({"line": "/ping x:1"}, 400),
                         ({"line": "/poll create question:a days:10"}, 400),
                         ({"line": "/poll create question:a about:nobody"}, 400),
                         ({"line": "/ping", "as": "nobody"}, 404)):
        await person.ask("/command", body, status)
    bot.on_interaction = None
    got = await person.ask("/command", {"line": "/ping"}, 504)
    assert got["outcome"] == "no_response"
    late = [d for t, d in bot.events if t == "INTERACTION_CREATE"][-1]
    await bot.ask(CALLBACK, late["id"], late["token"], body={"type": 4, "data": {"content": "x"}},
                  status=404, code=10062)


async def lives(at):
    """A token that has lived is refused; one deadline and one life, both short."""
    async with aiohttp.ClientSession() as session:
        bot, person = Bot(session, at, "lives"), Person(session, at)
        await bot.start()
        app = (await bot.ask("GET /users/@me"))["id"]
        await bot.ask("PUT /applications/*/commands", app, body=[PING])
        waiting = asyncio.create_task(person.ask("/command", {"name": "ping"}))
        made = await bot.event("INTERACTION_CREATE", lambda d: True)
        await bot.ask(CALLBACK, made["id"], made["token"], body={"type": 5}, status=204)
        original = "PATCH /webhooks/*/:/messages/@original"
        await bot.ask(original, app, made["token"], body={"content": "in time"})
        assert (await waiting)["message"]["content"] == "in time"
        await asyncio.sleep(2.2)
        await bot.ask(original, app, made["token"], body={"content": "late"}, status=401,
                      code=50027)


async def guilds(bot, guild, channel, member):
    await bot.ask("GET /users/@me/guilds")
    await bot.ask("GET /guilds/*", guild)
    await bot.ask("GET /guilds/*", 5, status=404, code=10004)
    await bot.ask("PATCH /guilds/*", guild, body={"name": "Grove"})
    await bot.event("GUILD_UPDATE", lambda d: d["name"] == "Grove")
    role = await bot.ask("POST /guilds/*/roles", guild, body={
        "name": "keeper", "color": 255, "permissions": 2048})
    await bot.event("GUILD_ROLE_CREATE", lambda d: d["role"]["id"] == role["id"])
    await bot.ask("PATCH /guilds/*/roles/*", guild, role["id"], body={"name": "warden"})
    got = await bot.ask("GET /guilds/*/roles/*", guild, role["id"])
    assert got["name"] == "warden" and got["permissions"] == "2048" and got["color"] == 255
    assert len(await bot.ask("GET /guilds/*/roles", guild)) == 5
    await bot.ask("PUT /guilds/*/members/*/roles/*", guild, member, role["id"])
    await bot.event("GUILD_MEMBER_UPDATE", lambda d: role["id"] in d["roles"])
    await bot.ask("PATCH /guilds/*/members/*", guild, member, body={"nick": "Nick"})
    got = await bot.ask("GET /guilds/*/members/*", guild, member)
    assert got["nick"] == "Nick" and role["id"] in got["roles"]
    await bot.ask("DELETE /guilds/*/members/*/roles/*", guild, member, role["id"])
    await bot.ask("PATCH /guilds/*/members/@me", guild, body={"nick": "Me"})
    await bot.ask("DELETE /guilds/*/roles/*", guild, role["id"])
    await bot.ask("DELETE /guilds/*/roles/*", guild, role["id"], status=404, code=10011)
    everyone = await bot.ask("GET /guilds/*/members", guild, query="?limit=1000")
    assert len(everyone) == 41 and len({m["user"]["id"] for m in everyone}) == 41
    found = await bot.ask("GET /guilds/*/members/search", guild, query="?query=bo&limit=5")
    assert found[0]["user"]["username"] == "bob"
    await bot.ask("PUT /guilds/*/bans/*", guild, member, body={}, reason="spam", valid=False)
    await bot.event("GUILD_BAN_ADD", lambda d: d["user"]["id"] == member)
    await bot.event("GUILD_MEMBER_REMOVE", lambda d: d["user"]["id"] == member)
    assert (await bot.ask("GET /guilds/*/bans/*", guild, member))["reason"] == "spam"
    assert len(await bot.ask("GET /guilds/*/bans", guild)) == 1
    await bot.ask("DELETE /guilds/*/bans/*", guild, member)
    await bot.ask("GET /guilds/*/members/*", guild, member, status=404, code=10007)
    other = next(m["user"]["id"] for m in everyone if m["user"]["username"] == "bob")
    await bot.ask("DELETE /guilds/*/members/*", guild, other)


async def channels(bot, person, guild, channel):
    made = await bot.ask("POST /guilds/*/channels", guild, body={"name": "news", "type": 0,
                                                                 "topic": "All"})
    await bot.event("CHANNEL_CREATE", lambda d: d["id"] == made["id"])
    await bot.ask("PATCH /channels/*", made["id"], body={"name": "old-news"})
    got = await bot.ask("GET /channels/*", made["id"])
    assert got["name"] == "old-news" and got["topic"] == "All"
    assert made["id"] in [c["id"] for c in await bot.ask("GET /guilds/*/channels", guild)]
    await bot.ask("PUT /channels/*/permissions/*", made["id"], guild,
                  body={"type": 0, "allow": 0, "deny": 2048})
    await bot.ask("PUT /channels/*/permissions/*", made["id"], guild, valid=False,
                  body={"type": 0, "allow": "0", "deny": "2048"})  # as libraries write it
    await bot.ask("DELETE /channels/*/permissions/*", made["id"], guild)
    await bot.ask("POST /channels/*/invites", made["id"], body={})
    hook = await bot.ask("POST /channels/*/webhooks", made["id"], body={"name": "Crier"})
    await bot.event("WEBHOOKS_UPDATE", lambda d: d["channel_id"] == made["id"])
    await bot.ask("GET /channels/*/webhooks", made["id"])
    await bot.ask("GET /guilds/*/webhooks", guild)
    await bot.ask("GET /webhooks/*", hook["id"])
    await bot.ask("GET /webhooks/*/:", hook["id"], hook["token"])
    await bot.ask("PATCH /webhooks/*", hook["id"], body={"name": "Herald"})
    said = await bot.ask("POST /webhooks/*/:", hook["id"], hook["token"], status=200,
                         body={"content": "Hear", "username": "Town"}, query="?wait=true")
    assert said["author"]["username"] == "Town" and said["webhook_id"] == hook["id"]
    await bot.ask("PATCH /webhooks/*/:/messages/*", hook["id"], hook["token"], said["id"],
                  body={"content": "Hear ye"})
    await bot.ask("DELETE /webhooks/*/:/messages/*", hook["id"], hook["token"], said["id"])
    await bot.ask("DELETE /webhooks/*", hook["id"])
    await bot.ask("POST /webhooks/*/:", hook["id"], hook["token"], body={"content": "x"},
                  status=404, code=10015)
    hook = await bot.ask("POST /channels/*/webhooks", made["id"], body={"name": "Second"})
    await bot.ask("DELETE /webhooks/*/:", hook["id"], hook["token"])
    await threads(bot, guild, made["id"])
    await person.ask("/deny", {"channel": "old-news", "permissions": ["SEND_MESSAGES"]})
    await bot.ask("POST /channels/*/messages", made["id"], body={"content": "x"}, status=403,
                  code=50013)
    await person.ask("/deny", {"channel": "old-news", "permissions": ["VIEW_CHANNEL"]})
    await bot.ask("POST /channels/*/messages", made["id"], body={"content": "x"}, status=403,
                  code=50001)
    await person.ask("/deny", {"channel": "old-news", "permissions": []})
    await bot.ask("DELETE /channels/*", made["id"])
    await bot.event("CHANNEL_DELETE", lambda d: d["id"] == made["id"])
    await bot.ask("GET /channels/*", made["id"], status=404, code=10003)
    await bot.ask("DELETE /channels/*", channel, status=400, code=50074)


async def threads(bot, guild, channel):
    thread = await bot.ask("POST /channels/*/threads", channel, body={"name": "t", "type": 11})
    await bot.event("THREAD_CREATE", lambda d: d["id"] == thread["id"])
    await bot.ask("POST /channels/*/messages", thread["id"], body={"content": "inside"})
    await bot.ask("DELETE /channels/*/thread-members/@me", thread["id"])
    await bot.ask("PUT /channels/*/thread-members/@me", thread["id"])
    await bot.ask("PUT /channels/*/thread-members/*", thread["id"], 7)
    await bot.ask("DELETE /channels/*/thread-members/*", thread["id"], 7)
    assert len(await bot.ask("GET /channels/*/thread-members", thread["id"])) == 1
    await bot.ask("PATCH /channels/*", thread["id"], body={"archived": True})
    await bot.event("THREAD_UPDATE", lambda d: d["thread_metadata"]["archived"])
    active = await bot.ask("GET /guilds/*/threads/active", guild)
    assert active["threads"][0]["id"] == thread["id"]
    await bot.ask("DELETE /channels/*", thread["id"])
    await bot.event("THREAD_DELETE", lambda d: d["id"] == thread["id"])
    message = await bot.ask("POST /channels/*/messages", channel, body={"content": "root"})
    await bot.ask("POST /channels/*/messages/*/threads", channel, message["id"],
                  body={"name": "below"})


async def basics(bot, user):
    for route in ("/gateway", "/gateway/bot", "/users/@me", "/applications/@me",
                  "/oauth2/applications/@me"):
        await bot.ask(f"GET {route}")
    flags = (await bot.ask("GET /applications/@me"))["flags"]
    assert flags == 1 << 23 | 1 << 19 | 1 << 15 | 1 << 13, "all intents are approved"
    await bot.ask("PATCH /applications/@me", body={"flags": 8953856})
    await bot.ask("GET /users/*", user)
    await bot.ask("GET /users/*", 5, status=404, code=10013)
    direct = await bot.ask("POST /users/@me/channels", body={"recipient_id": user})
    await bot.ask("GET /channels/*", direct["id"])
    said = await bot.ask("POST /channels/*/messages", direct["id"], body={"content": "psst"})
    await bot.event("MESSAGE_CREATE", lambda d: d["id"] == said["id"] and "guild_id" not in d)


async def run(at):
    async with aiohttp.ClientSession() as session:
        bot, person = Bot(session, at, "rest"), Person(session, at)
        await person.ask("/fault", {"fault": "limit", "arg": "* 1000 1s"})
        await bot.start()
        guild = next(d for t, d in bot.events if t == "GUILD_CREATE")
        channel = next(c["id"] for c in guild["channels"] if c["name"] == "general")
        app = (await bot.ask("GET /users/@me"))["id"]
        users = await bot.ask("GET /guilds/*/members", guild["id"], query="?limit=1000")
        member = next(m["user"]["id"] for m in users
                      if m["user"]["username"] not in ("ann", "bob") and not m["user"].get("bot"))
        made, reply = await messages(bot, channel)
        await reactions(bot, channel, made["id"], member)
        await deletes(bot, channel, made, reply)
        await commands(bot, app, guild["id"])
        await interactions(bot, person, app)
        await menus(bot, person, app, channel)
        await basics(bot, member)
        await channels(bot, person, guild["id"], channel)
        await guilds(bot, guild["id"], channel, member)
        async with session.get(at["control"] + "/routes") as answer:
            routes = {f"{r['method']} {r['path']}" for r in await answer.json()}
        for route in sorted(routes - bot.done):
            fail(f"{route} was never carried out")
        async with session.get(at["control"] + "/status") as answer:
            status = await answer.json()
        for name in ("rest_avoidable_429", "rest_doubled", "rest_without_auth"):
            if status["violations"][name] != 0:
                fail(f"{name} is {status['violations'][name]}")
        print(f"{len(bot.done)} routes, {sum(status['rest_answers'].values())} answers")


def simulate(play, *options):
    simulator = subprocess.Popen([DREY, "sim", "--listen", "127.0.0.1:0", "--json", "--guilds", "2",
                                  "--global-limit", "0", *options],
                                 stdout=subprocess.PIPE, text=True)
    try:
        asyncio.run(asyncio.wait_for(play(json.loads(simulator.stdout.readline())), 120))
    finally:
        simulator.terminate()
        code = simulator.wait(20)
    if code != 0:
        fail(f"the simulator ended with {code}")


def main():
    simulate(run)
    simulate(lives, "--interaction-life", "2000")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
