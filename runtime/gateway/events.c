/* gateway/events.c: the events and intents of Discord's gateway, version 10. */
#include "gateway/events.h"

#include <string.h>

#define BIT(name) (1u << INTENT_##name)

static const struct {
    const char *name;
    uint32_t intents;
} events[EVENT_COUNT + 1] = {
    [EVENT_READY] = {"READY", 0},
    [EVENT_RESUMED] = {"RESUMED", 0},
    [EVENT_RATE_LIMITED] = {"RATE_LIMITED", 0},
    [EVENT_APPLICATION_COMMAND_PERMISSIONS_UPDATE] = {"APPLICATION_COMMAND_PERMISSIONS_UPDATE", 0},
    [EVENT_AUTO_MODERATION_RULE_CREATE] = {"AUTO_MODERATION_RULE_CREATE",
                                           BIT(AUTO_MODERATION_CONFIGURATION)},
    [EVENT_AUTO_MODERATION_RULE_UPDATE] = {"AUTO_MODERATION_RULE_UPDATE",
                                           BIT(AUTO_MODERATION_CONFIGURATION)},
    [EVENT_AUTO_MODERATION_RULE_DELETE] = {"AUTO_MODERATION_RULE_DELETE",
                                           BIT(AUTO_MODERATION_CONFIGURATION)},
    [EVENT_AUTO_MODERATION_ACTION_EXECUTION] = {"AUTO_MODERATION_ACTION_EXECUTION",
                                                BIT(AUTO_MODERATION_EXECUTION)},
    [EVENT_CHANNEL_CREATE] = {"CHANNEL_CREATE", BIT(GUILDS)},
    [EVENT_CHANNEL_UPDATE] = {"CHANNEL_UPDATE", BIT(GUILDS)},
    [EVENT_CHANNEL_DELETE] = {"CHANNEL_DELETE", BIT(GUILDS)},
    [EVENT_CHANNEL_INFO] = {"CHANNEL_INFO", 0},
    [EVENT_CHANNEL_PINS_UPDATE] = {"CHANNEL_PINS_UPDATE", BIT(GUILDS) | BIT(DIRECT_MESSAGES)},
    [EVENT_THREAD_CREATE] = {"THREAD_CREATE", BIT(GUILDS)},
    [EVENT_THREAD_UPDATE] = {"THREAD_UPDATE", BIT(GUILDS)},
    [EVENT_THREAD_DELETE] = {"THREAD_DELETE", BIT(GUILDS)},
    [EVENT_THREAD_LIST_SYNC] = {"THREAD_LIST_SYNC", BIT(GUILDS)},
    [EVENT_THREAD_MEMBER_UPDATE] = {"THREAD_MEMBER_UPDATE", BIT(GUILDS)},
    [EVENT_THREAD_MEMBERS_UPDATE] = {"THREAD_MEMBERS_UPDATE", BIT(GUILDS) | BIT(GUILD_MEMBERS)},
    [EVENT_ENTITLEMENT_CREATE] = {"ENTITLEMENT_CREATE", 0},
    [EVENT_ENTITLEMENT_UPDATE] = {"ENTITLEMENT_UPDATE", 0},
    [EVENT_ENTITLEMENT_DELETE] = {"ENTITLEMENT_DELETE", 0},
    [EVENT_GUILD_CREATE] = {"GUILD_CREATE", BIT(GUILDS)},
    [EVENT_GUILD_UPDATE] = {"GUILD_UPDATE", BIT(GUILDS)},
    [EVENT_GUILD_DELETE] = {"GUILD_DELETE", BIT(GUILDS)},
    [EVENT_GUILD_AUDIT_LOG_ENTRY_CREATE] = {"GUILD_AUDIT_LOG_ENTRY_CREATE", BIT(GUILD_MODERATION)},
    [EVENT_GUILD_BAN_ADD] = {"GUILD_BAN_ADD", BIT(GUILD_MODERATION)},
    [EVENT_GUILD_BAN_REMOVE] = {"GUILD_BAN_REMOVE", BIT(GUILD_MODERATION)},
    [EVENT_GUILD_EMOJIS_UPDATE] = {"GUILD_EMOJIS_UPDATE", BIT(GUILD_EXPRESSIONS)},
    [EVENT_GUILD_STICKERS_UPDATE] = {"GUILD_STICKERS_UPDATE", BIT(GUILD_EXPRESSIONS)},
    [EVENT_GUILD_INTEGRATIONS_UPDATE] = {"GUILD_INTEGRATIONS_UPDATE", BIT(GUILD_INTEGRATIONS)},
    [EVENT_GUILD_MEMBER_ADD] = {"GUILD_MEMBER_ADD", BIT(GUILD_MEMBERS)},
    [EVENT_GUILD_MEMBER_REMOVE] = {"GUILD_MEMBER_REMOVE", BIT(GUILD_MEMBERS)},
    [EVENT_GUILD_MEMBER_UPDATE] = {"GUILD_MEMBER_UPDATE", BIT(GUILD_MEMBERS)},
    [EVENT_GUILD_MEMBERS_CHUNK] = {"GUILD_MEMBERS_CHUNK", 0},
    [EVENT_GUILD_ROLE_CREATE] = {"GUILD_ROLE_CREATE", BIT(GUILDS)},
    [EVENT_GUILD_ROLE_UPDATE] = {"GUILD_ROLE_UPDATE", BIT(GUILDS)},
    [EVENT_GUILD_ROLE_DELETE] = {"GUILD_ROLE_DELETE", BIT(GUILDS)},
    [EVENT_GUILD_SCHEDULED_EVENT_CREATE] = {"GUILD_SCHEDULED_EVENT_CREATE",
                                            BIT(GUILD_SCHEDULED_EVENTS)},
    [EVENT_GUILD_SCHEDULED_EVENT_UPDATE] = {"GUILD_SCHEDULED_EVENT_UPDATE",
                                            BIT(GUILD_SCHEDULED_EVENTS)},
    [EVENT_GUILD_SCHEDULED_EVENT_DELETE] = {"GUILD_SCHEDULED_EVENT_DELETE",
                                            BIT(GUILD_SCHEDULED_EVENTS)},
    [EVENT_GUILD_SCHEDULED_EVENT_USER_ADD] = {"GUILD_SCHEDULED_EVENT_USER_ADD",
                                              BIT(GUILD_SCHEDULED_EVENTS)},
    [EVENT_GUILD_SCHEDULED_EVENT_USER_REMOVE] = {"GUILD_SCHEDULED_EVENT_USER_REMOVE",
                                                 BIT(GUILD_SCHEDULED_EVENTS)},
    [EVENT_GUILD_SOUNDBOARD_SOUND_CREATE] = {"GUILD_SOUNDBOARD_SOUND_CREATE",
                                             BIT(GUILD_EXPRESSIONS)},
    [EVENT_GUILD_SOUNDBOARD_SOUND_UPDATE] = {"GUILD_SOUNDBOARD_SOUND_UPDATE",
                                             BIT(GUILD_EXPRESSIONS)},
    [EVENT_GUILD_SOUNDBOARD_SOUND_DELETE] = {"GUILD_SOUNDBOARD_SOUND_DELETE",
                                             BIT(GUILD_EXPRESSIONS)},
    [EVENT_GUILD_SOUNDBOARD_SOUNDS_UPDATE] = {"GUILD_SOUNDBOARD_SOUNDS_UPDATE",
                                              BIT(GUILD_EXPRESSIONS)},
    [EVENT_SOUNDBOARD_SOUNDS] = {"SOUNDBOARD_SOUNDS", 0},
    [EVENT_INTEGRATION_CREATE] = {"INTEGRATION_CREATE", BIT(GUILD_INTEGRATIONS)},
    [EVENT_INTEGRATION_UPDATE] = {"INTEGRATION_UPDATE", BIT(GUILD_INTEGRATIONS)},
    [EVENT_INTEGRATION_DELETE] = {"INTEGRATION_DELETE", BIT(GUILD_INTEGRATIONS)},
    [EVENT_INTERACTION_CREATE] = {"INTERACTION_CREATE", 0},
    [EVENT_INVITE_CREATE] = {"INVITE_CREATE", BIT(GUILD_INVITES)},
    [EVENT_INVITE_DELETE] = {"INVITE_DELETE", BIT(GUILD_INVITES)},
    [EVENT_MESSAGE_CREATE] = {"MESSAGE_CREATE", BIT(GUILD_MESSAGES) | BIT(DIRECT_MESSAGES)},
    [EVENT_MESSAGE_UPDATE] = {"MESSAGE_UPDATE", BIT(GUILD_MESSAGES) | BIT(DIRECT_MESSAGES)},
    [EVENT_MESSAGE_DELETE] = {"MESSAGE_DELETE", BIT(GUILD_MESSAGES) | BIT(DIRECT_MESSAGES)},
    [EVENT_MESSAGE_DELETE_BULK] = {"MESSAGE_DELETE_BULK", BIT(GUILD_MESSAGES)},
    [EVENT_MESSAGE_REACTION_ADD] = {"MESSAGE_REACTION_ADD",
                                    BIT(GUILD_MESSAGE_REACTIONS) | BIT(DIRECT_MESSAGE_REACTIONS)},
    [EVENT_MESSAGE_REACTION_REMOVE] = {"MESSAGE_REACTION_REMOVE",
                                       BIT(GUILD_MESSAGE_REACTIONS) |
                                           BIT(DIRECT_MESSAGE_REACTIONS)},
    [EVENT_MESSAGE_REACTION_REMOVE_ALL] = {"MESSAGE_REACTION_REMOVE_ALL",
                                           BIT(GUILD_MESSAGE_REACTIONS) |
                                               BIT(DIRECT_MESSAGE_REACTIONS)},
    [EVENT_MESSAGE_REACTION_REMOVE_EMOJI] = {"MESSAGE_REACTION_REMOVE_EMOJI",
                                             BIT(GUILD_MESSAGE_REACTIONS) |
                                                 BIT(DIRECT_MESSAGE_REACTIONS)},
    [EVENT_PRESENCE_UPDATE] = {"PRESENCE_UPDATE", BIT(GUILD_PRESENCES)},
    [EVENT_STAGE_INSTANCE_CREATE] = {"STAGE_INSTANCE_CREATE", BIT(GUILDS)},
    [EVENT_STAGE_INSTANCE_UPDATE] = {"STAGE_INSTANCE_UPDATE", BIT(GUILDS)},
    [EVENT_STAGE_INSTANCE_DELETE] = {"STAGE_INSTANCE_DELETE", BIT(GUILDS)},
    [EVENT_SUBSCRIPTION_CREATE] = {"SUBSCRIPTION_CREATE", 0},
    [EVENT_SUBSCRIPTION_UPDATE] = {"SUBSCRIPTION_UPDATE", 0},
    [EVENT_SUBSCRIPTION_DELETE] = {"SUBSCRIPTION_DELETE", 0},
    [EVENT_TYPING_START] = {"TYPING_START", BIT(GUILD_MESSAGE_TYPING) | BIT(DIRECT_MESSAGE_TYPING)},
    [EVENT_USER_UPDATE] = {"USER_UPDATE", 0},
    [EVENT_VOICE_CHANNEL_EFFECT_SEND] = {"VOICE_CHANNEL_EFFECT_SEND", BIT(GUILD_VOICE_STATES)},
    [EVENT_VOICE_CHANNEL_START_TIME_UPDATE] = {"VOICE_CHANNEL_START_TIME_UPDATE", BIT(GUILDS)},
    [EVENT_VOICE_CHANNEL_STATUS_UPDATE] = {"VOICE_CHANNEL_STATUS_UPDATE", BIT(GUILDS)},
    [EVENT_VOICE_STATE_UPDATE] = {"VOICE_STATE_UPDATE", BIT(GUILD_VOICE_STATES)},
    [EVENT_VOICE_SERVER_UPDATE] = {"VOICE_SERVER_UPDATE", 0},
    [EVENT_WEBHOOKS_UPDATE] = {"WEBHOOKS_UPDATE", BIT(GUILD_WEBHOOKS)},
    [EVENT_MESSAGE_POLL_VOTE_ADD] = {"MESSAGE_POLL_VOTE_ADD",
                                     BIT(GUILD_MESSAGE_POLLS) | BIT(DIRECT_MESSAGE_POLLS)},
    [EVENT_MESSAGE_POLL_VOTE_REMOVE] = {"MESSAGE_POLL_VOTE_REMOVE",
                                        BIT(GUILD_MESSAGE_POLLS) | BIT(DIRECT_MESSAGE_POLLS)},
};

