/* tests/unit/plugin_requests.c: what plugins ask Discord for crosses the port whole, what comes
 * back finds the function by its name, in whatever generation. The test carries the requests. */
#include "plugin_rig.h"

#include "drey/drey.h"
#include "plugin/instance.h"
#include "plugin/port.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf asked; /* a line for each request */
static uint64_t seat;    /* of the last one */
static struct port_message last;
static struct buf declared; /* names of what is declared, or "gone" */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(&asked, format, args);
    va_end(args);
}

static void note_files(struct port_rest_view *view) {
    struct port_file file;
    const char *name;
    const char *type;
    const char *bytes;
    char content[64];
    for (uint32_t i = 0; i < view->head.file_count; i++) {
        assert_true(port_next_file(view, &file, &name, &type, &bytes));
        if (bytes != NULL) {
            note(" [%s %s %.*s]", name, type, (int)file.size, bytes);
        } else {
            ssize_t got = pread(file.fd, content, sizeof(content) - 1, 0);
            note(" [%s %s %s]", name, type == NULL ? "-" : type, got > 0 ? "read" : "empty");
        }
    }
}

static _Atomic bool takes_nothing;

static bool carry(void *arg, const struct plugins_asker *asker, const struct port_message *head,
                  const char *name, const void *data) {
    struct port_rest_view view;
    if (atomic_load(&takes_nothing)) {
        return false;
    }
    pthread_mutex_lock(&lock);
    seat = asker->seat;
    switch (head->kind) {
    case PORT_REST:
    case PORT_ANSWER:
        assert_true(port_read_rest(data, head->data_length, &view));
        last = *head;
        note("%s %u %s %s %s %s", head->kind == PORT_REST ? "rest" : "answer", view.head.method,
             view.path, view.body != NULL ? view.body : "-",
             view.reason != NULL ? view.reason : "-", name);
        note_files(&view);
        note("\n");
        port_close_files(data, head->data_length);
        break;
    case PORT_REST_CANCEL:
        note("cancel %d\n", head->number == last.number);
        break;
    case PORT_GATEWAY:
        note("gateway %u %s\n", (unsigned)head->number, (const char *)data);
        last = *head;
        break;
    case PORT_HANDLING:
        note("handling %s type %u\n", name, (unsigned)(head->more >> 32 & 0xff));
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&lock);
    return true;
}

static bool declare(void *arg, const struct plugins_asker *asker, const void *rows, size_t length,
                    bool check, struct err *err) {
    struct registration row;
    const char *text;
    size_t at = 0;
    if (check) {
        return true;
    }
    buf_clear(&declared);
    buf_text(&declared, rows == NULL ? "gone" : "");
    while (rows != NULL && registration_next(rows, length, &at, &row, &text)) {
        if (row.kind >= REGISTERED_COMMAND) {
            buf_printf(&declared, "%s:%s ", registration_kind_name(row.kind), row.name);
        }
    }
    return true;
}

