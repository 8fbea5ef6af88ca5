/* drey/discord.h: Discord's names as constants, so that the compiler finds a misspelt one.
 *
 * DREY_MESSAGE_CREATE is the name for drey_on(), DREY_EVENT_MESSAGE_CREATE the number in
 * drey_event.event: its place in Discord's list, from 1. Lines are only ever appended. */
#ifndef DREY_DISCORD_H
#define DREY_DISCORD_H

/* Events: names. */
#define DREY_READY                                  "READY"
#define DREY_RESUMED                                "RESUMED"
#define DREY_RATE_LIMITED                           "RATE_LIMITED"
#define DREY_APPLICATION_COMMAND_PERMISSIONS_UPDATE "APPLICATION_COMMAND_PERMISSIONS_UPDATE"
#define DREY_AUTO_MODERATION_RULE_CREATE            "AUTO_MODERATION_RULE_CREATE"
#define DREY_AUTO_MODERATION_RULE_UPDATE            "AUTO_MODERATION_RULE_UPDATE"
#define DREY_AUTO_MODERATION_RULE_DELETE            "AUTO_MODERATION_RULE_DELETE"
#define DREY_AUTO_MODERATION_ACTION_EXECUTION       "AUTO_MODERATION_ACTION_EXECUTION"
#define DREY_CHANNEL_CREATE                         "CHANNEL_CREATE"
#define DREY_CHANNEL_UPDATE                         "CHANNEL_UPDATE"
#define DREY_CHANNEL_DELETE                         "CHANNEL_DELETE"
#define DREY_CHANNEL_INFO                           "CHANNEL_INFO"
#define DREY_CHANNEL_PINS_UPDATE                    "CHANNEL_PINS_UPDATE"
#define DREY_THREAD_CREATE                          "THREAD_CREATE"
#define DREY_THREAD_UPDATE                          "THREAD_UPDATE"
#define DREY_THREAD_DELETE                          "THREAD_DELETE"
#define DREY_THREAD_LIST_SYNC                       "THREAD_LIST_SYNC"
#define DREY_THREAD_MEMBER_UPDATE                   "THREAD_MEMBER_UPDATE"
#define DREY_THREAD_MEMBERS_UPDATE                  "THREAD_MEMBERS_UPDATE"
#define DREY_ENTITLEMENT_CREATE                     "ENTITLEMENT_CREATE"
#define DREY_ENTITLEMENT_UPDATE                     "ENTITLEMENT_UPDATE"
#define DREY_ENTITLEMENT_DELETE                     "ENTITLEMENT_DELETE"
#define DREY_GUILD_CREATE                           "GUILD_CREATE"
#define DREY_GUILD_UPDATE                           "GUILD_UPDATE"
#define DREY_GUILD_DELETE                           "GUILD_DELETE"
#define DREY_GUILD_AUDIT_LOG_ENTRY_CREATE           "GUILD_AUDIT_LOG_ENTRY_CREATE"
#define DREY_GUILD_BAN_ADD                          "GUILD_BAN_ADD"
#define DREY_GUILD_BAN_REMOVE                       "GUILD_BAN_REMOVE"
#define DREY_GUILD_EMOJIS_UPDATE                    "GUILD_EMOJIS_UPDATE"
#define DREY_GUILD_STICKERS_UPDATE                  "GUILD_STICKERS_UPDATE"
#define DREY_GUILD_INTEGRATIONS_UPDATE              "GUILD_INTEGRATIONS_UPDATE"
#define DREY_GUILD_MEMBER_ADD                       "GUILD_MEMBER_ADD"
#define DREY_GUILD_MEMBER_REMOVE                    "GUILD_MEMBER_REMOVE"
#define DREY_GUILD_MEMBER_UPDATE                    "GUILD_MEMBER_UPDATE"
#define DREY_GUILD_MEMBERS_CHUNK                    "GUILD_MEMBERS_CHUNK"
#define DREY_GUILD_ROLE_CREATE                      "GUILD_ROLE_CREATE"
#define DREY_GUILD_ROLE_UPDATE                      "GUILD_ROLE_UPDATE"
#define DREY_GUILD_ROLE_DELETE                      "GUILD_ROLE_DELETE"
#define DREY_GUILD_SCHEDULED_EVENT_CREATE           "GUILD_SCHEDULED_EVENT_CREATE"
#define DREY_GUILD_SCHEDULED_EVENT_UPDATE           "GUILD_SCHEDULED_EVENT_UPDATE"
#define DREY_GUILD_SCHEDULED_EVENT_DELETE           "GUILD_SCHEDULED_EVENT_DELETE"
#define DREY_GUILD_SCHEDULED_EVENT_USER_ADD         "GUILD_SCHEDULED_EVENT_USER_ADD"
#define DREY_GUILD_SCHEDULED_EVENT_USER_REMOVE      "GUILD_SCHEDULED_EVENT_USER_REMOVE"
#define DREY_GUILD_SOUNDBOARD_SOUND_CREATE          "GUILD_SOUNDBOARD_SOUND_CREATE"
#define DREY_GUILD_SOUNDBOARD_SOUND_UPDATE          "GUILD_SOUNDBOARD_SOUND_UPDATE"
#define DREY_GUILD_SOUNDBOARD_SOUND_DELETE          "GUILD_SOUNDBOARD_SOUND_DELETE"
#define DREY_GUILD_SOUNDBOARD_SOUNDS_UPDATE         "GUILD_SOUNDBOARD_SOUNDS_UPDATE"
#define DREY_SOUNDBOARD_SOUNDS                      "SOUNDBOARD_SOUNDS"
#define DREY_INTEGRATION_CREATE                     "INTEGRATION_CREATE"
#define DREY_INTEGRATION_UPDATE                     "INTEGRATION_UPDATE"
#define DREY_INTEGRATION_DELETE                     "INTEGRATION_DELETE"
#define DREY_INTERACTION_CREATE                     "INTERACTION_CREATE"
#define DREY_INVITE_CREATE                          "INVITE_CREATE"
#define DREY_INVITE_DELETE                          "INVITE_DELETE"
#define DREY_MESSAGE_CREATE                         "MESSAGE_CREATE"
#define DREY_MESSAGE_UPDATE                         "MESSAGE_UPDATE"
#define DREY_MESSAGE_DELETE                         "MESSAGE_DELETE"
#define DREY_MESSAGE_DELETE_BULK                    "MESSAGE_DELETE_BULK"
#define DREY_MESSAGE_REACTION_ADD                   "MESSAGE_REACTION_ADD"
#define DREY_MESSAGE_REACTION_REMOVE                "MESSAGE_REACTION_REMOVE"
#define DREY_MESSAGE_REACTION_REMOVE_ALL            "MESSAGE_REACTION_REMOVE_ALL"
#define DREY_MESSAGE_REACTION_REMOVE_EMOJI          "MESSAGE_REACTION_REMOVE_EMOJI"
#define DREY_PRESENCE_UPDATE                        "PRESENCE_UPDATE"
#define DREY_STAGE_INSTANCE_CREATE                  "STAGE_INSTANCE_CREATE"
#define DREY_STAGE_INSTANCE_UPDATE                  "STAGE_INSTANCE_UPDATE"
#define DREY_STAGE_INSTANCE_DELETE                  "STAGE_INSTANCE_DELETE"
#define DREY_SUBSCRIPTION_CREATE                    "SUBSCRIPTION_CREATE"
#define DREY_SUBSCRIPTION_UPDATE                    "SUBSCRIPTION_UPDATE"
#define DREY_SUBSCRIPTION_DELETE                    "SUBSCRIPTION_DELETE"
#define DREY_TYPING_START                           "TYPING_START"
#define DREY_USER_UPDATE                            "USER_UPDATE"
#define DREY_VOICE_CHANNEL_EFFECT_SEND              "VOICE_CHANNEL_EFFECT_SEND"
#define DREY_VOICE_CHANNEL_START_TIME_UPDATE        "VOICE_CHANNEL_START_TIME_UPDATE"
#define DREY_VOICE_CHANNEL_STATUS_UPDATE            "VOICE_CHANNEL_STATUS_UPDATE"
#define DREY_VOICE_STATE_UPDATE                     "VOICE_STATE_UPDATE"
#define DREY_VOICE_SERVER_UPDATE                    "VOICE_SERVER_UPDATE"
#define DREY_WEBHOOKS_UPDATE                        "WEBHOOKS_UPDATE"
#define DREY_MESSAGE_POLL_VOTE_ADD                  "MESSAGE_POLL_VOTE_ADD"
#define DREY_MESSAGE_POLL_VOTE_REMOVE               "MESSAGE_POLL_VOTE_REMOVE"

