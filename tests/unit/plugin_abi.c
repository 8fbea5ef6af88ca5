/* tests/unit/plugin_abi.c: the layout of everything that crosses the border, as it was when the ABI
 * was written down. A failure here means that plugins built before would break: append, or
 * make a new major version. Also the small logic beside it: timers, rations, wanted lists. */
#include "drey/drey.h"
#include "gateway/events.h"
#include "interaction/permission.h"
#include "plugin/instance.h"
#include "plugin/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *name;
    size_t found;
    size_t golden;
};

static void assert_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].found != rows[i].golden) {
            fail_msg("%s is %zu, was %zu", rows[i].name, rows[i].found, rows[i].golden);
        }
    }
}

#define OFFSET(type, field, golden)                                                                \
    { #type "." #field, offsetof(type, field), golden }
#define SIZE(type, golden)                                                                         \
    { "sizeof " #type, sizeof(type), golden }
#define VALUE(name, golden)                                                                        \
    { #name, (size_t)(name), (size_t)(golden) }
#define ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void structs_are_laid_out_as_they_were(void **state) {
    static const struct row rows[] = {
        SIZE(drey_json, 16),
        SIZE(drey_event, 144),
        OFFSET(drey_event, event, 4),
        OFFSET(drey_event, ctx, 8),
        OFFSET(drey_event, name, 16),
        OFFSET(drey_event, seq, 24),
        OFFSET(drey_event, received_ms, 32),
        OFFSET(drey_event, offset, 40),
        OFFSET(drey_event, shard, 48),
        OFFSET(drey_event, attempt, 52),
        OFFSET(drey_event, id, 56),
        OFFSET(drey_event, guild_id, 64),
        OFFSET(drey_event, channel_id, 72),
        OFFSET(drey_event, user_id, 80),
        OFFSET(drey_event, d, 88),
        OFFSET(drey_event, raw, 104),
        OFFSET(drey_event, raw_size, 112),
        OFFSET(drey_event, gap_reason, 120),
        OFFSET(drey_event, gap_from, 128),
        OFFSET(drey_event, gap_to, 136),
        SIZE(drey_state, 32),
        OFFSET(drey_state, reason, 4),
        OFFSET(drey_state, version, 8),
        OFFSET(drey_state, data, 16),
        OFFSET(drey_state, data_size, 24),
        SIZE(drey_ctx, 32),
        OFFSET(drey_ctx, generation, 4),
        OFFSET(drey_ctx, host, 8),
        OFFSET(drey_ctx, bot, 16),
        OFFSET(drey_ctx, user, 24),
        SIZE(drey_plugin, 64),
        OFFSET(drey_plugin, abi_major, 4),
        OFFSET(drey_plugin, abi_minor, 6),
        OFFSET(drey_plugin, id, 8),
        OFFSET(drey_plugin, version, 16),
        OFFSET(drey_plugin, init, 24),
        OFFSET(drey_plugin, start, 32),
        OFFSET(drey_plugin, stop, 40),
        OFFSET(drey_plugin, save, 48),
        OFFSET(drey_plugin, restore, 56),
        SIZE(drey_note, 124),
        OFFSET(drey_note, size, 20),
        OFFSET(drey_note, abi_major, 24),
        OFFSET(drey_note, id, 28),
        OFFSET(drey_note, version, 92),
    };
    ROWS(rows);
}

static void what_is_asked_of_discord_is_laid_out_as_it_was(void **state) {
    static const struct row rows[] = {
        SIZE(drey_file, 40),
        OFFSET(drey_file, fd, 4),
        OFFSET(drey_file, name, 8),
        OFFSET(drey_file, data, 24),
        OFFSET(drey_file, data_size, 32),
        SIZE(drey_request, 72),
        OFFSET(drey_request, flags, 4),
        OFFSET(drey_request, method, 8),
        OFFSET(drey_request, path, 16),
        OFFSET(drey_request, json, 24),
        OFFSET(drey_request, reason, 32),
        OFFSET(drey_request, name, 40),
        OFFSET(drey_request, cookie, 48),
        OFFSET(drey_request, deadline_ms, 56),
        OFFSET(drey_request, file_count, 60),
        OFFSET(drey_request, files, 64),
        SIZE(drey_response, 64),
        OFFSET(drey_response, result, 4),
        OFFSET(drey_response, request, 8),
        OFFSET(drey_response, status, 16),
        OFFSET(drey_response, code, 20),
        OFFSET(drey_response, error, 24),
        OFFSET(drey_response, d, 32),
        OFFSET(drey_response, raw, 48),
        OFFSET(drey_response, raw_size, 56),
        SIZE(drey_members, 48),
        OFFSET(drey_members, result, 4),
        OFFSET(drey_members, d, 24),
        OFFSET(drey_members, error, 40),
        SIZE(drey_rules, 24),
        OFFSET(drey_rules, per, 8),
        OFFSET(drey_rules, seconds, 16),
        SIZE(drey_answer, 64),
        OFFSET(drey_answer, kind, 4),
        OFFSET(drey_answer, interaction, 8),
        OFFSET(drey_answer, message_id, 16),
        OFFSET(drey_answer, json, 24),
        OFFSET(drey_answer, flags, 32),
        OFFSET(drey_answer, file_count, 36),
        OFFSET(drey_answer, files, 40),
        OFFSET(drey_answer, name, 48),
        OFFSET(drey_answer, cookie, 56),
        VALUE(DREY_REPLY, 1),
        VALUE(DREY_DEFER, 2),
        VALUE(DREY_DEFER_UPDATE, 3),
        VALUE(DREY_UPDATE, 4),
        VALUE(DREY_SHOW_MODAL, 5),
        VALUE(DREY_CHOICES, 6),
        VALUE(DREY_EDIT, 7),
        VALUE(DREY_DELETE, 8),
        VALUE(DREY_FOLLOW_UP, 9),
        VALUE(DREY_EDIT_FOLLOW_UP, 10),
        VALUE(DREY_DELETE_FOLLOW_UP, 11),
        VALUE(DREY_FAIL, 12),
        VALUE(DREY_E_NETWORK, -7),
        VALUE(DREY_E_LATE, -8),
        VALUE(DREY_E_REFUSED, -9),
    };
    ROWS(rows);
}

static void what_is_kept_is_laid_out_as_it_was(void **state) {
    static const struct row rows[] = {
        SIZE(drey_value, 48),
        OFFSET(drey_value, guild_id, 8),
        OFFSET(drey_value, key, 16),
        OFFSET(drey_value, data, 24),
        OFFSET(drey_value, data_size, 32),
        OFFSET(drey_value, expires_ms, 40),
        SIZE(drey_due, 40),
        OFFSET(drey_due, flags, 4),
        OFFSET(drey_due, name, 8),
        OFFSET(drey_due, cookie, 16),
        OFFSET(drey_due, due_ms, 24),
        OFFSET(drey_due, late_ms, 32),
        SIZE(drey_schedule, 56),
        OFFSET(drey_schedule, kind, 4),
        OFFSET(drey_schedule, name, 8),
        OFFSET(drey_schedule, cookie, 16),
        OFFSET(drey_schedule, at_ms, 24),
        OFFSET(drey_schedule, period_ms, 32),
        OFFSET(drey_schedule, cron, 40),
        OFFSET(drey_schedule, zone, 48),
        VALUE(DREY_KEY_MAX, 255),
        VALUE(DREY_VALUE_MAX, 65536),
        VALUE(DREY_KV_NEW, 1),
        VALUE(DREY_KV_ALL_GUILDS, 1),
        VALUE(DREY_DUE_LATE, 1),
        VALUE(DREY_DUE_AGAIN, 2),
        VALUE(DREY_AT, 1),
        VALUE(DREY_EVERY, 2),
        VALUE(DREY_CRON, 3),
        VALUE(DREY_E_EXISTS, -10),
    };
    ROWS(rows);
}

static void the_function_table_only_grows(void **state) {
    static const struct row rows[] = {
        OFFSET(drey_host, on, 8),
        OFFSET(drey_host, on_timer, 16),
        OFFSET(drey_host, on_post, 24),
        OFFSET(drey_host, log, 32),
        OFFSET(drey_host, config, 40),
        OFFSET(drey_host, timer, 48),
        OFFSET(drey_host, timer_stop, 56),
        OFFSET(drey_host, post, 64),
        OFFSET(drey_host, save, 72),
        OFFSET(drey_host, json_kind, 80),
        OFFSET(drey_host, json_get, 88),
        OFFSET(drey_host, json_str, 96),
        OFFSET(drey_host, json_int, 104),
        OFFSET(drey_host, json_number, 112),
        OFFSET(drey_host, json_id, 120),
        OFFSET(drey_host, json_bool, 128),
        OFFSET(drey_host, json_first, 136),
        OFFSET(drey_host, json_next, 144),
        OFFSET(drey_host, json_key, 152),
        OFFSET(drey_host, write, 160),
        OFFSET(drey_host, now_ms, 168),
        OFFSET(drey_host, extension, 176),
        OFFSET(drey_host, on_rest, 184),
        OFFSET(drey_host, rest, 192),
        OFFSET(drey_host, rest_cancel, 200),
        OFFSET(drey_host, send, 208),
        OFFSET(drey_host, on_members, 216),
        OFFSET(drey_host, gateway, 224),
        OFFSET(drey_host, command, 232),
        OFFSET(drey_host, on_interaction, 240),
        OFFSET(drey_host, answer, 248),
        OFFSET(drey_host, option, 256),
        OFFSET(drey_host, kv_get, 264),
        OFFSET(drey_host, kv_int, 272),
        OFFSET(drey_host, kv_set, 280),
        OFFSET(drey_host, kv_add, 288),
        OFFSET(drey_host, kv_delete, 296),
        OFFSET(drey_host, kv_clear, 304),
        OFFSET(drey_host, kv_list, 312),
        OFFSET(drey_host, kv_transaction, 320),
        OFFSET(drey_host, on_due, 328),
        OFFSET(drey_host, schedule, 336),
        OFFSET(drey_host, schedule_stop, 344),
        OFFSET(drey_host, schedules, 352),
        OFFSET(drey_host, permissions, 360),
        OFFSET(drey_host, attempt, 368),
        SIZE(drey_host, 376),
    };
    ROWS(rows);
}

static void constants_keep_their_values(void **state) {
    static const struct row rows[] = {
        VALUE(DREY_GUILD, 1),          VALUE(DREY_DM, 2),           VALUE(DREY_ANYWHERE, 3),
        VALUE(DREY_CONTENT, 4),        VALUE(DREY_GAP_LAPPED, 1),   VALUE(DREY_GAP_SESSION, 2),
        VALUE(DREY_GAP_TOO_LARGE, 3),  VALUE(DREY_GAP_DAMAGED, 4),  VALUE(DREY_DEBUG, 1),
        VALUE(DREY_ERROR, 4),          VALUE(DREY_E_FAIL, -1),      VALUE(DREY_E_INVALID, -2),
        VALUE(DREY_E_PHASE, -3),       VALUE(DREY_E_NO_MEMORY, -4), VALUE(DREY_E_LIMIT, -5),
        VALUE(DREY_E_UNKNOWN, -6),     VALUE(DREY_REASON_NEW, 0),   VALUE(DREY_REASON_RELOAD, 1),
        VALUE(DREY_REASON_RESTART, 2), VALUE(DREY_REASON_CRASH, 3), VALUE(DREY_JSON_NONE, 0),
        VALUE(DREY_JSON_NULL, 1),      VALUE(DREY_JSON_BOOL, 2),    VALUE(DREY_JSON_NUMBER, 3),
        VALUE(DREY_JSON_STRING, 4),    VALUE(DREY_JSON_ARRAY, 5),   VALUE(DREY_JSON_OBJECT, 6),
        VALUE(DREY_ABI_MAJOR, 1),      VALUE(DREY_ABI_MINOR, 0),
    };
    ROWS(rows);
}

/* discord.h is written by hand: held against the host's own table. */
static void the_constants_of_events_are_those_of_the_host(void **state) {
    static const struct {
        const char *name;
        unsigned id;
    } rows[] = {
        {DREY_READY, DREY_EVENT_READY},
        {DREY_GUILD_CREATE, DREY_EVENT_GUILD_CREATE},
        {DREY_INTERACTION_CREATE, DREY_EVENT_INTERACTION_CREATE},
        {DREY_MESSAGE_CREATE, DREY_EVENT_MESSAGE_CREATE},
        {DREY_TYPING_START, DREY_EVENT_TYPING_START},
        {DREY_MESSAGE_POLL_VOTE_REMOVE, DREY_EVENT_MESSAGE_POLL_VOTE_REMOVE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(event_find(rows[i].name, strlen(rows[i].name)), rows[i].id);
    }
    assert_int_equal(DREY_EVENT_MESSAGE_POLL_VOTE_REMOVE, EVENT_COUNT);
    assert_int_equal(DREY_INTENT_MESSAGE_CONTENT, 1u << INTENT_MESSAGE_CONTENT);
    assert_int_equal(DREY_INTENT_DIRECT_MESSAGE_POLLS, 1u << INTENT_DIRECT_MESSAGE_POLLS);
}

static void permissions_are_called_as_discord_calls_them(void **state) {
#define PERMISSION(name)                                                                           \
    { #name, DREY_MAY_##name }
    static const struct {
        const char *name;
        uint64_t bits;
    } rows[] = {
        PERMISSION(CREATE_INSTANT_INVITE),
        PERMISSION(KICK_MEMBERS),
        PERMISSION(BAN_MEMBERS),
        PERMISSION(ADMINISTRATOR),
        PERMISSION(MANAGE_CHANNELS),
        PERMISSION(MANAGE_GUILD),
        PERMISSION(ADD_REACTIONS),
        PERMISSION(VIEW_AUDIT_LOG),
        PERMISSION(PRIORITY_SPEAKER),
        PERMISSION(STREAM),
        PERMISSION(VIEW_CHANNEL),
        PERMISSION(SEND_MESSAGES),
        PERMISSION(SEND_TTS_MESSAGES),
        PERMISSION(MANAGE_MESSAGES),
        PERMISSION(EMBED_LINKS),
        PERMISSION(ATTACH_FILES),
        PERMISSION(READ_MESSAGE_HISTORY),
        PERMISSION(MENTION_EVERYONE),
        PERMISSION(USE_EXTERNAL_EMOJIS),
        PERMISSION(VIEW_GUILD_INSIGHTS),
        PERMISSION(CONNECT),
        PERMISSION(SPEAK),
        PERMISSION(MUTE_MEMBERS),
        PERMISSION(DEAFEN_MEMBERS),
        PERMISSION(MOVE_MEMBERS),
        PERMISSION(USE_VAD),
        PERMISSION(CHANGE_NICKNAME),
        PERMISSION(MANAGE_NICKNAMES),
        PERMISSION(MANAGE_ROLES),
        PERMISSION(MANAGE_WEBHOOKS),
        PERMISSION(MANAGE_GUILD_EXPRESSIONS),
        PERMISSION(USE_APPLICATION_COMMANDS),
        PERMISSION(REQUEST_TO_SPEAK),
        PERMISSION(MANAGE_EVENTS),
        PERMISSION(MANAGE_THREADS),
        PERMISSION(CREATE_PUBLIC_THREADS),
        PERMISSION(CREATE_PRIVATE_THREADS),
        PERMISSION(USE_EXTERNAL_STICKERS),
        PERMISSION(SEND_MESSAGES_IN_THREADS),
        PERMISSION(USE_EMBEDDED_ACTIVITIES),
        PERMISSION(MODERATE_MEMBERS),
        PERMISSION(VIEW_CREATOR_MONETIZATION_ANALYTICS),
        PERMISSION(USE_SOUNDBOARD),
        PERMISSION(CREATE_GUILD_EXPRESSIONS),
        PERMISSION(CREATE_EVENTS),
        PERMISSION(USE_EXTERNAL_SOUNDS),
        PERMISSION(SEND_VOICE_MESSAGES),
        PERMISSION(SEND_POLLS),
        PERMISSION(USE_EXTERNAL_APPS),
        PERMISSION(PIN_MESSAGES),
    };
    struct buf text = {0};
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&text);
        assert_true(permission_text(rows[i].bits, &text));
        assert_string_equal(text.bytes, rows[i].name);
        assert_int_equal(all & rows[i].bits, 0);
        all |= rows[i].bits;
    }
    buf_clear(&text);
    assert_true(permission_text(DREY_MAY_SEND_MESSAGES | UINT64_C(1) << 63, &text));
    assert_string_equal(text.bytes, "SEND_MESSAGES, bit 63");
    buf_finish(&text);
}

static void timers_keep_their_phase_and_do_not_pile_up(void **state) {
    struct timers timers = {0};
    assert_int_equal(timers_next(&timers), UINT64_MAX);
    assert_true(timers_set(&timers, "a", 1, 1000, 50, 100));
    assert_null(timers_take(&timers, 1049));
    const struct timer *timer = timers_take(&timers, 1055);
    assert_non_null(timer);
    uint64_t serial = timer->serial;
    assert_int_equal(timers_next(&timers), 1150);
    assert_null(timers_take(&timers, 1160)); /* the last call is not done */
    timers_done(&timers, serial);
    assert_int_equal(timers_next(&timers), 1250);
    assert_non_null(timers_take(&timers, 1777));
    assert_int_equal(timers_next(&timers), 1850); /* five are skipped, the phase stays */
    assert_true(timers_set(&timers, "a", 1, 2000, 5, 0));
    assert_false(timers_alive(&timers, serial));
    assert_non_null(timers_take(&timers, 2005));
    assert_int_equal(timers_next(&timers), UINT64_MAX);
    timers_stop(&timers, "a", 1);
    assert_int_equal(timers.count, 0);
    timers_finish(&timers);
}

static void a_call_that_was_lost_does_not_hold_its_timer(void **state) {
    struct timers timers = {0};
    assert_true(timers_set(&timers, "lost", 1, 0, 10, 10));
    assert_true(timers_set(&timers, "once", 2, 0, 10, 0));
    assert_true(timers_set(&timers, "moved", 3, 0, 10, 10));
    uint64_t moved = 0;
    const struct timer *timer;
    while ((timer = timers_take(&timers, 10)) != NULL) {
        moved = timer->cookie == 3 ? timer->serial : moved;
    }
    timers_ground(&timers);
    assert_true(timers_hand_on(&timers, moved));
    assert_false(timers_hand_on(&timers, 999));
    timers_sweep(&timers);
    assert_int_equal(timers.count, 2);
    timer = timers_take(&timers, 20);
    assert_non_null(timer);
    assert_string_equal(timer->name, "lost");
    assert_null(timers_take(&timers, 20)); /* the other is still on its way */
    timers_finish(&timers);
}

static void a_ration_lets_a_burst_pass_and_counts_the_rest(void **state) {
    struct ration ration = {0};
    uint64_t suppressed = 0;
    int passed = 0;
    for (int i = 0; i < 500; i++) {
        passed += ration_take(&ration, 1000, &suppressed);
    }
    assert_int_equal(passed, RATION_BURST);
    assert_false(ration_take(&ration, 1049, &suppressed));
    assert_true(ration_take(&ration, 1050, &suppressed));
    assert_int_equal(suppressed, 301);
    assert_false(ration_take(&ration, 1050, &suppressed));
    assert_true(ration_take(&ration, 1 << 30, &suppressed));
}

static void lines_left_out_are_told_once_the_plugin_is_quiet(void **state) {
    struct ration ration = {0};
    uint64_t suppressed = 0;
    for (int i = 0; i < RATION_BURST + 7; i++) {
        ration_take(&ration, 1000, &suppressed);
    }
    assert_int_equal(ration_settle(&ration, 1000 + RATION_QUIET_MS - 1, false), 0);
    assert_int_equal(ration_settle(&ration, 1000 + RATION_QUIET_MS, false), 7);
    assert_int_equal(ration_settle(&ration, 1000 + RATION_QUIET_MS, true), 0); /* told once */
    for (int i = 0; i < 30; i++) {
        ration_take(&ration, 2001, &suppressed);
    }
    assert_true(ration_settle(&ration, 2001, true) > 0); /* its life is over: now or never */
}

static void a_list_of_wanted_plugins_is_read_as_written(void **state) {
    assert_true(plugins_wants("*", "ping"));
    assert_true(plugins_wants("ping, counter", "counter"));
    assert_false(plugins_wants("ping, counter", "count"));
    assert_false(plugins_wants("*, !ping", "ping"));
    assert_false(plugins_wants("!ping,*", "ping"));
    assert_true(plugins_wants("*, !ping", "pin"));
    assert_false(plugins_wants("", "ping"));
    assert_false(plugins_wants(NULL, "ping"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_are_laid_out_as_they_were),
        cmocka_unit_test(what_is_asked_of_discord_is_laid_out_as_it_was),
        cmocka_unit_test(what_is_kept_is_laid_out_as_it_was),
        cmocka_unit_test(the_function_table_only_grows),
        cmocka_unit_test(constants_keep_their_values),
        cmocka_unit_test(the_constants_of_events_are_those_of_the_host),
        cmocka_unit_test(permissions_are_called_as_discord_calls_them),
        cmocka_unit_test(timers_keep_their_phase_and_do_not_pile_up),
        cmocka_unit_test(a_call_that_was_lost_does_not_hold_its_timer),
        cmocka_unit_test(a_ration_lets_a_burst_pass_and_counts_the_rest),
        cmocka_unit_test(lines_left_out_are_told_once_the_plugin_is_quiet),
        cmocka_unit_test(a_list_of_wanted_plugins_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