static const char *has_asked;
static bool asked_for(struct rig *rig) {
    pthread_mutex_lock(&lock);
    bool found = asked.bytes != NULL && strstr(asked.bytes, has_asked) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static bool wrote(struct rig *rig) {
    struct buf out = {0};
    rig_output(rig, "a", "asker", &out);
    bool found = out.bytes != NULL && strstr(out.bytes, has_asked) != NULL;
    buf_finish(&out);
    return found;
}

static void await_asked(struct rig *rig, const char *text) {
    has_asked = text;
    rig_wait(rig, asked_for);
}

static void await_written(struct rig *rig, const char *text) {
    has_asked = text;
    rig_wait(rig, wrote);
}

static void open_with(struct rig *rig, const char *plugin) {
    buf_clear(&asked);
    buf_clear(&declared);
    rig->request = carry;
    rig->declare = declare;
    rig_open(rig, "asker", NULL);
    rig_put(rig, plugin, "asker.so", false);
    struct err err = {0};
    if (!plugins_load(rig->plugins, &err)) {
        fail_msg("%s", err.text);
    }
}

static void answer_with(struct rig *rig, const char *name, uint64_t cookie, int32_t result,
                        uint64_t more, const char *error, const char *body) {
    struct buf data = {0};
    struct port_parts parts = {(uint32_t)strlen(error), (uint32_t)strlen(body)};
    buf_append(&data, &parts, sizeof(parts));
    buf_append(&data, error, parts.first_length + 1);
    buf_append(&data, body, parts.second_length + 1);
    struct port_message head = {.kind = PORT_REST_DONE,
                                .status = result,
                                .number = last.number,
                                .extra = cookie,
                                .more = more,
                                .name_length = (uint32_t)strlen(name),
                                .data_length = (uint32_t)data.length};
    plugins_deliver(rig->plugins, seat, &head, name, data.bytes);
    buf_finish(&data);
}

static void calls_cross_with_everything_they_have(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    await_asked(&rig, "rest 0 /started/1 - - done\n");
    rig_event(&rig, "call");
    await_asked(&rig, "rest 0 /users/@me?x=1 - - done\n");
    answer_with(&rig, "done", 2, 0, 200, "", "{\"name\":\"drey\"}");
    await_written(&rig, "1 done 2 result 0 status 200 code 0 name drey error \n");
    answer_with(&rig, "done", 2, DREY_E_REFUSED, (uint64_t)50013 << 32 | 403, "Missing Permissions",
                "no json");
    await_written(&rig, "result -9 status 403 code 50013 name  error Missing Permissions\n");
    rig_event(&rig, "files");
    await_asked(&rig, "rest 1 /channels/7/messages {\"content\":\"files\"} because done "
                      "[a.txt text/plain hello] [comm - read]\n");
    rig_event(&rig, "cancel");
    await_asked(&rig, "cancel 1\n");
    rig_event(&rig, "presence");
    await_asked(&rig, "gateway 3 {\"status\":\"dnd\",\"activities\":[]}\n");
    rig_close(&rig);
}

static void a_message_carries_a_nonce_of_its_own(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "send");
    await_asked(&rig, "rest 1 /channels/7/messages {\"nonce\":\"");
    await_asked(&rig, "\",\"enforce_nonce\":true,\"content\": \"send\"} - done\n");
    rig_close(&rig);
}

static void what_breaks_a_rule_is_refused_and_never_sent(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "wrong");
    await_written(&rig, "method -2\npath -2\njson -2\nname -6\nstruct -2\narray -2\ngateway -2\n"
                        "reply -2\nend\n");
    assert_null(strstr(asked.bytes, "/a "));
    rig_close(&rig);
}

static void an_answer_goes_to_the_generation_that_serves_now(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "call");
    await_asked(&rig, "/users/@me");
    uint64_t before = seat;
    rig_put(&rig, "asker_2", "asker.so", false);
    assert_true(rig_reload(&rig, "asker", &text));
    await_asked(&rig, "/started/2");
    assert_int_equal(seat, before);
    answer_with(&rig, "done", 2, 0, 204, "", "");
    await_written(&rig, "2 done 2 result 0 status 204");
    buf_finish(&text);
    rig_close(&rig);
}

static void what_start_asked_for_is_not_sent_when_the_load_is_rolled_back(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    open_with(&rig, "asker");
    rig_put(&rig, "asker_bad_start", "asker.so", false);
    assert_false(rig_reload(&rig, "asker", &text));
    rig_event(&rig, "call"); /* the old one goes on */
    await_asked(&rig, "/users/@me");
    assert_null(strstr(asked.bytes, "/started/bad"));
    assert_non_null(strstr(declared.bytes, "command:roll "));
    buf_finish(&text);
    rig_close(&rig);
}