/* Events: numbers. */
#define DREY_EVENT_READY                                  1
#define DREY_EVENT_RESUMED                                2
#define DREY_EVENT_RATE_LIMITED                           3
#define DREY_EVENT_APPLICATION_COMMAND_PERMISSIONS_UPDATE 4
#define DREY_EVENT_AUTO_MODERATION_RULE_CREATE            5
#define DREY_EVENT_AUTO_MODERATION_RULE_UPDATE            6
#define DREY_EVENT_AUTO_MODERATION_RULE_DELETE            7
#define DREY_EVENT_AUTO_MODERATION_ACTION_EXECUTION       8
#define DREY_EVENT_CHANNEL_CREATE                         9
#define DREY_EVENT_CHANNEL_UPDATE                         10
#define DREY_EVENT_CHANNEL_DELETE                         11
#define DREY_EVENT_CHANNEL_INFO                           12
#define DREY_EVENT_CHANNEL_PINS_UPDATE                    13
#define DREY_EVENT_THREAD_CREATE                          14
#define DREY_EVENT_THREAD_UPDATE                          15
#define DREY_EVENT_THREAD_DELETE                          16
#define DREY_EVENT_THREAD_LIST_SYNC                       17
#define DREY_EVENT_THREAD_MEMBER_UPDATE                   18
#define DREY_EVENT_THREAD_MEMBERS_UPDATE                  19
#define DREY_EVENT_ENTITLEMENT_CREATE                     20
#define DREY_EVENT_ENTITLEMENT_UPDATE                     21
#define DREY_EVENT_ENTITLEMENT_DELETE                     22
#define DREY_EVENT_GUILD_CREATE                           23
#define DREY_EVENT_GUILD_UPDATE                           24
#define DREY_EVENT_GUILD_DELETE                           25
#define DREY_EVENT_GUILD_AUDIT_LOG_ENTRY_CREATE           26
#define DREY_EVENT_GUILD_BAN_ADD                          27
#define DREY_EVENT_GUILD_BAN_REMOVE                       28
#define DREY_EVENT_GUILD_EMOJIS_UPDATE                    29
#define DREY_EVENT_GUILD_STICKERS_UPDATE                  30
#define DREY_EVENT_GUILD_INTEGRATIONS_UPDATE              31
#define DREY_EVENT_GUILD_MEMBER_ADD                       32
#define DREY_EVENT_GUILD_MEMBER_REMOVE                    33
#define DREY_EVENT_GUILD_MEMBER_UPDATE                    34
#define DREY_EVENT_GUILD_MEMBERS_CHUNK                    35
#define DREY_EVENT_GUILD_ROLE_CREATE                      36
#define DREY_EVENT_GUILD_ROLE_UPDATE                      37
#define DREY_EVENT_GUILD_ROLE_DELETE                      38
#define DREY_EVENT_GUILD_SCHEDULED_EVENT_CREATE           39
#define DREY_EVENT_GUILD_SCHEDULED_EVENT_UPDATE           40
#define DREY_EVENT_GUILD_SCHEDULED_EVENT_DELETE           41
#define DREY_EVENT_GUILD_SCHEDULED_EVENT_USER_ADD         42
#define DREY_EVENT_GUILD_SCHEDULED_EVENT_USER_REMOVE      43
#define DREY_EVENT_GUILD_SOUNDBOARD_SOUND_CREATE          44
#define DREY_EVENT_GUILD_SOUNDBOARD_SOUND_UPDATE          45
#define DREY_EVENT_GUILD_SOUNDBOARD_SOUND_DELETE          46
#define DREY_EVENT_GUILD_SOUNDBOARD_SOUNDS_UPDATE         47
#define DREY_EVENT_SOUNDBOARD_SOUNDS                      48
#define DREY_EVENT_INTEGRATION_CREATE                     49
#define DREY_EVENT_INTEGRATION_UPDATE                     50
#define DREY_EVENT_INTEGRATION_DELETE                     51
#define DREY_EVENT_INTERACTION_CREATE                     52
#define DREY_EVENT_INVITE_CREATE                          53
#define DREY_EVENT_INVITE_DELETE                          54
#define DREY_EVENT_MESSAGE_CREATE                         55
#define DREY_EVENT_MESSAGE_UPDATE                         56
#define DREY_EVENT_MESSAGE_DELETE                         57
#define DREY_EVENT_MESSAGE_DELETE_BULK                    58
#define DREY_EVENT_MESSAGE_REACTION_ADD                   59
#define DREY_EVENT_MESSAGE_REACTION_REMOVE                60
#define DREY_EVENT_MESSAGE_REACTION_REMOVE_ALL            61
#define DREY_EVENT_MESSAGE_REACTION_REMOVE_EMOJI          62
#define DREY_EVENT_PRESENCE_UPDATE                        63
#define DREY_EVENT_STAGE_INSTANCE_CREATE                  64
#define DREY_EVENT_STAGE_INSTANCE_UPDATE                  65
#define DREY_EVENT_STAGE_INSTANCE_DELETE                  66
#define DREY_EVENT_SUBSCRIPTION_CREATE                    67
#define DREY_EVENT_SUBSCRIPTION_UPDATE                    68
#define DREY_EVENT_SUBSCRIPTION_DELETE                    69
#define DREY_EVENT_TYPING_START                           70
#define DREY_EVENT_USER_UPDATE                            71
#define DREY_EVENT_VOICE_CHANNEL_EFFECT_SEND              72
#define DREY_EVENT_VOICE_CHANNEL_START_TIME_UPDATE        73
#define DREY_EVENT_VOICE_CHANNEL_STATUS_UPDATE            74
#define DREY_EVENT_VOICE_STATE_UPDATE                     75
#define DREY_EVENT_VOICE_SERVER_UPDATE                    76
#define DREY_EVENT_WEBHOOKS_UPDATE                        77
#define DREY_EVENT_MESSAGE_POLL_VOTE_ADD                  78
#define DREY_EVENT_MESSAGE_POLL_VOTE_REMOVE               79

