/* sim/events.h: the events a gateway may dispatch and the intents that let them through.
 * The simulator's own table: it must not agree with the client by sharing one. Pure. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_INTENT(bit) (UINT64_C(1) << (bit))

/* Intents the code asks about by name. */
#define SIM_GUILDS          SIM_INTENT(0)
#define SIM_GUILD_MEMBERS   SIM_INTENT(1)
#define SIM_GUILD_VOICE     SIM_INTENT(7)
#define SIM_GUILD_PRESENCES SIM_INTENT(8)
#define SIM_MESSAGE_CONTENT SIM_INTENT(15)

/* Every bit that is defined, and those that need approval. */
#define SIM_INTENTS_ALL        UINT64_C(53608447)
#define SIM_INTENTS_PRIVILEGED (SIM_GUILD_MEMBERS | SIM_GUILD_PRESENCES | SIM_MESSAGE_CONTENT)

/* X(name, intents in a guild, intents in direct messages); any one of them suffices, 0 = always. */
#define SIM_EVENTS(X)                                                                              \
    X(READY, 0, 0)                                                                                 \
    X(RESUMED, 0, 0)                                                                               \
    X(RATE_LIMITED, 0, 0)                                                                          \
    X(APPLICATION_COMMAND_PERMISSIONS_UPDATE, 0, 0)                                                \
    X(AUTO_MODERATION_RULE_CREATE, SIM_INTENT(20), 0)                                              \
    X(AUTO_MODERATION_RULE_UPDATE, SIM_INTENT(20), 0)                                              \
    X(AUTO_MODERATION_RULE_DELETE, SIM_INTENT(20), 0)                                              \
    X(AUTO_MODERATION_ACTION_EXECUTION, SIM_INTENT(21), 0)                                         \
    X(CHANNEL_CREATE, SIM_INTENT(0), 0)                                                            \
    X(CHANNEL_UPDATE, SIM_INTENT(0), 0)                                                            \
    X(CHANNEL_DELETE, SIM_INTENT(0), 0)                                                            \
    X(CHANNEL_INFO, 0, 0)                                                                          \
    X(CHANNEL_PINS_UPDATE, SIM_INTENT(0), SIM_INTENT(12))                                          \
    X(THREAD_CREATE, SIM_INTENT(0), 0)                                                             \
    X(THREAD_UPDATE, SIM_INTENT(0), 0)                                                             \
    X(THREAD_DELETE, SIM_INTENT(0), 0)                                                             \
    X(THREAD_LIST_SYNC, SIM_INTENT(0), 0)                                                          \
    X(THREAD_MEMBER_UPDATE, SIM_INTENT(0), 0)                                                      \
    X(THREAD_MEMBERS_UPDATE, SIM_INTENT(0) | SIM_INTENT(1), 0)                                     \
    X(ENTITLEMENT_CREATE, 0, 0)                                                                    \
    X(ENTITLEMENT_UPDATE, 0, 0)                                                                    \
    X(ENTITLEMENT_DELETE, 0, 0)                                                                    \
    X(GUILD_CREATE, SIM_INTENT(0), 0)                                                              \
    X(GUILD_UPDATE, SIM_INTENT(0), 0)                                                              \
    X(GUILD_DELETE, SIM_INTENT(0), 0)                                                              \
    X(GUILD_AUDIT_LOG_ENTRY_CREATE, SIM_INTENT(2), 0)                                              \
    X(GUILD_BAN_ADD, SIM_INTENT(2), 0)                                                             \
    X(GUILD_BAN_REMOVE, SIM_INTENT(2), 0)                                                          \
    X(GUILD_EMOJIS_UPDATE, SIM_INTENT(3), 0)                                                       \
    X(GUILD_STICKERS_UPDATE, SIM_INTENT(3), 0)                                                     \
    X(GUILD_INTEGRATIONS_UPDATE, SIM_INTENT(4), 0)                                                 \
    X(GUILD_MEMBER_ADD, SIM_INTENT(1), 0)                                                          \
    X(GUILD_MEMBER_REMOVE, SIM_INTENT(1), 0)                                                       \
    X(GUILD_MEMBER_UPDATE, SIM_INTENT(1), 0)                                                       \
    X(GUILD_MEMBERS_CHUNK, 0, 0)                                                                   \
    X(GUILD_ROLE_CREATE, SIM_INTENT(0), 0)                                                         \
    X(GUILD_ROLE_UPDATE, SIM_INTENT(0), 0)                                                         \
    X(GUILD_ROLE_DELETE, SIM_INTENT(0), 0)                                                         \
    X(GUILD_SCHEDULED_EVENT_CREATE, SIM_INTENT(16), 0)                                             \
    X(GUILD_SCHEDULED_EVENT_UPDATE, SIM_INTENT(16), 0)                                             \
    X(GUILD_SCHEDULED_EVENT_DELETE, SIM_INTENT(16), 0)                                             \
    X(GUILD_SCHEDULED_EVENT_USER_ADD, SIM_INTENT(16), 0)                                           \
    X(GUILD_SCHEDULED_EVENT_USER_REMOVE, SIM_INTENT(16), 0)                                        \
    X(GUILD_SOUNDBOARD_SOUND_CREATE, SIM_INTENT(3), 0)                                             \
    X(GUILD_SOUNDBOARD_SOUND_UPDATE, SIM_INTENT(3), 0)                                             \
    X(GUILD_SOUNDBOARD_SOUND_DELETE, SIM_INTENT(3), 0)                                             \
    X(GUILD_SOUNDBOARD_SOUNDS_UPDATE, SIM_INTENT(3), 0)                                            \
    X(SOUNDBOARD_SOUNDS, 0, 0)                                                                     \
    X(INTEGRATION_CREATE, SIM_INTENT(4), 0)                                                        \
    X(INTEGRATION_UPDATE, SIM_INTENT(4), 0)                                                        \
    X(INTEGRATION_DELETE, SIM_INTENT(4), 0)                                                        \
    X(INTERACTION_CREATE, 0, 0)                                                                    \
    X(INVITE_CREATE, SIM_INTENT(6), 0)                                                             \
    X(INVITE_DELETE, SIM_INTENT(6), 0)                                                             \
    X(MESSAGE_CREATE, SIM_INTENT(9), SIM_INTENT(12))                                               \
    X(MESSAGE_UPDATE, SIM_INTENT(9), SIM_INTENT(12))                                               \
    X(MESSAGE_DELETE, SIM_INTENT(9), SIM_INTENT(12))                                               \
    X(MESSAGE_DELETE_BULK, SIM_INTENT(9), 0)                                                       \
    X(MESSAGE_REACTION_ADD, SIM_INTENT(10), SIM_INTENT(13))                                        \
    X(MESSAGE_REACTION_REMOVE, SIM_INTENT(10), SIM_INTENT(13))                                     \
    X(MESSAGE_REACTION_REMOVE_ALL, SIM_INTENT(10), SIM_INTENT(13))                                 \
    X(MESSAGE_REACTION_REMOVE_EMOJI, SIM_INTENT(10), SIM_INTENT(13))                               \
    X(PRESENCE_UPDATE, SIM_INTENT(8), 0)                                                           \
    X(STAGE_INSTANCE_CREATE, SIM_INTENT(0), 0)                                                     \
    X(STAGE_INSTANCE_UPDATE, SIM_INTENT(0), 0)                                                     \
    X(STAGE_INSTANCE_DELETE, SIM_INTENT(0), 0)                                                     \
    X(SUBSCRIPTION_CREATE, 0, 0)                                                                   \
    X(SUBSCRIPTION_UPDATE, 0, 0)                                                                   \
    X(SUBSCRIPTION_DELETE, 0, 0)                                                                   \
    X(TYPING_START, SIM_INTENT(11), SIM_INTENT(14))                                                \
    X(USER_UPDATE, 0, 0)                                                                           \
    X(VOICE_CHANNEL_EFFECT_SEND, SIM_INTENT(7), 0)                                                 \
    X(VOICE_CHANNEL_START_TIME_UPDATE, SIM_INTENT(0), 0)                                           \
    X(VOICE_CHANNEL_STATUS_UPDATE, SIM_INTENT(0), 0)                                               \
    X(VOICE_STATE_UPDATE, SIM_INTENT(7), 0)                                                        \
    X(VOICE_SERVER_UPDATE, 0, 0)                                                                   \
    X(WEBHOOKS_UPDATE, SIM_INTENT(5), 0)                                                           \
    X(MESSAGE_POLL_VOTE_ADD, SIM_INTENT(24), SIM_INTENT(25))                                       \
    X(MESSAGE_POLL_VOTE_REMOVE, SIM_INTENT(24), SIM_INTENT(25))

enum sim_event {
#define X(name, guild, direct) SIM_##name,
    SIM_EVENTS(X)
#undef X
        SIM_EVENT_COUNT
};

/* Result: static text. */
const char *sim_event_name(enum sim_event event);
/* SIM_EVENT_COUNT when there is none of that name. */
enum sim_event sim_event_find(const char *name);
/* Whether a session with these intents gets the event. direct: it has no guild. */
bool sim_event_wanted(enum sim_event event, uint64_t intents, bool direct);
/* The bit of an intent's name, or -1. Only the privileged ones are known by name. */
int sim_privileged_bit(const char *name);

#endif