static void commands_are_declared_when_the_load_commits_and_gone_with_the_plugin(void **state) {
    struct rig rig = {0};
    struct err err = {0};
    open_with(&rig, "asker");
    assert_string_equal(declared.bytes,
                        "command:roll command:table subcommand:table add component:vote: "
                        "component:vote:no modal:form autocomplete:roll ");
    assert_true(plugins_unload(rig.plugins, "asker", &err));
    assert_string_equal(declared.bytes, "gone");
    rig_close(&rig);
}

static void a_malformed_command_refuses_the_plugin_with_the_broken_rule(void **state) {
    struct rig rig = {0};
    struct buf text = {0};
    open_with(&rig, "asker");
    rig_put(&rig, "asker_bad_command", "asker.so", false);
    assert_false(rig_reload(&rig, "asker", &text));
    assert_non_null(strstr(text.bytes, "name"));

    buf_finish(&text);
    rig_close(&rig);
}

static void interaction(struct rig *rig, const char *rest) {
    char d[1024];
    char message[1200];
    snprintf(d, sizeof(d), "{\"id\":\"77\",\"application_id\":\"5\",\"token\":\"****\",%s}", rest);
    int head =
        snprintf(message, sizeof(message),
                 "{\"t\":\"INTERACTION_CREATE\",\"s\":%" PRIu64 ",\"op\":0,\"d\":", ++rig->seq);
    int length = head + snprintf(message + head, sizeof(message) - (size_t)head, "%s}", d);
    uint8_t *space = NULL;
    while (!ring_reserve(rig->rings[0], (uint64_t)length, &space)) {
        sched_yield();
    }
    memcpy(space, message, (size_t)length);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = EVENT_INTERACTION_CREATE,
                                 .seq = rig->seq,
                                 .received_ms = clock_wall_ms(),
                                 .length = (uint32_t)length,
                                 .d_offset = (uint32_t)head,
                                 .d_length = (uint32_t)strlen(d),
                                 .t_offset = 6,
                                 .t_length = 18};
    ring_publish(rig->rings[0], &record);
    ring_wake(rig->rings[0]);
}

static void each_interaction_finds_its_function(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    interaction(&rig, "\"type\":2,\"data\":{\"type\":1,\"name\":\"roll\",\"options\":["
                      "{\"name\":\"sides\",\"type\":4,\"value\":6},"
                      "{\"name\":\"reason\",\"type\":3,\"value\":\"f\\u0075n\"},"
                      "{\"name\":\"open\",\"type\":5,\"value\":true},"
                      "{\"name\":\"for\",\"type\":6,\"value\":\"123\"}]}");
    await_written(&rig, "roll 6 fun 1 123\n");
    await_asked(&rig, "handling /roll type 2\n");
    await_asked(&rig, "answer 1  {\"content\": \"4\"} - \n");
    interaction(&rig, "\"type\":2,\"data\":{\"type\":1,\"name\":\"table\",\"options\":["
                      "{\"name\":\"add\",\"type\":1,\"options\":[{\"name\":\"row\",\"type\":3,"
                      "\"value\":\"x\"}]}]}");
    await_written(&rig, "table add x\n");
    interaction(&rig, "\"type\":2,\"data\":{\"type\":1,\"name\":\"table\",\"options\":["
                      "{\"name\":\"show\",\"type\":1}]}");
    await_written(&rig, "\ntable\n");
    await_asked(&rig, "answer 2  - - \n");
    interaction(&rig, "\"type\":3,\"data\":{\"component_type\":2,\"custom_id\":\"vote:yes\"}");
    await_written(&rig, "vote vote:yes\n");
    interaction(&rig, "\"type\":3,\"data\":{\"component_type\":2,\"custom_id\":\"vote:no:1\"}");
    await_written(&rig, "no vote:no:1\n");
    await_asked(&rig, "answer 12  \"cannot say \\\"no\\\"\" - \n");
    interaction(&rig, "\"type\":5,\"data\":{\"custom_id\":\"form:1\",\"components\":["
                      "{\"type\":1,\"components\":[{\"type\":4,\"custom_id\":\"title\",\"value\":"
                      "\"T\"}]},{\"type\":18,\"component\":{\"type\":4,\"custom_id\":\"text\","
                      "\"value\":\"U\"}}]}");
    await_written(&rig, "form T U\n");
    interaction(&rig, "\"type\":4,\"data\":{\"type\":1,\"name\":\"roll\",\"options\":["
                      "{\"name\":\"reason\",\"type\":3,\"value\":\"f\",\"focused\":true}]}");
    await_written(&rig, "complete f\n");
    await_asked(&rig, "handling autocomplete of /roll type 4\n");
    interaction(&rig, "\"type\":3,\"data\":{\"component_type\":2,\"custom_id\":\"other\"}");
    interaction(&rig, "\"type\":2,\"data\":{\"type\":2,\"name\":\"roll\"}"); /* a user command */
    rig_event(&rig, "call");
    await_asked(&rig, "/users/@me");
    assert_null(strstr(asked.bytes, "other"));
    rig_close(&rig);
}