static const struct intent intents[INTENT_COUNT] = {
    {"GUILDS", INTENT_GUILDS, false},
    {"GUILD_MEMBERS", INTENT_GUILD_MEMBERS, true},
    {"GUILD_MODERATION", INTENT_GUILD_MODERATION, false},
    {"GUILD_EXPRESSIONS", INTENT_GUILD_EXPRESSIONS, false},
    {"GUILD_INTEGRATIONS", INTENT_GUILD_INTEGRATIONS, false},
    {"GUILD_WEBHOOKS", INTENT_GUILD_WEBHOOKS, false},
    {"GUILD_INVITES", INTENT_GUILD_INVITES, false},
    {"GUILD_VOICE_STATES", INTENT_GUILD_VOICE_STATES, false},
    {"GUILD_PRESENCES", INTENT_GUILD_PRESENCES, true},
    {"GUILD_MESSAGES", INTENT_GUILD_MESSAGES, false},
    {"GUILD_MESSAGE_REACTIONS", INTENT_GUILD_MESSAGE_REACTIONS, false},
    {"GUILD_MESSAGE_TYPING", INTENT_GUILD_MESSAGE_TYPING, false},
    {"DIRECT_MESSAGES", INTENT_DIRECT_MESSAGES, false},
    {"DIRECT_MESSAGE_REACTIONS", INTENT_DIRECT_MESSAGE_REACTIONS, false},
    {"DIRECT_MESSAGE_TYPING", INTENT_DIRECT_MESSAGE_TYPING, false},
    {"MESSAGE_CONTENT", INTENT_MESSAGE_CONTENT, true},
    {"GUILD_SCHEDULED_EVENTS", INTENT_GUILD_SCHEDULED_EVENTS, false},
    {"AUTO_MODERATION_CONFIGURATION", INTENT_AUTO_MODERATION_CONFIGURATION, false},
    {"AUTO_MODERATION_EXECUTION", INTENT_AUTO_MODERATION_EXECUTION, false},
    {"GUILD_MESSAGE_POLLS", INTENT_GUILD_MESSAGE_POLLS, false},
    {"DIRECT_MESSAGE_POLLS", INTENT_DIRECT_MESSAGE_POLLS, false},
};