/* Intents: the value of one in a bit set. Plugins do not ask for intents: the host works them out
 * from what drey_on() was told. */
#define DREY_INTENT_GUILDS                        (1u << 0)
#define DREY_INTENT_GUILD_MEMBERS                 (1u << 1)
#define DREY_INTENT_GUILD_MODERATION              (1u << 2)
#define DREY_INTENT_GUILD_EXPRESSIONS             (1u << 3)
#define DREY_INTENT_GUILD_INTEGRATIONS            (1u << 4)
#define DREY_INTENT_GUILD_WEBHOOKS                (1u << 5)
#define DREY_INTENT_GUILD_INVITES                 (1u << 6)
#define DREY_INTENT_GUILD_VOICE_STATES            (1u << 7)
#define DREY_INTENT_GUILD_PRESENCES               (1u << 8)
#define DREY_INTENT_GUILD_MESSAGES                (1u << 9)
#define DREY_INTENT_GUILD_MESSAGE_REACTIONS       (1u << 10)
#define DREY_INTENT_GUILD_MESSAGE_TYPING          (1u << 11)
#define DREY_INTENT_DIRECT_MESSAGES               (1u << 12)
#define DREY_INTENT_DIRECT_MESSAGE_REACTIONS      (1u << 13)
#define DREY_INTENT_DIRECT_MESSAGE_TYPING         (1u << 14)
#define DREY_INTENT_MESSAGE_CONTENT               (1u << 15)
#define DREY_INTENT_GUILD_SCHEDULED_EVENTS        (1u << 16)
#define DREY_INTENT_AUTO_MODERATION_CONFIGURATION (1u << 20)
#define DREY_INTENT_AUTO_MODERATION_EXECUTION     (1u << 21)
#define DREY_INTENT_GUILD_MESSAGE_POLLS           (1u << 24)
#define DREY_INTENT_DIRECT_MESSAGE_POLLS          (1u << 25)