static void members_come_in_chunks_and_end_once(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "members");
    await_asked(&rig, "gateway 8 ");
    static const char body[] = "{\"members\":[{\"nick\":\"ann\"}]}";
    struct {
        struct port_parts parts;
        char texts[sizeof(body) + 1];
    } data = {{0, sizeof(body) - 1}, ""};
    memcpy(data.texts + 1, body, sizeof(body));
    struct port_message head = {.kind = PORT_MEMBERS,
                                .extra = 5,
                                .number = DREY_MEMBERS_LAST,
                                .more = (uint64_t)2 << 32 | 1,
                                .name_length = 7,
                                .data_length = sizeof(data.parts) + sizeof(body) + 1};
    plugins_deliver(rig.plugins, seat, &head, "members", &data);
    await_written(&rig, "members 5 result 0 chunk 1 of 2 first ann last\n");
    rig_close(&rig);
}

static void files_from_memory_stay_within_their_bound(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "too large");
    await_written(&rig, "too large -2\nlarge 1\n");
    rig_close(&rig);
}

static void what_is_not_taken_is_said_at_once(bool process) {
    struct rig rig = {.process = process};
    open_with(&rig, "asker");
    await_asked(&rig, "/started/1");
    atomic_store(&takes_nothing, true);
    rig_event(&rig, "presence");
    rig_event(&rig, "members");
    rig_event(&rig, "call");
    await_written(&rig, "presence -5\nasked -5\ncall 0\n");
    atomic_store(&takes_nothing, false);
    rig_event(&rig, "presence");
    rig_event(&rig, "members");
    rig_event(&rig, "call");
    await_written(&rig, "call 0\npresence 0\nasked 0\ncall 1\n"); /* and nothing came of those */
    await_asked(&rig, "/users/@me?x=1");
    answer_with(&rig, "done", 2, 0, 200, "", "{}");
    await_written(&rig, "call 1\n1 done 2 result 0 status 200");
    rig_close(&rig);
}

static void a_thread_is_told_at_once_what_is_not_taken(void **state) {
    what_is_not_taken_is_said_at_once(false);
}

static void a_process_is_told_at_once_what_is_not_taken(void **state) {
    what_is_not_taken_is_said_at_once(true);
}

static int passes;
static bool has_passed(struct rig *rig) {
    return ++passes > 2;
}

/* Lets everything that was delivered reach the plugin's box. */
static void pass_on(struct rig *rig) {
    passes = 0;
    rig_wait(rig, has_passed);
}

enum { LARGE = 16 << 20 };

/* An answer of 16 MiB, of which nothing has to be read: an error text that is empty at once. */
static void deliver_large(struct rig *rig, uint32_t kind, const char *name, uint64_t number,
                          uint64_t more) {
    struct port_parts parts = {LARGE, 2};
    struct buf data = {0};
    assert_true(buf_reserve(&data, sizeof(parts) + LARGE + 4));
    buf_append(&data, &parts, sizeof(parts));
    memset(data.bytes + data.length, 0, LARGE + 1);
    data.length += LARGE + 1;
    buf_append(&data, "{}", 3);
    struct port_message head = {.kind = kind,
                                .extra = 5,
                                .number = number,
                                .more = more,
                                .name_length = (uint32_t)strlen(name),
                                .data_length = (uint32_t)data.length};
    plugins_deliver(rig->plugins, seat, &head, name, data.bytes);
    buf_finish(&data);
}