/* Intents of direct messages; all others are about guilds. */
static const uint32_t dm_intents = BIT(DIRECT_MESSAGES) | BIT(DIRECT_MESSAGE_REACTIONS) |
                                   BIT(DIRECT_MESSAGE_TYPING) | BIT(DIRECT_MESSAGE_POLLS);

/* A perfect hash over the names of 8 bytes and more: three words of the name, a multiplier found
 * by trying. The shorter ones are asked for directly. A new line of the table needs a new
 * multiplier if it collides; unit.events tells. */
enum { HASH_SHIFT = 56, HASH_LEAST = 8 };
static const uint64_t hash_multiplier = 0x2c098f6d3632a475;
static const uint8_t hashed[256] = {
    38, 10, 0,  26, 77, 15, 61, 0,  0,  0,  0,  0,  50, 0,  0, 21, 0,  52, 18, 14, 35, 53, 0,  28,
    0,  27, 0,  12, 0,  0,  32, 0,  0,  67, 0,  0,  0,  0,  0, 0,  0,  0,  39, 0,  0,  0,  56, 0,
    0,  0,  33, 0,  0,  68, 0,  0,  0,  0,  0,  0,  0,  0,  0, 40, 44, 0,  0,  0,  25, 0,  17, 69,
    0,  0,  9,  0,  0,  0,  0,  0,  0,  41, 0,  0,  45, 0,  0, 0,  0,  63, 0,  0,  0,  0,  0,  75,
    0,  0,  29, 72, 0,  0,  43, 46, 0,  3,  0,  0,  0,  0,  0, 13, 0,  0,  0,  0,  0,  0,  55, 0,
    37, 0,  0,  0,  23, 0,  0,  0,  70, 0,  5,  0,  49, 71, 0, 20, 11, 4,  0,  0,  0,  0,  0,  0,
    31, 79, 0,  0,  51, 0,  6,  22, 0,  0,  64, 47, 0,  76, 0, 0,  0,  0,  0,  0,  0,  0,  0,  0,
    7,  0,  0,  0,  8,  0,  65, 0,  0,  0,  0,  0,  57, 0,  0, 0,  0,  0,  0,  0,  0,  0,  0,  0,
    66, 0,  24, 78, 0,  0,  16, 30, 54, 0,  0,  0,  0,  0,  0, 0,  58, 0,  60, 0,  0,  0,  0,  0,
    0,  34, 0,  0,  73, 0,  0,  0,  0,  0,  0,  0,  42, 0,  0, 0,  0,  0,  0,  0,  0,  74, 0,  36,
    0,  0,  59, 48, 0,  0,  19, 0,  0,  0,  0,  0,  0,  62, 0, 0,
};