/* Permissions, for drey_permissions() and default_member_permissions. */
#define DREY_MAY_CREATE_INSTANT_INVITE               (UINT64_C(1) << 0)
#define DREY_MAY_KICK_MEMBERS                        (UINT64_C(1) << 1)
#define DREY_MAY_BAN_MEMBERS                         (UINT64_C(1) << 2)
#define DREY_MAY_ADMINISTRATOR                       (UINT64_C(1) << 3)
#define DREY_MAY_MANAGE_CHANNELS                     (UINT64_C(1) << 4)
#define DREY_MAY_MANAGE_GUILD                        (UINT64_C(1) << 5)
#define DREY_MAY_ADD_REACTIONS                       (UINT64_C(1) << 6)
#define DREY_MAY_VIEW_AUDIT_LOG                      (UINT64_C(1) << 7)
#define DREY_MAY_PRIORITY_SPEAKER                    (UINT64_C(1) << 8)
#define DREY_MAY_STREAM                              (UINT64_C(1) << 9)
#define DREY_MAY_VIEW_CHANNEL                        (UINT64_C(1) << 10)
#define DREY_MAY_SEND_MESSAGES                       (UINT64_C(1) << 11)
#define DREY_MAY_SEND_TTS_MESSAGES                   (UINT64_C(1) << 12)
#define DREY_MAY_MANAGE_MESSAGES                     (UINT64_C(1) << 13)
#define DREY_MAY_EMBED_LINKS                         (UINT64_C(1) << 14)
#define DREY_MAY_ATTACH_FILES                        (UINT64_C(1) << 15)
#define DREY_MAY_READ_MESSAGE_HISTORY                (UINT64_C(1) << 16)
#define DREY_MAY_MENTION_EVERYONE                    (UINT64_C(1) << 17)
#define DREY_MAY_USE_EXTERNAL_EMOJIS                 (UINT64_C(1) << 18)
#define DREY_MAY_VIEW_GUILD_INSIGHTS                 (UINT64_C(1) << 19)
#define DREY_MAY_CONNECT                             (UINT64_C(1) << 20)
#define DREY_MAY_SPEAK                               (UINT64_C(1) << 21)
#define DREY_MAY_MUTE_MEMBERS                        (UINT64_C(1) << 22)
#define DREY_MAY_DEAFEN_MEMBERS                      (UINT64_C(1) << 23)
#define DREY_MAY_MOVE_MEMBERS                        (UINT64_C(1) << 24)
#define DREY_MAY_USE_VAD                             (UINT64_C(1) << 25)
#define DREY_MAY_CHANGE_NICKNAME                     (UINT64_C(1) << 26)
#define DREY_MAY_MANAGE_NICKNAMES                    (UINT64_C(1) << 27)
#define DREY_MAY_MANAGE_ROLES                        (UINT64_C(1) << 28)
#define DREY_MAY_MANAGE_WEBHOOKS                     (UINT64_C(1) << 29)
#define DREY_MAY_MANAGE_GUILD_EXPRESSIONS            (UINT64_C(1) << 30)
#define DREY_MAY_USE_APPLICATION_COMMANDS            (UINT64_C(1) << 31)
#define DREY_MAY_REQUEST_TO_SPEAK                    (UINT64_C(1) << 32)
#define DREY_MAY_MANAGE_EVENTS                       (UINT64_C(1) << 33)
#define DREY_MAY_MANAGE_THREADS                      (UINT64_C(1) << 34)
#define DREY_MAY_CREATE_PUBLIC_THREADS               (UINT64_C(1) << 35)
#define DREY_MAY_CREATE_PRIVATE_THREADS              (UINT64_C(1) << 36)
#define DREY_MAY_USE_EXTERNAL_STICKERS               (UINT64_C(1) << 37)
#define DREY_MAY_SEND_MESSAGES_IN_THREADS            (UINT64_C(1) << 38)
#define DREY_MAY_USE_EMBEDDED_ACTIVITIES             (UINT64_C(1) << 39)
#define DREY_MAY_MODERATE_MEMBERS                    (UINT64_C(1) << 40)
#define DREY_MAY_VIEW_CREATOR_MONETIZATION_ANALYTICS (UINT64_C(1) << 41)
#define DREY_MAY_USE_SOUNDBOARD                      (UINT64_C(1) << 42)
#define DREY_MAY_CREATE_GUILD_EXPRESSIONS            (UINT64_C(1) << 43)
#define DREY_MAY_CREATE_EVENTS                       (UINT64_C(1) << 44)
#define DREY_MAY_USE_EXTERNAL_SOUNDS                 (UINT64_C(1) << 45)
#define DREY_MAY_SEND_VOICE_MESSAGES                 (UINT64_C(1) << 46)
#define DREY_MAY_SEND_POLLS                          (UINT64_C(1) << 49)
#define DREY_MAY_USE_EXTERNAL_APPS                   (UINT64_C(1) << 50)
#define DREY_MAY_PIN_MESSAGES                        (UINT64_C(1) << 51)

#endif