static void unblock(const struct rig *rig) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/a.asker.out.go", rig->home);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void who_does_not_take_its_answers_may_not_ask_for_more(void **state) {
    struct rig rig = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "block");
    await_written(&rig, "blocked\n");
    for (int i = 0; i < 5; i++) {
        deliver_large(&rig, PORT_REST_DONE, "done", 0, 200);
    }
    answer_with(&rig, "done", 99, 0, 200, "", "{}");
    pass_on(&rig);
    unblock(&rig);
    await_written(&rig, "blocked answer -5\nblocked call -5\n"
                        "blocked quiet 1\n");             /* nobody waits for that one */
    await_written(&rig, "1 done 99 result 0 status 200"); /* it has taken them */
    rig_event(&rig, "call");
    await_written(&rig, "\ncall 1\n");
    rig_close(&rig);
}

static void members_that_nobody_takes_end_their_request(void **state) {
    struct rig rig = {0};
    struct buf out = {0};
    open_with(&rig, "asker");
    rig_event(&rig, "block");
    await_written(&rig, "blocked\n");
    for (uint64_t i = 0; i < 9; i++) {
        deliver_large(&rig, PORT_MEMBERS, "members", (uint64_t)77 << 32, (uint64_t)9 << 32 | i);
    }
    deliver_large(&rig, PORT_MEMBERS, "members", (uint64_t)77 << 32 | DREY_MEMBERS_LAST, 0);
    pass_on(&rig);
    unblock(&rig);
    await_written(&rig, "members 5 result -5 chunk 4 of 9 first  last\n");
    deliver_large(&rig, PORT_MEMBERS, "members", (uint64_t)78 << 32, (uint64_t)1 << 32);
    deliver_large(&rig, PORT_MEMBERS, "members", (uint64_t)77 << 32 | DREY_MEMBERS_LAST, 0);
    await_written(&rig, "first  last\nmembers 5 result 0 chunk 0 of 1 first \n"
                        "members 5 result 0 chunk 0 of 0 first  last\n");
    rig_output(&rig, "a", "asker", &out);
    assert_null(strstr(out.bytes, "chunk 5 of 9"));
    buf_finish(&out);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_cross_with_everything_they_have),
        cmocka_unit_test(a_message_carries_a_nonce_of_its_own),
        cmocka_unit_test(what_breaks_a_rule_is_refused_and_never_sent),
        cmocka_unit_test(an_answer_goes_to_the_generation_that_serves_now),
        cmocka_unit_test(what_start_asked_for_is_not_sent_when_the_load_is_rolled_back),
        cmocka_unit_test(commands_are_declared_when_the_load_commits_and_gone_with_the_plugin),
        cmocka_unit_test(a_malformed_command_refuses_the_plugin_with_the_broken_rule),
        cmocka_unit_test(each_interaction_finds_its_function),
        cmocka_unit_test(members_come_in_chunks_and_end_once),
        cmocka_unit_test(files_from_memory_stay_within_their_bound),
        cmocka_unit_test(who_does_not_take_its_answers_may_not_ask_for_more),
        cmocka_unit_test(a_thread_is_told_at_once_what_is_not_taken),
        cmocka_unit_test(a_process_is_told_at_once_what_is_not_taken),
        cmocka_unit_test(members_that_nobody_takes_end_their_request),
    };
    int failed = cmocka_run_group_tests_name("plugin_requests", tests, NULL, NULL);
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* for who looks for leaks */
    buf_finish(&asked);
    buf_finish(&declared);
    return failed;
}