static uint64_t word_at(const char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static unsigned hash_name(const char *name, size_t length) {
    uint64_t middle = word_at(name + length / 2 - 4);
    uint64_t end = word_at(name + length - 8);
    uint64_t sum = word_at(name) + (middle << 1 | middle >> 63) + (end << 2 | end >> 62) + length;
    return (unsigned)(sum * hash_multiplier >> HASH_SHIFT);
}

static bool named(unsigned id, const char *name, size_t length) {
    return strlen(events[id].name) == length && memcmp(events[id].name, name, length) == 0;
}

enum event_id event_find(const char *name, size_t length) {
    if (length >= HASH_LEAST) {
        unsigned id = hashed[hash_name(name, length)];
        return id != 0 && named(id, name, length) ? (enum event_id)id : EVENT_UNKNOWN;
    }
    if (length == 0) {
        return EVENT_UNKNOWN;
    }
    return named(EVENT_READY, name, length)     ? EVENT_READY
           : named(EVENT_RESUMED, name, length) ? EVENT_RESUMED
                                                : EVENT_UNKNOWN;
}

const char *event_name(unsigned id) {
    return id <= EVENT_COUNT ? events[id].name : NULL;
}

uint32_t event_intents(unsigned id, enum event_scope scope) {
    if (id > EVENT_COUNT) {
        return 0;
    }
    uint32_t needed = events[id].intents;
    uint32_t guild = needed & ~dm_intents;
    uint32_t dm = needed & dm_intents;
    if (guild == 0 || dm == 0) {
        return needed;
    }
    return (scope & SCOPE_GUILD ? guild : 0) | (scope & SCOPE_DM ? dm : 0);
}

const struct intent *intent_row(size_t row) {
    return row < INTENT_COUNT ? &intents[row] : NULL;
}

const struct intent *intent_find(const char *name) {
    for (size_t row = 0; row < INTENT_COUNT; row++) {
        if (strcmp(intents[row].name, name) == 0) {
            return &intents[row];
        }
    }
    return NULL;
}

uint32_t intents_all(void) {
    uint32_t all = 0;
    for (size_t row = 0; row < INTENT_COUNT; row++) {
        all |= 1u << intents[row].bit;
    }
    return all;
}

uint32_t intents_privileged(void) {
    uint32_t all = 0;
    for (size_t row = 0; row < INTENT_COUNT; row++) {
        all |= intents[row].privileged ? 1u << intents[row].bit : 0;
    }
    return all;
}
