"""tests/bench/corpus.py: what a large bot hears, the same in every run: one gateway message a line.

usage: corpus.py FILE WARM MEASURED

The first WARM events begin with the guilds themselves, so that libraries with a cache have somebody
to look up. About 850 bytes a message: messages, presences, typing, members, voice, reactions,
interactions, and now and then a whole guild.
"""
import json
import random
import sys

GUILDS, CHANNELS, MEMBERS = 8, 20, 300
TIME = "2026-11-29T12:00:00.000000+00:00"
WORDS = ("acorn tree we should meet again branch later nice build is green today maybe you seen that video "
         "lol thanks under and with a new nest winter game \u00e4h caf\u00e9 \U0001f43f").split()
# What comes how often, of a thousand.
MIX = ((330, "message"), (260, "presence"), (120, "typing"), (90, "member"), (70, "voice"), (70, "edit"),
       (35, "reaction"), (24, "interaction"), (1, "guild"))


class World:
    def __init__(self):
        self.random = random.Random(42)
        self.last = 1236000000000000000
        self.users = [self.user(i) for i in range(GUILDS * MEMBERS)]
        self.guilds = [str(900000000000000000 + i * 1000) for i in range(GUILDS)]

    def id(self):
        self.last += self.random.randrange(1 << 22, 1 << 24)
        return str(self.last)

    def user(self, number):
        name = f"{self.random.choice(WORDS)}_{number}"
        return {"id": str(700000000000000000 + number * 4099), "username": name, "avatar":
                f"{self.random.getrandbits(128):032x}", "discriminator": "0", "public_flags": 0, "flags": 0,
                "banner": None, "accent_color": None, "global_name": name.title(),
                "avatar_decoration_data": None, "collectibles": None, "primary_guild": None, "clan": None}

    def member(self, user=None):
        member = {"roles": [str(800000000000000000 + self.random.randrange(20)) for _ in range(3)],
                  "premium_since": None, "pending": False, "nick": None, "mute": False, "joined_at": TIME,
                  "flags": 0, "deaf": False, "communication_disabled_until": None, "banner": None,
                  "avatar": None}
        return {**member, "user": user} if user else member

    def text(self):
        return " ".join(self.random.choices(WORDS, k=self.random.randrange(3, 27)))

    def place(self):
        guild = self.random.randrange(GUILDS)
        user = self.users[guild * MEMBERS + self.random.randrange(MEMBERS)]
        channel = str(910000000000000000 + guild * 1000 + self.random.randrange(CHANNELS))
        return self.guilds[guild], channel, user

    def guild(self, number):
        users = self.users[number * MEMBERS:(number + 1) * MEMBERS]
        channels = [{"id": str(910000000000000000 + number * 1000 + i), "type": 0, "name": f"room-{i}", "position": i,
                     "topic": self.text(), "permission_overwrites": [], "parent_id": None, "nsfw": False,
                     "rate_limit_per_user": 0, "flags": 0, "last_message_id": None} for i in range(CHANNELS)]
        roles = [{"id": self.guilds[number] if i == 0 else str(800000000000000000 + i), "name": f"role {i}",
                  "color": 0, "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
                  "hoist": False, "position": i, "permissions": "1071698660929", "managed": False,
                  "mentionable": False, "icon": None, "unicode_emoji": None, "flags": 0} for i in range(20)]
        return {"id": self.guilds[number], "name": f"Oak {number}", "icon": None, "splash": None,
                "discovery_splash": None, "owner_id": users[0]["id"], "afk_channel_id": None, "afk_timeout": 300,
                "verification_level": 1, "default_message_notifications": 0, "explicit_content_filter": 0,
                "roles": roles, "emojis": [], "stickers": [], "features": [], "mfa_level": 0,
                "application_id": None, "system_channel_id": None, "system_channel_flags": 0,
                "rules_channel_id": None, "max_members": 500000, "vanity_url_code": None, "description": None,
                "banner": None, "premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
                "public_updates_channel_id": None, "nsfw_level": 0, "premium_progress_bar_enabled": False,
                "safety_alerts_channel_id": None, "joined_at": TIME, "large": True, "unavailable": False,
                "member_count": len(users), "voice_states": [], "threads": [], "presences": [],
                "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
                "members": [self.member(user) for user in users], "channels": channels}

    def message(self, edited=None):
        guild, channel, user = self.place()
        embeds = [{"type": "rich", "title": self.text(), "description": self.text(), "color": 5814783}]
        return {"id": self.id(), "type": 0, "channel_id": channel, "guild_id": guild, "author": user,
                "member": self.member(), "content": self.text(), "timestamp": TIME, "edited_timestamp": edited,
                "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [],
                "embeds": embeds if self.random.randrange(3) == 0 else [], "pinned": False, "flags": 0,
                "components": [], "nonce": self.id(), "referenced_message": None}

    def event(self):
        kind = self.random.choices([kind for _, kind in MIX], [often for often, _ in MIX])[0]
        guild, channel, user = self.place()
        if kind == "message":
            return "MESSAGE_CREATE", self.message()
        if kind == "edit":
            return "MESSAGE_UPDATE", self.message(TIME)
        if kind == "presence":
            activity = {"type": 0, "name": self.text()[:60], "id": f"{self.random.getrandbits(60):x}",
                        "created_at": 1795468346456, "timestamps": {"start": 1795468346456},
                        "application_id": self.id(), "details": self.text()[:80], "state": self.text()[:80]}
            return "PRESENCE_UPDATE", {"user": {"id": user["id"]}, "guild_id": guild, "status": "online",
                                       "activities": [activity], "client_status": {"desktop": "online"}}
        if kind == "typing":
            return "TYPING_START", {"channel_id": channel, "guild_id": guild, "user_id": user["id"],
                                    "timestamp": 1795468346, "member": self.member(user)}
        if kind == "member":
            return "GUILD_MEMBER_UPDATE", {"guild_id": guild, **self.member(user)}
        if kind == "voice":
            return "VOICE_STATE_UPDATE", {"guild_id": guild, "channel_id": channel, "user_id": user["id"],
                                          "member": self.member(user), "session_id": self.id(), "deaf": False,
                                          "mute": False, "self_deaf": False, "self_mute": True, "suppress": False,
                                          "self_video": False, "request_to_speak_timestamp": None}
        if kind == "reaction":
            return "MESSAGE_REACTION_ADD", {"user_id": user["id"], "channel_id": channel, "guild_id": guild,
                                            "message_id": self.id(), "member": self.member(user), "type": 0,
                                            "emoji": {"id": None, "name": "\U0001f44d"}, "burst": False,
                                            "burst_colors": [], "message_author_id": user["id"]}
        if kind == "interaction":
            return "INTERACTION_CREATE", {
                "id": self.id(), "application_id": "900000000000000001", "type": 2, "token": "t" * 180,
                "version": 1, "guild_id": guild, "channel_id": channel, "member":
                {**self.member(user), "permissions": "1071698660929"}, "app_permissions": "1071698660929",
                "locale": "en-US", "guild_locale": "en-US", "entitlements": [], "context": 0, "guild":
                {"id": guild, "locale": "en-US", "features": []}, "channel": {"id": channel, "type": 0},
                "authorizing_integration_owners": {"0": guild}, "attachment_size_limit": 10485760,
                "data": {"id": "1100000000000000001", "name": "bench", "type": 1, "options": []}}
        return "GUILD_CREATE", self.guild(self.random.randrange(GUILDS))


def line(seq, name, d):
    return json.dumps({"t": name, "s": seq, "op": 0, "d": d}, separators=(",", ":"), ensure_ascii=False) + "\n"


def main(path, warm, measured):
    world = World()
    with open(path, "w", encoding="utf-8") as file:
        ready = {"v": 10, "user": {**world.user(1), "id": "900000000000000001", "bot": True, "verified": True,
                                   "email": None, "mfa_enabled": False}, "user_settings": {}, "relationships": [],
                 "private_channels": [], "presences": [], "guild_join_requests": [], "geo_ordered_rtc_regions": [],
                 "guilds": [{"id": guild, "unavailable": True} for guild in world.guilds], "shard": [0, 1],
                 "session_id": "5c8f0d9a7b6e4f3a", "session_type": "normal", "resume_gateway_url": "wss://localhost",
                 "application": {"id": "900000000000000001", "flags": 565248}, "auth": {}}
        file.write(line(1, "READY", ready))
        for i in range(GUILDS):
            file.write(line(2 + i, "GUILD_CREATE", world.guild(i)))
        for seq in range(2 + GUILDS, warm + measured + 1):
            name, d = world.event()
            file.write(line(seq, name, d))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
